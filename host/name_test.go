package host

import (
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	for path, want := range map[string]target{
		"/train/v1/append":                  {buffer: "train", op: "append"},
		"/jobs/train-2/v1/follow":           {buffer: "jobs/train-2", op: "follow"},
		"/v1/health":                        {op: "health"},
		"/logs/v1/health":                   {op: "health"},
		"/train":                            {buffer: "train"},
		"/train-state":                      {buffer: "train", state: true},
		"/a/b.c-state":                      {buffer: "a/b.c", state: true},
		"/key/0123456789abcdef/train":       {buffer: "train", token: "0123456789abcdef"},
		"/a/key/0123456789/train-state":     {buffer: "a/train", token: "0123456789", state: true},
		"/" + strings.Repeat("a/", 7) + "a": {buffer: strings.Repeat("a/", 7) + "a"},
	} {
		if got, err := parsePath(path); err != nil || got != want {
			t.Errorf("%s: %+v, %v\nwant %+v", path, got, err, want)
		}
	}
	for _, path := range []string{
		"", "/", "//", "/train/", "//train", "/v1/append", "/train/v1", "/train/v1/", "/train/v1/append/x", "/train/v1/append/",
		"/train-state/v1/append", "/train-state-state", "/-state", "/.", "/..", "/../v1/append", "/.x", "/a b", "/a%2fb", "/ä", "/a\x00",
		"/a\\b", "/-x", "/_x", "/key", "/key/", "/key/0123456789", "/key//train", "/key/0123456789/key/0123456789/train",
		"/key/0123456789/train/v1/append", "/" + strings.Repeat("a/", 8) + "a", "/" + strings.Repeat("a", 65),
	} {
		if got, err := parsePath(path); err == nil {
			t.Errorf("%q: %+v; want an error", path, got)
		} else if strings.Contains(err.Error(), "0123456789") {
			t.Errorf("%q: a token is in the error: %v", path, err)
		}
	}
}

// A path that is taken names a buffer that can't be anything else, and its error
// has nothing of a token.
func FuzzPath(f *testing.F) {
	f.Add("/jobs/train/v1/append")
	f.Add("/key/0123456789abcdef/train-state")
	f.Fuzz(func(t *testing.T, path string) {
		p, err := parsePath(path)
		if err != nil {
			return
		}
		if p.op == "health" {
			return
		}
		if len(p.buffer) > maxSegments*(maxSegment+1) || p.buffer == "" {
			t.Fatalf("%q: the buffer %q", path, p.buffer)
		}
		for s := range strings.SplitSeq(p.buffer, "/") {
			if s == "" || s[0] == '.' || s == "v1" || s == "key" || strings.HasSuffix(s, "-state") {
				t.Fatalf("%q: the segment %q", path, s)
			}
		}
		again, err := parsePath("/" + p.buffer)
		if err != nil || again.buffer != p.buffer || again.op != "" || again.token != "" || again.state {
			t.Fatalf("%q: the buffer %q comes back as %+v, %v", path, p.buffer, again, err)
		}
	})
}

func TestRedact(t *testing.T) {
	for address, want := range map[string]string{
		"http://localhost:7575/train":                       "http://localhost:7575/train",
		"http://localhost:7575/key/secret/train":            "http://localhost:7575/key/…/train",
		"http://localhost:7575/logs/key/secret/train-state": "http://localhost:7575/logs/key/…/train-state",
		"/key/secret/train":                                 "/key/…/train",
		"http://user:secret@localhost/train":                "http://…@localhost/train",
		"https://secret@h@localhost/train":                  "https://…@localhost/train",
		"http://localhost":                                  "http://localhost",
		"key/secret":                                        "key/…",
		"http://localhost/key/secret":                       "http://localhost/key/…",
		"":                                                  "",
	} {
		if got := Redact(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
