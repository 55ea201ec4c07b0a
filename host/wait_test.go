package host

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestWait(t *testing.T) {
	for _, tt := range []struct {
		name  string
		query string
		after func(*testHost) // a second later
		want  string
		took  time.Duration
	}{
		{"all has ended well", "", func(h *testHost) { h.post("/train/v1/close", `{"source":"a"}`) }, `{"done":true,"sources":1}`, time.Second},
		{"a failure", "", func(h *testHost) {
			h.post("/train/v1/close", `{"source":"a","error":"exit status 3"}`)
		}, `{"done":true,"failure":{"source":{"id":"a","name":"name of a"},"error":"exit status 3","time":"2000-01-01T00:00:01Z"},"sources":1}`, time.Second},
		{"stopped", "", func(h *testHost) {
			h.post("/train/v1/stop", `{"cause":"enough"}`)
			h.post("/train/v1/close", `{"source":"a","error":"killed"}`)
		}, `{"done":true,"stopped":"enough","sources":1}`, time.Second},
		{"abandoned", "", func(h *testHost) { h.post("/train/v1/abandon", `{}`) }, `{"done":true,"abandoned":true,"sources":1}`, time.Second},
		{"somebody is open", "?seconds=2", nil, `{"done":false,"open":[{"source":{"id":"a","name":"name of a"},"state":"open",` +
			`"why":"its last message came 0s ago","opened":"2000-01-01T00:00:00Z","active":"2023-11-14T22:13:20Z","written":{"messages":1,"bytes":4},` +
			`"lost":{"messages":0,"bytes":0}}],"sources":1}`, 2 * time.Second},
		{"a wrong number", "?seconds=x", nil, `{"message":"seconds \"x\": want a number"}`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := start(t, Config{})
				h.append("a", 1, lines(1, "one"))
				if tt.after != nil {
					h.later(time.Second, func() { tt.after(h) })
				}
				begun := time.Now()
				check(t, "answer", h.get("/train/v1/wait"+tt.query), tt.want)
				if took := time.Since(begun); took != tt.took {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
			})
		})
	}
}
