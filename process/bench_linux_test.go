package process_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/process"
)

func init() {
	workers["bench starts"] = benchStarts
	workers["bench idle"] = benchIdle
}

// benchStarts starts /bin/true n times, one after the other, and tells in
// nanoseconds the median of the starts alone, and of starts with ends.
func benchStarts(args []string) {
	if args[0] == "guard" {
		must(process.Guard())
		process.Start(context.Background(), syncstream.New(syncstream.Config{}), exec.Command("true"), process.Config{}) // it is up
	}
	n, _ := strconv.Atoi(args[1])
	var starts, ends []time.Duration
	b := syncstream.New(syncstream.Config{MaxSources: 10})
	for range n {
		cmd := exec.Command("/bin/true")
		begin := time.Now()
		var end func()
		if args[0] == "os/exec" {
			must(cmd.Start())
			end = func() { cmd.Wait() }
		} else {
			p, err := process.Start(context.Background(), b, cmd, process.Config{})
			must(err)
			end = func() { p.Wait() }
		}
		starts = append(starts, time.Since(begin))
		end()
		ends = append(ends, time.Since(begin))
	}
	slices.Sort(starts)
	slices.Sort(ends)
	fmt.Println(int64(starts[n/2]), int64(ends[n/2]))
}

// BenchmarkStart is the price of a start beside that of os/exec, which gives its
// child no pipes. Each runs in a process of its own, of the same size, since a
// fork costs the more the larger its process is, and a guard can't be ended.
func BenchmarkStart(b *testing.B) {
	for _, how := range []string{"os/exec", "process", "guard"} {
		b.Run(how, func(b *testing.B) {
			out, err := self("bench starts", how, strconv.Itoa(b.N)).Output()
			var start, end float64
			if _, err2 := fmt.Sscan(string(out), &start, &end); err != nil || err2 != nil {
				b.Fatalf("%v, %v: %q", err, err2, out)
			}
			b.ReportMetric(start, "start-ns")
			b.ReportMetric(end, "start+end-ns")
		})
	}
}

// benchIdle has n workers that do nothing, tells what that costs this process,
// and then how long it takes to stop them all.
func benchIdle(args []string) {
	if args[0] == "guard" {
		must(process.Guard())
	}
	n, _ := strconv.Atoi(args[1])
	b := syncstream.New(syncstream.Config{})
	before, _ := memoryAndTime()
	var group process.Group
	for range n {
		_, err := group.Start(context.Background(), b, exec.Command("sleep", "1000"), process.Config{})
		must(err)
	}
	memory, used := memoryAndTime()
	<-time.After(time.Second)
	_, later := memoryAndTime()
	begin := time.Now()
	group.Stop()
	group.Wait()
	fmt.Println((memory - before), int64(later-used), int64(time.Since(begin)))
}

// memoryAndTime returns what this process has in memory, in bytes, and the
// processor time that it has used.
func memoryAndTime() (int64, time.Duration) {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kib, _ := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	return kib << 10, time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkIdle is what 1,000 workers cost that do nothing: memory, beside that
// of a process without, processor time in a second, and the time of a stop.
func BenchmarkIdle(b *testing.B) {
	for _, how := range []string{"process", "guard"} {
		b.Run(how, func(b *testing.B) {
			var memory, used, stop float64
			for b.Loop() {
				out, err := self("bench idle", how, "1000").Output()
				if _, err2 := fmt.Sscan(string(out), &memory, &used, &stop); err != nil || err2 != nil {
					b.Fatalf("%v, %v: %q", err, err2, out)
				}
			}
			b.ReportMetric(memory/(1<<20), "MiB")
			b.ReportMetric(used/1e6, "ms/s")
			b.ReportMetric(stop/1e6, "stop-ms")
		})
	}
}
