// Package sink has sinks for a syncstream.Buffer: rows of text, JSON lines, a
// log file that is rotated, and the log of a test. (A buffer is one too: see
// [github.com/syncstream/syncstream.Buffer.Sink].)
package sink
