package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// What a [FileConfig] that says nothing gives.
const (
	DefaultMaxFiles    = 5
	DefaultPermissions = fs.FileMode(0o644)
)

// FileConfig says where a log file is and how it is rotated. A negative number
// makes [OpenFile] panic.
type FileConfig struct {
	// Path is where the file is. Older ones stand beside it, Path.1 being the
	// newest of them. A link is followed: it stays, and the older ones stand
	// beside the file that it leads to.
	Path string
	// MaxBytes is how large a file may grow; if zero, it is not rotated. Only
	// a single row can make it larger. A device or a pipe is never rotated.
	MaxBytes int64
	// MaxFiles is how many files are kept, the one that is written to
	// included; if zero, DefaultMaxFiles.
	MaxFiles int
	// Permissions are those of new files; if zero, DefaultPermissions.
	Permissions fs.FileMode
}

// File is a log file that is rotated by size and can be opened anew: what
// [NewText] and [NewJSON] write to. All its methods may be called by any
// goroutine at any time. One program at a time may rotate a file.
type File struct {
	config FileConfig

	mu   sync.Mutex // held while files are written and renamed; guards what follows
	file *os.File   // nil once closed
	path string     // of the file, behind all links; empty, if it can't be rotated
	size int64
	open bool // it ends inside a row
	torn bool // it does since before it was opened
}

// OpenFile opens the file for appending, or makes it.
func OpenFile(c FileConfig) (*File, error) {
	switch {
	case c.MaxBytes < 0:
		panic(fmt.Sprintf("sink: OpenFile: FileConfig.MaxBytes is %d; want a positive number, or zero for no rotation", c.MaxBytes))
	case c.MaxFiles < 0:
		panic(fmt.Sprintf("sink: OpenFile: FileConfig.MaxFiles is %d; want a positive number, or zero for %d", c.MaxFiles, DefaultMaxFiles))
	case c.MaxFiles == 0:
		c.MaxFiles = DefaultMaxFiles
	}
	if c.Permissions == 0 {
		c.Permissions = DefaultPermissions
	}
	f := &File{config: c}
	if err := f.openLocked(); err != nil {
		return nil, fmt.Errorf("sink: open the log: %w", err)
	}
	return f, nil
}

// Write appends p, and rotates first where the file would grow over
// [FileConfig.MaxBytes]: p is divided behind a line end then, so a row is never
// in two files, also where it comes in several calls. A file that ended inside a
// row when it was opened, as after a crash, gets a line end first.
//
// After an error, such as that of a full disk, what p has written of a row is
// taken back where that can be done: what is in the file are whole rows. Where
// a file can't be renamed, the error says so, and what was to be written is at
// the end of the old one. The error of a file that was closed is
// [os.ErrClosed].
func (f *File) Write(p []byte) (written int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return 0, fmt.Errorf("sink: write %s: %w", f.config.Path, os.ErrClosed)
	}
	if f.torn && len(p) > 0 {
		if _, err := f.appendLocked([]byte{'\n'}); err != nil {
			return 0, fmt.Errorf("sink: %w", err)
		}
		f.torn = false
	}
	var failed error
	for len(p) > 0 {
		n := f.fits(p)
		if n == 0 {
			if failed = f.rotateLocked(); failed == nil {
				continue
			}
			n = len(p) // a log that is too large is better than none
		}
		m, err := f.appendLocked(p[:n])
		written += m
		if err != nil {
			return written, errors.Join(failed, fmt.Errorf("sink: %w", err))
		}
		p = p[n:]
	}
	return written, failed
}

// fits returns how many bytes of p, in whole rows, may be appended; zero, if the
// file is to be rotated first.
func (f *File) fits(p []byte) int {
	limit := f.config.MaxBytes
	room := limit - f.size
	if limit == 0 || f.path == "" || room >= int64(len(p)) {
		return len(p)
	}
	if room > 0 {
		if n := bytes.LastIndexByte(p[:room], '\n') + 1; n > 0 {
			return n
		}
	}
	if f.size > 0 && !f.open {
		return 0
	}
	if n := bytes.IndexByte(p, '\n') + 1; n > 0 {
		return n
	}
	return len(p)
}

// appendLocked appends p. After an error the file has the whole rows of it.
func (f *File) appendLocked(p []byte) (int, error) {
	n, err := f.file.Write(p)
	if err != nil {
		whole := bytes.LastIndexByte(p[:n], '\n') + 1
		if f.file.Truncate(f.size+int64(whole)) == nil {
			n = whole
		}
	}
	f.size += int64(n)
	if n > 0 {
		f.open = p[n-1] != '\n'
	}
	return n, err
}

// rotateLocked renames the files, oldest first, and begins a new one.
func (f *File) rotateLocked() error {
	path := func(i int) string { return fmt.Sprintf("%s.%d", f.path, i) }
	for i := f.config.MaxFiles - 1; i > 1; i-- {
		if err := os.Rename(path(i-1), path(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sink: rotate the log: %w", err)
		}
	}
	var err error
	if f.config.MaxFiles > 1 {
		err = os.Rename(f.path, path(1))
	} else {
		err = os.Remove(f.path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // somebody else may rotate it, too
		return fmt.Errorf("sink: rotate the log: %w", err)
	}
	if err := f.openLocked(); err != nil {
		return fmt.Errorf("sink: rotate the log: %w", err)
	}
	return nil
}

// Reopen opens the path anew, as after another program has renamed the file.
// The old file stays in use if that fails. On a File that was closed, it is an
// error.
func (f *File) Reopen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := os.ErrClosed
	if f.file != nil {
		err = f.openLocked()
	}
	if err != nil {
		return fmt.Errorf("sink: reopen the log %s: %w", f.config.Path, err)
	}
	return nil
}

// openLocked opens the path and closes what was open.
func (f *File) openLocked() error {
	file, err := os.OpenFile(f.config.Path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, f.config.Permissions)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	old := f.file
	if !isSame(old, info) {
		f.open, f.torn = false, isTorn(f.config.Path, info)
	}
	f.file, f.path, f.size = file, rotatable(f.config.Path, info), info.Size()
	if old != nil {
		return old.Close()
	}
	return nil
}

// isSame reports whether old, if there is one, is the file that was opened.
func isSame(old *os.File, opened fs.FileInfo) bool {
	if old == nil {
		return false
	}
	info, err := old.Stat()
	return err == nil && os.SameFile(info, opened)
}

// isTorn reports whether the file that was opened at path ends inside a row.
// One that may not be read is taken to be whole.
func isTorn(path string, opened fs.FileInfo) bool {
	if !opened.Mode().IsRegular() || opened.Size() == 0 {
		return false
	}
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	var last [1]byte
	n, _ := file.ReadAt(last[:], opened.Size()-1)
	return n == 1 && last[0] != '\n'
}

// rotatable returns the path, behind all links, of the file that was opened at
// path; empty, if that is no regular file or has no name. To rename what path
// itself is could take a device away, or a link such as /dev/stdout.
func rotatable(path string, opened fs.FileInfo) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	info, err := os.Lstat(real)
	if err != nil || !info.Mode().IsRegular() || !os.SameFile(info, opened) {
		return ""
	}
	return real
}

// Close closes the file. A second call does nothing.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	if err != nil {
		return fmt.Errorf("sink: close the log: %w", err)
	}
	return nil
}
