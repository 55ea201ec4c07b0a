package cli

import (
	"fmt"
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
		}
		if got != c.want {
			t.Errorf("%s: %s; want %s", c.why, got, c.want)
		}
	}
}
