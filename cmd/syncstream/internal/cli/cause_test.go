package cli

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestFindCause(t *testing.T) {
	for _, c := range []struct{ text, want, why string }{
		{`starting
panic: runtime error: index out of range [3] with length 2

goroutine 1 [running]:
main.pick(...)
	/src/app/main.go:12
main.main()
	/src/app/main.go:7 +0x1d
exit status 2`, "panic: runtime error: index out of range [3] with length 2 (/src/app/main.go:12)", "a Go panic"},
		{`panic: boom [recovered]
	panic: boom

goroutine 7 [running]:
testing.tRunner.func1.2({0x51})
	/usr/local/go/src/testing/testing.go:1632 +0x230
panic({0x51})
	/usr/local/go/src/runtime/panic.go:785 +0x132
example.com/x.Do(0x0)
	/src/x/x.go:9 +0x18`, "panic: boom [recovered] (/src/x/x.go:9)", "what the runtime adds is not the place"},
		{`fatal error: all goroutines are asleep - deadlock!

goroutine 1 [chan receive]:
main.main()
	/src/main.go:5 +0x2c`, "fatal error: all goroutines are asleep - deadlock! (/src/main.go:5)", "an error of Go's runtime"},
		{"panic: not one\nall is well", "none", "a line that only looks like a panic"},
		{`Traceback (most recent call last):
  File "/app/train.py", line 3, in <module>
    main()
  File "/app/model.py", line 40, in main
    raise ValueError("bad shape")
ValueError: bad shape
`, "ValueError: bad shape (/app/model.py:40)", "a Python traceback"},
		{`Traceback (most recent call last):
  File "a.py", line 2, in f
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 4, in <module>
    f()
    ~^^
app.errors.Missing: no x`, "app.errors.Missing: no x (a.py:4)", "the last of several tracebacks"},
		{"Traceback (most recent call last):\n  File \"a.py\", line 2, in f", "none", "a traceback that is cut off"},
		{`panic: cannot open x

goroutine 1 [running]:
log.Panicf({0x4a1f0b?, 0x60?}, {0xc00005e728?, 0x0?, 0x0?})
	/usr/local/go/src/log/log.go:460 +0x79
main.main()
	/src/app/main.go:3 +0x45`, "panic: cannot open x (/src/app/main.go:3)", "the standard library is not the place"},
		{`fatal error: sync: unlock of unlocked mutex

goroutine 1 [running]:
internal/sync.fatal({0x493d22?, 0x486460?})
	runtime/panic.go:1191 +0x18
sync.(*Mutex).Unlock(...)
	sync/mutex.go:65
log/app.main()
	example.com/log/app/main.go:3 +0x2d`, "fatal error: sync: unlock of unlocked mutex (example.com/log/app/main.go:3)", "built with -trimpath, and a package that looks like one of Go's"},
		{`panic: x

goroutine 1 [running]:
log.Panicf({0x4a1f0b?, 0x60?})
	/usr/local/go/src/log/log.go:460 +0x79`, "panic: x (/usr/local/go/src/log/log.go:460)", "there is no other place"},
		{`panic: in a goroutine

goroutine 21 gp=0x3c48ab880780 m=0 mp=0x547f80 [running]:
panic({0x48d120?, 0x4ab040?})
	/usr/local/go/src/runtime/panic.go:879 +0x16f fp=0x3c48ab7f3fc0 sp=0x3c48ab7f3f10 pc=0x47670f
main.work()
	/src/main.go:3 +0x25 fp=0x3c48ab7f3fe0 sp=0x3c48ab7f3fc0 pc=0x484d65
created by main.main in goroutine 1
	/src/main.go:4 +0x3f`, "panic: in a goroutine (/src/main.go:3)", "GOTRACEBACK=system"},
		{`SIGQUIT: quit
PC=0x40816e m=0 sigcode=0

goroutine 1 gp=0x1062571801e0 m=0 mp=0x5572a0 [running]:
syscall.Kill(0x27?, 0x0?)
	/usr/local/go/src/syscall/zsyscall_linux_amd64.go:611 +0x25 fp=0x1062571fcf08 sp=0x1062571fced8 pc=0x483445
main.main()
	/src/main.go:3 +0x47 fp=0x1062571fcf48 sp=0x1062571fcf08 pc=0x4897a7

rax    0x0`, "SIGQUIT: quit (/src/main.go:3)", "a signal that Go's runtime tells of"},
		{`==================
WARNING: DATA RACE
Read at 0x00c00009e028 by goroutine 8:
  main.main.func1()
      /src/race/main.go:3 +0x2e

Goroutine 8 (running) created at:
  sync.(*WaitGroup).Go()
      /usr/local/go/src/sync/waitgroup.go:238 +0x72
==================
Found 1 data race(s)`, "WARNING: DATA RACE (/src/race/main.go:3)", "Go's race detector"},
		{`  File "/app/x.py", line 2
    def f(:
          ^
SyntaxError: invalid syntax`, "SyntaxError: invalid syntax (/app/x.py:2)", "a Python program that can't be read"},
		{"  File \"/app/x.py\", line 2\nis what it reads", "none", "a place alone"},
		{"  File \"/app/x.py\", line 2\n" + strings.Repeat("  x\n", 10) + "SyntaxError: x", "none", "nobody looks far from a place"},
		{`Traceback (most recent call last):
  File "/app/a.py", line 2, in load
    open("/no")
FileNotFoundError: [Errno 2] No such file: '/no'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/a.py", line 8, in <module>
    main()
  File "/app/a.py", line 7, in main
    raise RuntimeError("cannot load") from e
RuntimeError: cannot load`, "RuntimeError: cannot load (/app/a.py:7), behind it FileNotFoundError: [Errno 2] No such file: '/no' (/app/a.py:2)", "raise … from"},
		{`multiprocessing.pool.RemoteTraceback: 
"""
Traceback (most recent call last):
  File "/usr/lib/python3.11/multiprocessing/pool.py", line 125, in worker
    result = (True, func(*args, **kwds))
  File "/app/mp.py", line 3, in f
    raise ValueError("in pool 1")
ValueError: in pool 1
"""

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/mp.py", line 5, in <module>
    with mp.Pool(2) as p: p.map(f, [1])
  File "/usr/lib/python3.11/multiprocessing/pool.py", line 774, in get
    raise self._value
ValueError: in pool 1`, "ValueError: in pool 1 (/app/mp.py:5), behind it ValueError: in pool 1 (/app/mp.py:3)", "Python's libraries are not the place"},
		{`Traceback (most recent call last):
  File "/usr/local/bin/tool", line 8, in <module>
    sys.exit(main())
  File "/usr/local/lib/python3.11/site-packages/tool/main.py", line 4, in main
    raise OSError("x")
OSError: x`, "OSError: x (/usr/local/lib/python3.11/site-packages/tool/main.py:4)", "there is no other place, as the installed program is only a call"},
		{`  + Exception Group Traceback (most recent call last):
  |   File "/app/tg.py", line 6, in <module>
  |     asyncio.run(main())
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/tg.py", line 2, in bad
    |     async def bad(): raise ValueError("one")
    | ValueError: one
    +------------------------------------`, "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception) (/app/tg.py:6), behind it ValueError: one (/app/tg.py:2)", "a group of exceptions"},
		{`  + Exception Group Traceback (most recent call last):
  |   File "/app/g.py", line 1, in <module>
  | ExceptionGroup: several (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: one
    +---------------- 2 ----------------
    | TypeError: two
    +------------------------------------`, "ExceptionGroup: several (2 sub-exceptions) (/app/g.py:1), behind it ValueError: one (:0)", "a group of exceptions that were never raised"},
		{`Fatal Python error: Segmentation fault

Current thread 0x00007f795986bb80 (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "/app/fault.py", line 3 in crash
  File "/app/fault.py", line 4 in <module>`, "Fatal Python error: Segmentation fault (/app/fault.py:3)", "Python's fault handler"},
		{`/app/server.js:3
    throw new Error("boom");
    ^

Error: boom
    at start (/app/server.js:3:11)
    at Module._compile (node:internal/modules/cjs/loader:1554:14)

Node.js v22.1.0`, "Error: boom (/app/server.js:3)", "Node"},
		{`TypeError: x is not a function
    at node:internal/process/task_queues:95:5
    at file:///app/a.mjs:7:1`, "TypeError: x is not a function (file:///app/a.mjs:7)", "Node's own places don't count"},
		{`Exception in thread "main" java.lang.IllegalStateException: cannot start
	at app.Main.main(Main.java:9)
Caused by: java.io.IOException: no disk
	at java.base/java.io.File.open(Native Method)
	at app.Store.open(Store.java:21)
	... 1 more`, "java.io.IOException: no disk (Store.java:21)", "Java, and the cause behind the cause"},
		{"\x1b[31mTraceback (most recent call last):\x1b[0m\n  File \x1b[35m\"a.py\"\x1b[0m, line \x1b[35m2\x1b[0m, in f\n\x1b[1;35mKeyError\x1b[0m: 'x'", "KeyError: 'x' (a.py:2)", "in colour, as Python has it on a terminal"},
		{"Error: no such file\nusage: x", "none", "an error without a place"},
		{"", "none", "nothing"},
	} {
		got := "none"
		if found := findCause(strings.Split(c.text, "\n")); found != nil {
			got = fmt.Sprintf("%s (%s:%d)", found.Text, found.File, found.Line)
			for c := found.Behind; c != nil; c = c.Behind {
				got += fmt.Sprintf(", behind it %s (%s:%d)", c.Text, c.File, c.Line)
			}
		}
		if got != c.want {
			t.Errorf("%s: %s; want %s", c.why, got, c.want)
		}
	}
}

// What tells Go's own packages from others is as this Go has it.
func TestGoRoots(t *testing.T) {
	out, err := exec.Command("go", "list", "std").Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(out)) {
		root, _, _ := strings.Cut(strings.TrimSpace(line), "/")
		if root != "vendor" && !slices.Contains(want, root) {
			want = append(want, root)
		}
	}
	if !slices.Equal(goRoots, want) {
		t.Errorf("goRoots is\n%q, want\n%q", goRoots, want)
	}
}
