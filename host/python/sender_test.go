package python_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/python"
)

// unwatched leaves a server as it is.
func unwatched(*http.Server) {}

// hangUp ends a client's connection, and returns when the server knows.
func hangUp(c *client) {
	c.conn.Close()
	synctest.Wait()
}

// An open line belongs to a connection, and ends in one of five ways.
func TestOpenLineEnds(t *testing.T) {
	const half = `python 127.0.0.1:1 1 "half of one"` + "\n"
	for _, tt := range []struct {
		name string
		end  func(one, two *client)
		want string // the messages of one
	}{
		{"close", func(one, _ *client) { one.end() }, half},
		{"error", func(one, _ *client) { one.grouped("error", "no") }, half + `python 127.0.0.1:1 2/error "no"` + "\n"},
		{"warning", func(one, _ *client) { one.grouped("warning", "hm") }, half + `python 127.0.0.1:1 2/warning "hm"` + "\n"},
		{"the connection", func(one, _ *client) { hangUp(one) }, half},
		{"silence", func(_, two *client) { silent(python.DefaultLineSilence, two) }, half},
		{"no silence", func(one, two *client) { silent(python.DefaultLineSilence, one, two) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := serve(t, python.Config{})
				one, two := p.dial("127.0.0.1:1"), p.dial("127.0.0.1:2")
				two.text("half of")
				one.text("half of ")
				two.text(" two")
				one.text("one")
				tt.end(one, two)
				two.text(" and the rest\n")
				check(t, "messages", all(t, p.buffer), tt.want+`python 127.0.0.1:2 1 "half of two and the rest"`+"\n")
			})
		})
	}
}

// silent has all clients be silent for so long, but for some that write nothing
// meanwhile.
func silent(d time.Duration, but ...*client) {
	time.Sleep(d - 1)
	for _, c := range but {
		c.text("")
	}
	time.Sleep(time.Nanosecond)
	synctest.Wait()
}

// A program whose connection ends is waited for; then its death is told.
func TestVanished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{})
		c := p.dial("127.0.0.1:1")
		c.text("one\nlast wor")
		hangUp(c)
		time.Sleep(python.DefaultVanished - 1)
		synctest.Wait()
		check(t, "before", states(p.buffer), "python 127.0.0.1:1 open\n")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		check(t, "messages", all(t, p.buffer), `python 127.0.0.1:1 1 "one"
python 127.0.0.1:1 2 "last wor"
python 127.0.0.1:1 3/error "its connection ended 15s ago, and it did not say that it ends"
`)
		if _, failed := errors.AsType[*syncstream.Failure](p.buffer.Wait(t.Context())); !failed {
			t.Error("Wait tells of no failure")
		}
	})
}

// A connection that takes the place of one that broke goes on in its source, and
// in a line of its own; so does one for each request.
func TestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{})
		other := p.dial("10.0.0.8:1")
		for i := range 3 {
			c := p.dial(fmt.Sprint("127.0.0.1:", i+1))
			c.state("closed", "false")
			c.text(fmt.Sprintf("%d\nhalf", i))
			hangUp(c)
			other.text("x\n")
		}
		p.dial("127.0.0.1:9").end()
		other.end()
		time.Sleep(time.Hour)
		synctest.Wait()
		check(t, "sources", states(p.buffer), "python 127.0.0.1:1 exited\npython 10.0.0.8:1 exited\n")
		check(t, "messages", all(t, p.buffer), `python 127.0.0.1:1 1 "0"
python 127.0.0.1:1 2 "half"
python 10.0.0.8:1 1 "x"
python 127.0.0.1:1 3 "1"
python 127.0.0.1:1 4 "half"
python 10.0.0.8:1 2 "x"
python 127.0.0.1:1 5 "2"
python 127.0.0.1:1 6 "half"
python 10.0.0.8:1 3 "x"
`)
	})
}

