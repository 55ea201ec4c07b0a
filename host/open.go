package host

import (
	"context"
	"net/url"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/host/python"
)

func init() {
	for _, scheme := range []string{"http", "https"} {
		syncstream.Register(scheme, func(ctx context.Context, u *url.URL) (syncstream.Store, error) {
			return OpenStore(ctx, ClientConfig{URL: u.String()})
		})
	}
}

// probeTimeout is how long opening waits to learn what is at an address.
const probeTimeout = 2 * time.Second

// OpenStore opens the buffer at config's URL, as [syncstream.Open] does: a
// [*Client]; or a [*python.Store], where a host of the Python package answers, for
// which Token and WhenFull mean nothing. It asks what is there for 2 s at most, or
// until ctx ends. Who does not answer is taken for a host of this package, since a
// worker may begin before its host. The errors are those of [NewClient].
func OpenStore(ctx context.Context, config ClientConfig) (syncstream.Store, error) {
	c, err := NewClient(config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if is, err := python.Probe(ctx, c.http, config.URL); err == nil && is {
		return python.NewStore(config.URL, python.StoreConfig{Client: config.HTTPClient, MaxQueue: config.MaxQueue, Stderr: config.Stderr})
	}
	return c, nil
}
