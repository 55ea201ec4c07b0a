package python_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/syncstream/syncstream"
)

// hosts are ours, the one in Flask, and one that does nothing, which no host in Go
// can be faster than: all on the same machine.
var hosts = []struct {
	name  string
	start func(testing.TB) string
}{
	{"ours", func(t testing.TB) string {
		address, _ := listen(t, syncstream.New(syncstream.Config{MaxMessages: 1000}))
		return address
	}},
	{"nothing", func(t testing.TB) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			io.WriteString(w, `{"message":"success","data":false}`)
		}))
		t.Cleanup(srv.Close)
		return srv.URL + "/sync-stream"
	}},
	{"flask", func(t testing.TB) string { return flask(t, 1000) }},
}

// A mirror in Python writes lines of 100 bytes, one write each, to each of the
// hosts: a question whether to stop and a post, as the Python package does. They
// take turns, so that what else the machine does meets all of them alike, and the
// ratios are those of medians. The client's own time is most of each request's, so
// the host that does nothing shows what is left to win.
func BenchmarkPeer(b *testing.B) {
	const turn = 100 // lines
	text := strings.Repeat("x", 99)
	peers := make([]*peer, len(hosts))
	for i, host := range hosts {
		peers[i] = newPeer(b, host.start(b))
		peers[i].do("lines", 10, text) // connects
	}
	took := make([][]float64, len(hosts)) // seconds for a request
	for done := 0; done < b.N; done += turn {
		for i, p := range peers {
			seconds, err := strconv.ParseFloat(p.do("lines", turn, text), 64)
			if err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], seconds/(2*turn))
		}
	}
	flask := median(took[len(hosts)-1])
	for i, host := range hosts {
		b.ReportMetric(1/median(took[i]), host.name+"-requests/s")
		if host.name != "flask" {
			b.ReportMetric(flask/median(took[i]), host.name+"/flask")
		}
	}
	b.ReportMetric(0, "ns/op") // of all of them together, which says nothing
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// A generator in Go sends the same requests over some connections that it keeps,
// each when the answer to the last has come. It writes and reads bytes by itself,
// so that little of the time is its own.
func BenchmarkRequests(b *testing.B) {
	for _, conns := range []int{1, 4, 16} {
		for _, host := range hosts {
			b.Run(fmt.Sprintf("%s/conns=%d", host.name, conns), func(b *testing.B) {
				address := host.start(b)
				var wg sync.WaitGroup
				b.ResetTimer()
				for i := range conns {
					wg.Go(func() { generate(b, address, b.N/conns+min(1, b.N%conns*(i+1)/conns)) })
				}
				wg.Wait()
				b.ReportMetric(2*float64(b.N)/b.Elapsed().Seconds(), "requests/s")
			})
		}
	}
}

// generate writes n lines: two requests each.
func generate(b *testing.B, address string, n int) {
	address = strings.TrimPrefix(address, "http://")
	host, path, _ := strings.Cut(address, "/")
	value, _ := json.Marshal(strings.Repeat("x", 99) + "\n")
	body := `{"type": "str", "data": {"value": ` + string(value) + `}}`
	head := "HTTP/1.1\r\nHost: " + host + "\r\nAccept-Encoding: identity\r\nContent-Type: application/json\r\nUser-Agent: cainmagi/syncstream\r\n"
	question := "GET /" + path + "-state?state=closed " + head + "\r\n"
	post := fmt.Sprintf("POST /%s %sContent-Length: %d\r\n\r\n%s", path, head, len(body), body)
	var conn net.Conn
	var r *bufio.Reader
	for range n {
		for _, request := range []string{question, post} {
			if conn == nil {
				var err error
				if conn, err = net.Dial("tcp", host); err != nil {
					b.Error(err)
					return
				}
				r = bufio.NewReader(conn)
			}
			io.WriteString(conn, request)
			answer, err := http.ReadResponse(r, nil)
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, answer.Body)
			if answer.StatusCode >= 300 {
				b.Error(answer.Status)
				return
			}
			if answer.Close { // as a host does that keeps no connection
				conn.Close()
				conn = nil
			}
		}
	}
	if conn != nil {
		conn.Close()
	}
}
