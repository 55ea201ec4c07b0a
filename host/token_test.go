package host

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/syncstream/syncstream/host/internal/wire"
)

const (
	readToken  = "read-token-0123456789"
	writeToken = "write-token-0123456789"
	fullToken  = "full-token-0123456789"
)

var tokens = []Token{{readToken, Read}, {writeToken, Write}, {fullToken, Full}}

// Each request needs what it is for, and no more.
func TestTokens(t *testing.T) {
	h := start(t, Config{Tokens: tokens})
	for name, o := range ops {
		for _, tt := range []struct {
			token  string
			access Access
		}{{readToken, Read}, {writeToken, Write}, {fullToken, Full}, {"", 0}, {"full-token-012345678x", 0}} {
			if tt.access == Full && (name == "wait" || name == "follow" || name == "held" || name == "lines") {
				continue // it would wait
			}
			h.token = tt.token
			path := "/train/v1/" + name
			status, text := h.do("PATCH", path, wire.JSON, []byte("{}"))
			want := http.StatusMethodNotAllowed // so it is let in
			switch {
			case o.need&^tt.access == 0:
			case tt.access == 0:
				want = http.StatusUnauthorized
			default:
				want = http.StatusForbidden
			}
			if status != want {
				t.Errorf("%s with %q: %d %s, want %d", name, tt.token, status, text, want)
			}
			for _, token := range []string{readToken, writeToken, fullToken, tt.token} {
				if token != "" && strings.Contains(text, token) {
					t.Errorf("the answer has a token in it: %s", text)
				}
			}
		}
	}
	h.token = readToken
	check(t, "forbidden", h.post("/train/v1/stop", "{}"), `{"message":"this token is for reading, and this needs one for everything"}`)
	both := start(t, Config{Tokens: []Token{{writeToken, Read | Write}}})
	both.token = writeToken
	check(t, "forbidden", both.post("/train/v1/stop", "{}"), `{"message":"this token is for reading and writing, and this needs one for everything"}`)
	h.token = ""
	check(t, "none", h.post("/train/v1/stop", "{}"), `{"message":"this host wants a token: Authorization: Bearer TOKEN"}`)
	check(t, "in the path", h.post("/key/"+fullToken+"/train/v1/stop", "{}"), `{"message":"a path with key is for Python programs only: want Authorization: Bearer TOKEN"}`)
	if n := len(h.h.buffers); n != 0 {
		t.Errorf("%d buffers were made, want none", n)
	}
	if answer := h.open(t.Context(), http.MethodGet, "/train/v1/status", nil, nil); answer.Header.Get("WWW-Authenticate") == "" {
		t.Error("no WWW-Authenticate")
	}
}

// However a token is printed, its secret is not.
func TestTokensDoNotShow(t *testing.T) {
	token := Token{fullToken, Full}
	c := Config{Tokens: []Token{token}}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", token)
	h := NewHandler(c)
	all := fmt.Sprintf("%v %+v %#v %s %q %v %+v %#v %s %#v %+v", token, token, token, token, token, &c, c, c, log.String(), h.tokens, h.config)
	if !strings.Contains(all, "a token for everything") || strings.Contains(all, fullToken) {
		t.Error(all)
	}
	if data, err := json.Marshal(token); err != nil || strings.Contains(string(data), fullToken) {
		t.Errorf("%s, %v", data, err)
	}
}

func TestCheckSecret(t *testing.T) {
	for _, secret := range []string{"", "short", strings.Repeat("x", 129), "with a space in its middle", "with-a-slash/0123456789", "ünicode-0123456789"} {
		err := CheckSecret(secret)
		if err == nil || secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", secret, err)
		}
		if panicked := panics(func() { NewHandler(Config{Tokens: []Token{{secret, Full}}}) }); !strings.Contains(panicked, "Config.Tokens[0]") {
			t.Errorf("NewHandler with %q: %s", secret, panicked)
		}
	}
	if panicked := panics(func() { NewHandler(Config{Tokens: []Token{{fullToken, 0}}}) }); !strings.Contains(panicked, "Tokens[0].Access is 0") {
		t.Error(panicked)
	}
	if panicked := panics(func() { NewHandler(Config{Tokens: []Token{{fullToken, control}}}) }); !strings.Contains(panicked, "Tokens[0].Access is 4; want Read, Write, both, or Full") {
		t.Error(panicked)
	}
	if panicked := panics(func() { NewServer("", nil, ServerConfig{MaxConnections: -1}) }); panicked != "host: NewServer: ServerConfig.MaxConnections is -1; want a positive number, or zero for 4096" {
		t.Error(panicked)
	}
	if panicked := panics(func() { NewHandler(Config{MaxBody: -1}) }); !strings.Contains(panicked, "Config.MaxBody is -1") {
		t.Error(panicked)
	}
}

// panics returns what f panics with, as text.
func panics(f func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	f()
	return ""
}

// What another web site can have a browser send is refused; so is what comes for
// a name that somebody else has given to a loopback address.
func TestOtherSites(t *testing.T) {
	h := start(t, Config{})
	for _, tt := range []struct {
		name   string
		header http.Header
		status int
	}{
		{"no browser", http.Header{}, 200},
		{"the same site", http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200},
		{"typed in", http.Header{"Sec-Fetch-Site": {"none"}}, 200},
		{"another site", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"a neighbour", http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		{"an old browser", http.Header{"Origin": {"http://evil.example"}}, 403},
		{"an old browser, the same site", http.Header{"Origin": {"http://localhost"}}, 200},
	} {
		tt.header.Set("Content-Type", wire.JSON)
		answer := h.open(t.Context(), http.MethodPost, "/train/v1/clear", tt.header, []byte("{}"))
		answer.Body.Close()
		if answer.StatusCode != tt.status {
			t.Errorf("%s: %s, want %d", tt.name, answer.Status, tt.status)
		}
		for name := range answer.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: header %s", tt.name, name)
			}
		}
	}
	answer := h.open(t.Context(), http.MethodGet, "/new/v1/status", http.Header{"Sec-Fetch-Site": {"cross-site"}}, nil)
	answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden || len(h.h.buffers) != 1 {
		t.Errorf("GET: %s, and there are %d buffers", answer.Status, len(h.h.buffers))
	}
}

func TestCheckHost(t *testing.T) {
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7575}
	public := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 7575}
	for _, tt := range []struct {
		local net.Addr
		host  string
		ok    bool
	}{
		{loopback, "localhost:7575", true},
		{loopback, "localhost", true},
		{loopback, "train.localhost:7575", true},
		{loopback, "127.0.0.1:7575", true},
		{loopback, "[::1]:7575", true},
		{loopback, "[::1]", true},
		{loopback, "", true},
		{loopback, "evil.example:7575", false},
		{loopback, "evil.example", false},
		{loopback, "localhost.evil.example", false},
		{public, "node7:7575", true},
		{&net.UnixAddr{Name: "/run/x"}, "x.example", true},
	} {
		r, err := http.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, tt.local), http.MethodGet, "/train/v1/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = tt.host
		if err := NewHandler(Config{}).authorize(r, "", Read); (err == nil) != tt.ok {
			t.Errorf("%s at %s: %v", tt.host, tt.local, err)
		}
	}
}
