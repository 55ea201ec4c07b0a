package syncstream_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/storetest"
)

// The store in memory keeps the nine promises.
func TestMemoryKeepsPromises(t *testing.T) {
	storetest.Run(t, func(c syncstream.Config) (*syncstream.Buffer, error) { return syncstream.New(c), nil })
}

// A suite that can't fail proves nothing: here are stores that are broken, each
// in one way, and the rows that see it. Where a fault touches one thing only, no
// other row may.
func TestFaultyStoresAreSeen(t *testing.T) {
	for _, tt := range []struct {
		fault syncstream.Fault
		only  bool // these rows and no other
		rows  []string
	}{
		{syncstream.Drops, false, []string{
			"1 whole/two workers write in turns", "2 in order/history and live tail", "2 in order/of one worker",
			"3 nothing silent/what has left is counted", "4 the last words/at the end", "6 bounded/by messages",
		}},
		{syncstream.Doubles, false, []string{
			"1 whole/two workers write in turns", "2 in order/history and live tail", "2 in order/of one worker",
			"3 nothing silent/what has left is counted", "4 the last words/at the end", "6 bounded/a long line",
		}},
		{syncstream.Reorders, false, []string{
			"2 in order/history and live tail", "2 in order/of one worker", "6 bounded/a long line",
		}},
		{syncstream.Tears, false, []string{
			"1 whole/a line end in two writes", "1 whole/two streams of a worker", "1 whole/two workers write in turns",
			"4 the last words/at the end",
		}},
		{syncstream.Mixes, false, []string{
			"1 whole/two streams of a worker", "1 whole/two workers write in turns", "2 in order/of one worker",
			"3 nothing silent/what has left is counted",
		}},
		{syncstream.ChangesBytes, true, []string{"7 bytes are truth/what is no text"}},
		{syncstream.FoldsEnds, true, []string{
			"1 whole/a line end in two writes", "7 bytes are truth/line ends, folded",
			"7 bytes are truth/line ends, kept", "7 bytes are truth/line ends, split",
		}},
		{syncstream.LosesLastWords, true, []string{
			"4 the last words/at the end", "4 the last words/before the error", "4 the last words/of an abandoned worker",
			"4 the last words/when the buffer is closed", "5 no hang/a reader's end",
		}},
		{syncstream.WakesNoReader, false, []string{"5 no hang/a reader hears of one message"}},
		{syncstream.WakesNoWaiter, true, []string{"5 no hang/Wait for the last"}},
		{syncstream.Miscounts, true, []string{
			"3 nothing silent/a gap", "3 nothing silent/what has left is counted", "6 bounded/by bytes", "6 bounded/by messages",
		}},
		{syncstream.HidesGaps, true, []string{"3 nothing silent/a gap"}},
		{syncstream.IsUnbounded, true, []string{
			"3 nothing silent/a gap", "3 nothing silent/what has left is counted", "6 bounded/by bytes", "6 bounded/by messages",
		}},
		{syncstream.StopsNobody, true, []string{
			"8 stop is heard/and answered", "8 stop is heard/and nothing is lost", "8 stop is heard/by a worker that comes later",
			"8 stop is heard/by a worker that never writes", "9 the first failure/not of our making",
		}},
		{syncstream.BlamesAnother, true, []string{
			"9 the first failure/before a stop", "9 the first failure/not of our making", "9 the first failure/of two",
		}},
		{syncstream.BlamesStopped, true, []string{"9 the first failure/not of our making"}},
	} {
		t.Run(string(tt.fault), func(t *testing.T) {
			t.Parallel()
			failed := failedRows(t, tt.fault)
			for _, row := range tt.rows {
				if !slices.Contains(failed, row) {
					t.Errorf("the row %q does not see it", row)
				}
			}
			for _, row := range failed {
				if tt.only && !slices.Contains(tt.rows, row) {
					t.Errorf("the row %q sees it, though it is about something else", row)
				}
			}
		})
	}
}

// failedRows runs the suite over a store with a fault.
func failedRows(t *testing.T, fault syncstream.Fault) (failed []string) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, row := range storetest.Rows() {
		wg.Go(func() {
			open := func(c syncstream.Config) (*syncstream.Buffer, error) { return syncstream.NewFaulty(fault, c), nil }
			if err := row.Run(t.Context(), open, time.Second); err != nil {
				mu.Lock()
				failed = append(failed, row.Name)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(failed)
	return failed
}
