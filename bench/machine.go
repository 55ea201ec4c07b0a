//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// A machine is what the figures hold for.
type machine struct {
	CPU    string
	Cores  int
	Memory string
	Kernel string
	Go     string
	CC     string
	Date   string
	Load   string // the load average when the measuring ended
}

func thisMachine(ctx context.Context) machine {
	return machine{
		CPU:    field("/proc/cpuinfo", "model name"),
		Cores:  runtime.NumCPU(),
		Memory: field("/proc/meminfo", "MemTotal"),
		Kernel: "Linux " + firstLine("/proc/sys/kernel/osrelease"),
		Go:     fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH),
		CC:     said(ctx, "cc", "--version"),
		Date:   time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		Load:   firstLine("/proc/loadavg"),
	}
}

// field is the value of the first `name : value` line of a file.
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// said is the first line that a program prints.
func said(ctx context.Context, argv ...string) string {
	text, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
