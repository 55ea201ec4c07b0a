package host_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host"
)

// A handler below a path of a server: a worker sends lines, a reader reads them.
func ExampleHandler() {
	h := host.NewHandler(host.Config{})
	mux := http.NewServeMux()
	mux.Handle("/logs/", h)
	srv := httptest.NewServer(mux)
	defer srv.Close()

	r, err := http.NewRequest(http.MethodPut, srv.URL+"/logs/train/v1/lines?name=train-1", strings.NewReader("epoch 1\nepoch 2\n"))
	if err != nil {
		panic(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		panic(err)
	}
	text, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	fmt.Print(string(text))

	b, err := h.Buffer("logs/train")
	if err != nil {
		panic(err)
	}
	messages, _ := b.Last(r.Context(), 10)
	for _, m := range messages {
		fmt.Println(m.Source, m.Text)
	}
	// Output:
	// {"message":"success"}
	// train-1 epoch 1
	// train-1 epoch 2
}

// A host on a port of its own, and a worker that writes to it.
func ExampleNewServer() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	h := host.NewHandler(host.Config{})
	srv := host.NewServer("", h, host.ServerConfig{})
	go srv.Serve(l)

	ctx := context.Background()
	b, err := syncstream.Open(ctx, "http://"+l.Addr().String()+"/train")
	if err != nil {
		panic(err)
	}
	b.Go("worker", func(_ context.Context, m *syncstream.Mirror) error {
		fmt.Fprintln(m, "epoch 1")
		return nil
	})
	fmt.Println(b.Wait(ctx), b.Close())

	there, _ := h.Buffer("train")
	messages, _ := there.Last(ctx, 1)
	fmt.Println(messages[0].Source, messages[0].Text)
	fmt.Println(h.Shutdown(ctx), srv.Shutdown(ctx))
	// Output:
	// <nil> <nil>
	// worker epoch 1
	// <nil> <nil>
}

func ExampleRedact() {
	fmt.Println(host.Redact("https://node7:7575/key/0123456789abcdef/train"))
	// Output: https://node7:7575/key/…/train
}

func ExampleToken() {
	fmt.Println(host.Token{Secret: "0123456789abcdef", Access: host.Read})
	// Output: a token for reading
}