// A worker may be silent for as long as its connection stands, which a server
// closes if it is a reader's.
func TestSilentWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{}, python.Watch, func(s *http.Server) { s.IdleTimeout = time.Minute })
		c, reader := p.dial("127.0.0.1:1"), p.dial("127.0.0.1:2")
		for range 2 {
			c.text("line\n")
			time.Sleep(100 * time.Hour)
			synctest.Wait()
		}
		check(t, "sources", states(p.buffer), "python 127.0.0.1:1 open\n")
		c.items(`"line","line"`)
		reader.conn.SetReadDeadline(time.Now().Add(time.Hour))
		reader.items(`"line","line"`)
		if _, err := reader.read.ReadByte(); err != io.EOF {
			t.Errorf("the reader's connection: %v", err)
		}
	})
}

// Under a server that is not watched, a connection is known by its address, and
// its end by silence.
func TestUnwatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{}, unwatched)
		one, two := p.dial("127.0.0.1:1"), p.dial("127.0.0.1:2")
		one.text("half of ")
		two.text("half of ")
		one.text("one\n")
		two.text("two\n")
		hangUp(one)
		time.Sleep(python.DefaultMaxSilence / 2)
		two.state("closed", "false") // a question is a sign of life
		time.Sleep(python.DefaultMaxSilence / 2)
		synctest.Wait()
		check(t, "sources", states(p.buffer), "python 127.0.0.1:1 exited: "+
			"no request came for 10m0s, and it did not say that it ends\npython 127.0.0.1:2 open\n")
		check(t, "messages", all(t, p.buffer), `python 127.0.0.1:1 1 "half of one"
python 127.0.0.1:2 1 "half of two"
python 127.0.0.1:1 2/error "no request came for 10m0s, and it did not say that it ends"
`)
	})
}

// Where nothing tells connections apart, each request ends its line.
func TestUnwatchedWithoutAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{}, unwatched)
		one, two := p.dial("@"), p.dial("@")
		one.text("half of one")
		two.text("half of two")
		one.end()
		check(t, "messages", all(t, p.buffer), "python @ 1 \"half of one\"\npython @ 2 \"half of two\"\n")
		check(t, "sources", states(p.buffer), "python @ exited\n")
	})
}

// The hooks that a server has are called too.
func TestWatchKeepsHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []http.ConnState
		p := serve(t, python.Config{}, func(s *http.Server) {
			s.ConnState = func(_ net.Conn, state http.ConnState) { seen = append(seen, state) }
			s.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
				return context.WithValue(ctx, hooked{}, "yes")
			}
			s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, r.Context().Value(hooked{}))
			})
		}, python.Watch)
		c := p.dial("127.0.0.1:1")
		check(t, "answer", c.do("GET", "/", ""), "200 yes")
		hangUp(c)
		check(t, "states", fmt.Sprint(seen), "[new active idle closed]")
	})
}

type hooked struct{}

// Too many senders are refused; one that ends makes room.
func TestMaxSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{MaxSenders: 2})
		a, b, c := p.dial("127.0.0.1:1"), p.dial("127.0.0.1:2"), p.dial("127.0.0.1:3")
		a.text("a\n")
		b.text("b\n")
		c.want("POST", `{"type":"str","data":{"value":"c"}}`, `507 {"message":"2 senders are open, which is the most"}`)
		c.items(`"a","b"`)
		b.end()
		c.text("c\n")
		c.items(`"a","b","c"`)
	})
}

// A body that is too long is refused, in an answer that is heard, and its connection
// kept.
func TestMaxBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serve(t, python.Config{MaxBody: 100}).dial("127.0.0.1:1")
		for _, path := range []string{"/train", "/train-state"} {
			got := c.do("POST", path, strings.Repeat(" ", 1<<20)+`{"type":"close"}`)
			check(t, path, got, `413 {"message":"the body has more than 100 bytes"}`)
		}
		c.want("POST", `{"type":"close"}`+strings.Repeat(" ", 84), created)
	})
}

