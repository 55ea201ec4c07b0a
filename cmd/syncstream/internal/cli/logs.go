package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
	"github.com/syncstream/syncstream/sink"
)

// logOptions say where lines are kept.
type logOptions struct {
	file     string
	dir      string
	maxBytes int64
	maxFiles int
}

func (o *logOptions) define(f flags) {
	o.maxFiles = sink.DefaultMaxFiles
	f.add("log", "", "append all lines to `FILE` too, as --prefix and --timestamps have them; where there is no terminal, SIGHUP opens it anew", newFile(&o.file))
	f.add("log-dir", "", "append each worker's lines, without a prefix, to a file of its own in `DIR`, NAME.log", newFolder(&o.dir))
	f.add("log-max-bytes", "", "rotate a log that would grow over so many `BYTES`", size(&o.maxBytes))
	f.add("log-max-files", "5", "keep `N` files of a log that is rotated, FILE.1 being the newest of the old", count(&o.maxFiles, 1))
}

// logs are the log files of a run. A nil one has none.
type logs struct {
	sinks []syncstream.Sink
	dir   *logDir
	file  *sink.File // nil, if there is none
}

// openLogs opens the log files; shown is what the screen shows.
func (o *logOptions) openLogs(shown view.Config) (l logs, err error) {
	if o.file != "" {
		if l.file, err = o.open(o.file); err != nil {
			return logs{}, err
		}
		l.sinks = append(l.sinks, logView(l.file, shown, shown.Prefix))
	}
	if o.dir == "" {
		return l, nil
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return logs{}, fmt.Errorf("make the folder of the logs: %w", err)
	}
	l.dir = &logDir{options: o, shown: shown, open: make(map[*syncstream.Source]workerLog)}
	l.sinks = append(l.sinks, l.dir)
	return l, nil
}

func (o *logOptions) open(path string) (*sink.File, error) {
	return sink.OpenFile(sink.FileConfig{Path: path, MaxBytes: o.maxBytes, MaxFiles: o.maxFiles})
}

// logView returns a sink that writes all lines to w, as they came.
func logView(w io.Writer, shown view.Config, p view.Prefix) *view.View {
	return view.New(view.Config{Stdout: w, Stderr: w, Prefix: p, Timestamps: shown.Timestamps, Workers: shown.Workers})
}

// exist reports whether there are logs.
func (l *logs) exist() bool { return len(l.sinks) > 0 }

// reopen opens all files anew, as after another program has renamed them.
func (l *logs) reopen() (err error) {
	if l.file != nil {
		err = l.file.Reopen()
	}
	if l.dir != nil {
		err = errors.Join(err, l.dir.reopen())
	}
	return err
}

func (l *logs) close() (err error) {
	if l.file != nil {
		err = l.file.Close()
	}
	return err
}

// logDir is a sink with a file for each worker.
type logDir struct {
	options *logOptions
	shown   view.Config

	mu   sync.Mutex // guards what follows
	open map[*syncstream.Source]workerLog
}

// workerLog is the log of one worker.
type workerLog struct {
	file *sink.File
	view *view.View
}

// String names the sink where a worker waits for it.
func (d *logDir) String() string { return "--log-dir " + d.options.dir }

// WriteBatches writes batches to the logs of their workers.
func (d *logDir) WriteBatches(batches []*syncstream.Batch) error {
	for len(batches) > 0 {
		n := 1
		for n < len(batches) && batches[n].Source() == batches[0].Source() {
			n++
		}
		log, err := d.of(batches[0].Source())
		if err != nil {
			return err
		}
		if err := log.view.WriteBatches(batches[:n]); err != nil {
			return err
		}
		batches = batches[n:]
	}
	return nil
}

// CloseSource closes a worker's log, which is there also if it has printed
// nothing.
func (d *logDir) CloseSource(s syncstream.SourceStatus) error {
	log, err := d.of(s.Source)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, s.Source)
	return errors.Join(log.view.Close(), log.file.Close())
}

// of returns the log of a worker.
func (d *logDir) of(source *syncstream.Source) (workerLog, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if log, ok := d.open[source]; ok {
		return log, nil
	}
	file, err := d.options.open(filepath.Join(d.options.dir, fileName(source)+".log"))
	if err != nil {
		return workerLog{}, err
	}
	none, _ := view.ParsePrefix("none")
	log := workerLog{file, logView(file, d.shown, none)}
	d.open[source] = log
	return log, nil
}

func (d *logDir) reopen() (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, log := range d.open {
		err = errors.Join(err, log.file.Reopen())
	}
	return err
}

// fileName returns a worker's name as that of a file. One that would leave the
// folder, or hide in it, is changed, and ends with the worker's number behind a ~
// then; so does one that has a ~, lest it be that of another.
func fileName(source *syncstream.Source) string {
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == os.PathSeparator || r == ':' {
			return '_'
		}
		return r
	}, strings.TrimLeft(source.Name, "."))
	if name != source.Name || strings.Contains(name, "~") {
		name = fmt.Sprintf("%s~%d", name, source.Rank)
	}
	return name
}
