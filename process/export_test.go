package process

// Finishing reports whether the grace is over, and stdout read to what was in
// its pipe at that moment.
func (p *Process) Finishing() bool { return p.pipes[0].Finishing() }

// ForgetMain has this process be one that has not called Main.
func ForgetMain() (restore func()) {
	mainCalled.Store(false)
	return func() { mainCalled.Store(true) }
}

// Hear does what the end of the mirror's context brings about, and returns when
// it is done.
func (p *Process) Hear() { p.hear() }
