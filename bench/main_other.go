//go:build !linux

package main

import "log"

func main() { log.Fatal("bench: the benchmark needs Linux") }
