package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/syncstream/syncstream"
	"github.com/syncstream/syncstream/cmd/syncstream/internal/view"
)

func newStatus() *cobra.Command {
	o := &askOptions{}
	return newAsk(o, &cobra.Command{
		Use:   "status [flags] URL",
		Short: "Show who writes to a host's buffer, and how much",
		Long: `Show the workers of a buffer in a table: how far each has come, what it has
written, what was lost of it, and why it is still open or how it ended.`,
		Example: `  syncstream status http://node1:7575/train
  syncstream status --json http://node1:7575/train | jq '.sources[].state'
  syncstream status --token-file token https://node1:7575/train`,
		Annotations: map[string]string{footerOf: askFooter},
	}, func(ctx context.Context, client syncstream.Store) error {
		stats, sources, err := client.Snapshot(ctx)
		if err != nil {
			return err
		}
		all := account{Version: 1, URL: o.address, Stats: statsOf(&stats), Sources: make([]sourceState, 0, len(sources))}
		for i := range sources {
			all.Sources = append(all.Sources, stateOf(&sources[i]))
		}
		return o.print(all.table(), all)
	})
}

// account is what a host knows of a buffer, as JSON.
type account struct {
	Version int           `json:"v"`
	URL     string        `json:"url"`
	Stats   accountStats  `json:"stats"`
	Sources []sourceState `json:"sources"`
}

// accountStats counts workers, and the messages of all.
type accountStats struct {
	Open    int    `json:"open"`
	Sources int    `json:"sources"`
	Written uint64 `json:"written"`
	Kept    uint64 `json:"kept"`
	Rotated uint64 `json:"rotated"`
	Cleared uint64 `json:"cleared"`
	Lost    uint64 `json:"lost"`
}

func statsOf(s *syncstream.Stats) accountStats {
	return accountStats{
		Open: s.Open, Sources: s.Sources, Written: s.Written.Messages, Kept: s.Kept.Messages, Rotated: s.Rotated.Messages,
		Cleared: s.Cleared.Messages, Lost: s.Lost.Messages,
	}
}

// sourceState is how far a source has come.
type sourceState struct {
	ID     string     `json:"id,omitempty"`
	Name   string     `json:"name"`
	Host   string     `json:"host,omitempty"`
	PID    int        `json:"pid,omitempty"`
	State  string     `json:"state"`
	Why    string     `json:"why,omitempty"`   // it is open
	Error  string     `json:"error,omitempty"` // it ended with
	Lines  uint64     `json:"lines"`
	Bytes  uint64     `json:"bytes"`
	Lost   uint64     `json:"lost"`
	Opened *time.Time `json:"opened,omitempty"`
	Active *time.Time `json:"active,omitempty"`
	Closed *time.Time `json:"closed,omitempty"`
	Folded int        `json:"folded,omitempty"` // so many sources are this row
}

func stateOf(s *syncstream.SourceStatus) sourceState {
	state := sourceState{
		ID: s.Source.ID, Name: s.Source.Name, Host: s.Source.Host, PID: s.Source.PID, State: s.State.String(), Why: s.Why,
		Lines: s.Written.Messages, Bytes: s.Written.Bytes, Lost: s.Lost.Messages, Folded: s.Folded,
		Opened: known(s.Opened), Active: known(s.Active), Closed: known(s.Closed),
	}
	if s.Err != nil {
		state.Error = s.Err.Error()
	}
	return state
}

// known returns a time that is none as nil.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// table returns the account for people.
func (a *account) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d of %s open; %s kept, %d lost\n", a.URL, a.Stats.Open,
		plural(a.Stats.Sources, "worker"), plural(int(a.Stats.Kept), "message"), a.Stats.Lost)
	if len(a.Sources) == 0 {
		return b.String()
	}
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "NAME\tHOST\tPID\tSTATE\tLINES\tBYTES\tLOST\tWHY\n")
	for _, s := range a.Sources {
		pid := "-"
		if s.PID > 0 {
			pid = strconv.Itoa(s.PID)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", cell(s.Name), cell(s.Host), pid, s.State, s.Lines, s.Bytes, s.Lost,
			cell(cmp.Or(s.Why, s.Error)))
	}
	t.Flush() // to memory
	return b.String()
}

// cell is a text as it stands in a table: one line of it, with nothing in it that
// a terminal would obey.
func cell(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return cmp.Or(view.Safe(text), "-")
}
