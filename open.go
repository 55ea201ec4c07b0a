package syncstream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
)

var schemes struct {
	mu   sync.Mutex // guards what follows
	open map[string]func(context.Context, *url.URL) (Store, error)
}

// Register has [Open] call open for URLs of a scheme, in lower case, as packages
// with a store do when they are imported. It panics where open is nil, or the
// scheme has been registered.
func Register(scheme string, open func(ctx context.Context, u *url.URL) (Store, error)) {
	schemes.mu.Lock()
	defer schemes.mu.Unlock()
	if open == nil {
		panic("syncstream: Register: open is nil for the scheme " + scheme)
	}
	if schemes.open[scheme] != nil {
		panic("syncstream: Register: called twice for the scheme " + scheme)
	}
	if schemes.open == nil {
		schemes.open = make(map[string]func(context.Context, *url.URL) (Store, error))
	}
	schemes.open[scheme] = open
}

// Open returns a buffer over the store at a URL; see [NewOver]. For http and
// https, import package host:
//
//	import _ "github.com/syncstream/syncstream/host"
//
// ctx is for opening only. Whether it waits for the store, and takes one that
// can't be reached for an error, is the store's to say. No error has the URL in
// it, which can hold a secret.
func Open(ctx context.Context, rawURL string) (*Buffer, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errNoURL // err would quote it
	}
	schemes.mu.Lock()
	open := schemes.open[u.Scheme]
	known := slices.Sorted(maps.Keys(schemes.open))
	schemes.mu.Unlock()
	if open == nil {
		return nil, errUnknownScheme(u.Scheme, known)
	}
	store, err := open(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("syncstream: open: %w", err)
	}
	return NewOver(store, Config{}), nil
}

var errNoURL = errors.New("syncstream: open: the address is not a URL")

func errUnknownScheme(scheme string, known []string) error {
	is := "no scheme is known"
	if len(known) > 0 {
		is = "known are " + strings.Join(known, ", ")
	}
	return fmt.Errorf("syncstream: open: the scheme %q is unknown; %s; for http and https, import github.com/syncstream/syncstream/host",
		scheme, is)
}
