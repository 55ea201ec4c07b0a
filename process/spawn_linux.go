package process

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// spawn calls start on the thread that starts all children. A child is killed
// when the thread ends that forked it, not only when its process does; and any
// goroutine that locks its thread and returns ends a thread.
func spawn(start func() error) error {
	spawner.once.Do(func() {
		go spawner.run()
		beInit()
	})
	result := make(chan error, 1)
	spawner.starts <- func() { result <- start() }
	return <-result
}

var spawner = &spawning{starts: make(chan func())}

type spawning struct {
	once   sync.Once
	starts chan func()
}

// run never returns.
func (s *spawning) run() {
	runtime.LockOSThread()
	for start := range s.starts {
		start()
	}
}

// dieWithUs has cmd killed when this process ends, however it does.
func dieWithUs(cmd *exec.Cmd) {
	if cmd.SysProcAttr.Pdeathsig == 0 {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
}
