package host_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

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

func ExampleRedact() {
	fmt.Println(host.Redact("https://node7:7575/key/0123456789abcdef/train"))
	// Output: https://node7:7575/key/…/train
}

func ExampleToken() {
	fmt.Println(host.Token{Secret: "0123456789abcdef", Access: host.Read})
	// Output: a token for reading
}
