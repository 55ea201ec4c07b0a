package process

import (
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// strangerTime is how long after a death somebody looks for strangers: many that
// die together cost one look, and no worker waits for it.
const strangerTime = 100 * time.Millisecond

// everyDeath calls reap soon after children have died, for ever.
func everyDeath(reap func()) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	reap()
	for range died {
		time.Sleep(strangerTime)
		reap()
	}
}

// beInit reaps strangers, if this program is process 1 of a container: all
// orphans there become its children, and stay as zombies else.
func beInit() {
	if os.Getpid() == 1 {
		go everyDeath(reapStrangers)
	}
}

// reapStrangers reaps the dead children that nobody here has started. What was
// started by package os has a descriptor of the process until it is waited for.
// Nobody may fork meanwhile, lest a number become another's.
func reapStrangers() {
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	var dead []int
	for _, pid := range children() {
		if s, ok := readStat(pid); ok && s.state == 'Z' {
			dead = append(dead, pid)
		}
	}
	if len(dead) == 0 {
		return
	}
	started, ok := pidfds()
	for _, pid := range dead {
		if ok && !started[pid] {
			_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		}
	}
}

// pidfds returns the processes that this one has descriptors of. It reports
// false where the system has no such descriptors.
func pidfds() (pids map[int]bool, ok bool) {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return nil, false
	}
	defer unix.Close(fd)
	pids = map[int]bool{}
	infos, _ := filepath.Glob("/proc/self/fdinfo/*")
	for _, info := range infos {
		text, _ := os.ReadFile(info)
		_, after, _ := strings.Cut(string(text), "\nPid:")
		number, _, _ := strings.Cut(after, "\n")
		if pid, err := strconv.Atoi(strings.TrimSpace(number)); err == nil {
			pids[pid] = true
		}
	}
	return pids, pids[os.Getpid()]
}
