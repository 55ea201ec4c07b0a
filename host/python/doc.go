// Package python speaks the wire of the Python package syncstream 1.2.2, so that
// programs which use its LineHostMirror and LineHostReader work with a buffer of
// this module, unchanged.
//
//	b := syncstream.New(syncstream.Config{MaxMessages: 100})
//	h := python.NewHandler(b, python.Config{MaxMessages: 100})
//	mux := http.NewServeMux()
//	mux.Handle("/train", h)
//	mux.Handle("/train-state", h)
//	srv := &http.Server{Addr: "127.0.0.1:7575", Handler: mux}
//	python.Watch(srv) // a connection that ends is heard of
//	err := srv.ListenAndServe()
//
// The other way round, a [Store] lets the buffers of this module write to and read
// from a host of the Python package, a LineHostBuffer; [Probe] finds out whether
// one is at an address:
//
//	s, err := python.NewStore("http://localhost:5000/sync-stream", python.StoreConfig{})
//	b := syncstream.NewOver(s, syncstream.Config{})
//
// # Senders
//
// The format names no sender, so a connection is one: a source, with an open line
// of its own. Half lines of two programs never meet. An open line ends with the
// program's close or error, with the connection, or after [Config.LineSilence].
//
// The source ends with the program's close, or with its error, which is then the
// source's failure. Where its connection ends without either, another one from
// the same host may go on in its place; if none does for [Config.Vanished], the
// source is closed with an error that says so.
//
// # Stopping
//
// A Python program asks before each line whether it should stop. [Buffer.Stop]
// makes the answer yes, and a Python program that asks all to stop stops the
// mirrors of this module too.
//
// [Buffer.Stop]: https://pkg.go.dev/github.com/syncstream/syncstream#Buffer.Stop
package python
