package syncstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/syncstream/syncstream"
)

func TestSmoke(t *testing.T) {
	b := syncstream.New(syncstream.Config{MaxMessages: 3})
	for i := range 4 {
		b.Go(fmt.Sprint("w", i), func(_ context.Context, m *syncstream.Mirror) error {
			fmt.Fprintf(m, "hello %d\nwor", i)
			fmt.Fprintf(m, "ld %d", i)
			if i == 2 {
				return errors.New("bad")
			}
			return nil
		})
	}
	err := b.Wait(t.Context())
	ms, _ := b.Last(t.Context(), 10)
	for _, m := range ms {
		t.Log(m.Source, m.Num, m.Kind, m.Text, m.End)
	}
	t.Log(err, b.Stats())
}

func BenchmarkMirrorWrite(b *testing.B) {
	line := []byte(strings.Repeat("x", 99) + "\n")
	b.Run("one", func(b *testing.B) {
		m := syncstream.New(syncstream.Config{}).Mirror(syncstream.MirrorConfig{})
		b.ReportAllocs()
		b.SetBytes(100)
		for b.Loop() {
			m.Write(line)
		}
	})
	b.Run("four", func(b *testing.B) {
		buf := syncstream.New(syncstream.Config{})
		b.ReportAllocs()
		b.SetBytes(100)
		var wg sync.WaitGroup
		for range 4 {
			m := buf.Mirror(syncstream.MirrorConfig{})
			wg.Go(func() {
				for range b.N / 4 {
					m.Write(line)
				}
			})
		}
		wg.Wait()
	})
}
