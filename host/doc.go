// Package host lets workers that share nothing but a network write to one
// buffer, over HTTP.
//
// A [Handler] is the host: it serves many named buffers below any path of any
// server, each made when it is first used.
//
//	h := host.NewHandler(host.Config{})
//	srv := host.NewServer("127.0.0.1:7575", h, host.ServerConfig{})
//	err := srv.ListenAndServe()
//
// What it speaks is described in docs/protocol.md. Programs that use the Python
// package syncstream speak to it too, unchanged.
//
// # Workers and readers
//
// Who imports this package, if only for that, can open a buffer of a host by its
// address; it is used as one of this process:
//
//	b, err := syncstream.Open(ctx, "http://node1:7575/train")
//	b.Go("worker", work)
//	err = b.Wait(ctx) // for the workers of all machines
//
// A host of the Python package is opened the same way: opening asks what is there,
// for 2 s at most, and who does not answer is taken for a host of this package. See
// package python for what such a host can't do.
//
// [NewClient] is for those who want to say more than an address. What a mirror is
// given waits in memory until the host has acknowledged it: in a queue of
// [ClientConfig.MaxQueue] bytes, whatever happens to connections. So a worker
// neither waits for the network nor loses a line by it, and may begin before its
// host does. One that is killed loses what waits; [syncstream.Mirror.Flush] and
// Close return when nothing does.
//
// # Safety
//
// A host without tokens does what anyone asks who reaches it, so it should
// listen to a loopback address only; see [Config.Tokens]. No web page of another
// site can use it, and nothing that a client sends becomes a path. What clients
// can make it keep is bounded; see [Config].
//
// # Closing
//
// [Handler.Shutdown] ends requests that wait, lets those that bring messages come
// to their end, and closes the buffers. Call it before Shutdown of the
// [net/http.Server], which waits for all requests.
package host