// What another site's page can have a browser send is refused.
func TestOtherSites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{})
		c := p.dial("127.0.0.1:1")
		text := request("POST", "/train", `{"type":"str","data":{"value":"x\n"}}`)
		for _, tt := range []struct{ old, replaced, want string }{
			{"User-Agent:", "Origin: http://example.com\r\nUser-Agent:", "403"},
			{"User-Agent:", "Sec-Fetch-Site: cross-site\r\nUser-Agent:", "403"},
			{"application/json", "text/plain; charset=utf-8", "415"},
			{"application/json", "Application/X-WWW-Form-urlencoded", "415"},
			{"application/json", "application/json; charset=utf-8", "201"},
			{"Content-Type: application/json\r\n", "", "201"},
		} {
			if got := c.send(strings.Replace(text, tt.old, tt.replaced, 1)); !strings.HasPrefix(got, "HTTP/1.1 "+tt.want) {
				t.Errorf("%s\n%s\nwant %s", tt.replaced, got, tt.want)
			}
		}
		c.items(`"x","x"`)
	})
}

// One that was abandoned and writes again is another source.
func TestAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{})
		c := p.dial("127.0.0.1:1")
		c.text("one\nhalf")
		p.buffer.Abandon()
		c.state("closed", "true")
		c.text("two\n")
		c.end()
		c.items(`"one","half","two"`)
		check(t, "sources", states(p.buffer), "python 127.0.0.1:1 lost: syncstream: abandoned\npython 127.0.0.1:1 exited\n")
	})
}

// Close closes the sources, and what comes later is refused.
func TestHandlerClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{})
		gone, c := p.dial("127.0.0.1:1"), p.dial("127.0.0.2:2")
		gone.text("one")
		hangUp(gone)
		c.text("two")
		for range 2 {
			p.handler.Close()
		}
		if err := p.buffer.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		c.items(`"one","two"`)
		c.want("POST", `{"type":"str","data":{"value":"c"}}`, `503 {"message":"the host takes no more"}`)
	})
}

// Close waits for room in the buffer, so that no open line is lost, and no longer
// than until the buffer is closed.
func TestHandlerCloseWaits(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(p *place, pass chan struct{})
	}{
		{"a sink takes all", func(_ *place, pass chan struct{}) { close(pass) }},
		{"the buffer is closed", func(p *place, _ chan struct{}) { p.buffer.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// Time does not go on in a bubble in which a mutex is waited for.
			defer time.AfterFunc(time.Minute, func() { panic("Close does not return") }).Stop()
			synctest.Test(t, func(t *testing.T) {
				p := serve(t, python.Config{})
				defer p.buffer.Close()
				pass := make(chan struct{})
				sink := blockingSink{pass, make(chan struct{})}
				defer close(sink.gone)
				p.buffer.Attach(sink)
				c := p.dial("127.0.0.1:1")
				body := `{"type":"str","data":{"value":"` + strings.Repeat("x", 1<<19) + `\n"}}`
				done := make(chan struct{})
				var taken atomic.Int64
				go func() {
					defer close(done)
					for range 12 {
						c.do("POST", "/train", body)
						taken.Add(1)
					}
				}()
				time.Sleep(time.Second)
				if taken.Load() == 12 {
					t.Error("the sink's queue takes all")
				}
				closed := make(chan struct{})
				go func() {
					defer close(closed)
					p.handler.Close()
				}()
				tt.end(p, pass)
				<-closed
				<-done
			})
		})
	}
}

// blockingSink takes nothing until it may, or is gone.
type blockingSink struct{ pass, gone chan struct{} }

func (s blockingSink) WriteBatches([]*syncstream.Batch) error {
	select {
	case <-s.pass:
	case <-s.gone:
	}
	return nil
}

// A buffer that is closed takes nothing, and asks all to stop.
func TestBufferClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, python.Config{})
		c := p.dial("127.0.0.1:1")
		c.text("one\n")
		p.buffer.Close()
		c.state("closed", "true")
		c.want("POST", `{"type":"str","data":{"value":"c\n"}}`, `503 {"message":"syncstream: closed"}`)
		c.items(`"one"`)
	})
}

func TestNegativeConfig(t *testing.T) {
	defer func() {
		if got, want := fmt.Sprint(recover()), "python: NewHandler: Config.Vanished is -1s; want a positive number, or zero for 15s"; got != want {
			t.Errorf("panic %q, want %q", got, want)
		}
	}()
	python.NewHandler(syncstream.New(syncstream.Config{}), python.Config{Vanished: -time.Second})
}
