package cli

// manualSection is a section of a man page that help has no room for.
type manualSection struct{ title, text string }

// runManual is what the man page of run has besides what help says.
var runManual = []manualSection{
	{"EXIT STATUS", `0: all is well; with --until, a line has matched.
1: with --until, no line has; with --fail-on, one has; or the output can't be written.
2: the usage is wrong, and nothing was run.
124: the time of --timeout was over.
126, 127: a worker can't be run, or is not found.
128 and a number: a worker was killed by that signal.
129, 130, 143: SIGHUP, Ctrl-C or SIGTERM has ended the run.
141: the reader of our stdout has gone away.
Any other: the worker's that failed first. With --success, that of the worker which it names; if that one was stopped before it had ended, the first failure counts. A worker that we stopped has not failed.
Of several reasons to end the run, the first decides.`},
	{"SIGNALS", `SIGINT, SIGTERM and SIGHUP: the process group of each worker gets the signal of --stop-signal, and is killed after the time of --grace. What workers print meanwhile is shown. The same signal within 50 ms counts as one, since a terminal that goes away tells it twice. A second signal kills at once; a third ends syncstream itself.
SIGHUP, where there are logs and no terminal: the logs are opened anew, as after another program has renamed them.
SIGTSTP, Ctrl-Z: the workers are suspended, and go on when we do.
SIGWINCH: the terminals of --pty get the new size.
What nohup has us ignore is ignored.`},
	{"FILES", `A Procfile has lines such as 'web: npm start'. Blank lines, and those that begin with #, count for nothing.
The file .env beside it has lines such as 'PORT=5000' or 'export PORT=5000'. In single quotes nothing is special; in double quotes a backslash is. Quotes may go over several lines. Nothing is expanded. The first command of a Procfile finds in PORT what .env or the environment says, or else 5000, and each that follows 100 more; --env PORT=N gives all the same.`},
}
