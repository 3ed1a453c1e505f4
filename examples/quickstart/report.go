// The report: what was sent next to what arrived, once or again and again.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/headwater-dev/analytics"
)

// report shows what was sent next to what was received.
type report struct {
	out    io.Writer
	live   bool // out can be redrawn
	once   bool // the page goes with this report
	sent   *tally
	far    *farEnd
	client *analytics.Client
}

const (
	clearScreen = "\x1b[2J"
	clearBelow  = "\x1b[H\x1b[J"

	// every is how many visits go by between two lines where nothing can be redrawn.
	every = 5

	// named is how many events have a line of their own.
	named = 11
)

// progress shows where things stand after n visits: the table on a terminal, a
// line now and then elsewhere.
func (r *report) progress(ctx context.Context, n int) error {
	if !r.live && n%every != 0 {
		return nil
	}
	stats, got, err := r.look(ctx)
	if err != nil {
		return err
	}
	switch {
	case r.live && n == 0:
		fmt.Fprint(r.out, clearScreen)
		fallthrough
	case r.live:
		fmt.Fprint(r.out, clearBelow, r.table(stats, got), "\n  Open the page in a browser. Ctrl-C ends it; what waits is delivered first. ")
	case n == 0:
		fmt.Fprint(r.out, r.title(), "  Open the page in a browser. Ctrl-C ends it; what waits is delivered first.\n\n")
		fallthrough
	default:
		fmt.Fprintf(r.out, "  sent %d, received %d in %d requests, %d waiting\n",
			r.sent.all(), got.all(), got.requests, stats.QueueEvents)
	}
	return nil
}

// look takes the client's view before the far end's, so that a call on its way
// is seen as waiting, not as lost.
func (r *report) look(ctx context.Context) (analytics.Stats, *received, error) {
	stats := r.client.Stats()
	got, err := r.far.count(ctx)
	return stats, got, err
}

// final shows how it ended. The error says what is missing.
func (r *report) final(ctx context.Context) error {
	stats, got, err := r.look(ctx)
	if err != nil {
		return err
	}
	if r.live {
		fmt.Fprint(r.out, clearBelow)
	}
	fmt.Fprint(r.out, r.table(stats, got), "\n")
	if missing := r.sent.missing(&got.tally); missing != "" {
		return errors.New("not received: " + missing)
	}
	fmt.Fprintln(r.out, `  Every call arrived. Now with your own source: analytics.New("YOUR_WRITE_KEY", nil)`)
	if r.once {
		fmt.Fprintln(r.out, "  Run without --once, the page stays up until Ctrl-C.")
	}
	return nil
}

func (r *report) title() string {
	return "  A small shop sends customer data to a collector on " + r.far.url +
		"\n  Source Overview  " + r.far.page() + "\n"
}

// table is the whole report. It fits into 80 columns and 24 lines.
func (r *report) table(stats analytics.Stats, got *received) string {
	const left = 31
	var b strings.Builder
	b.WriteString(r.title() + "\n")
	one := r.calls(stats, got)
	other := append(append(r.events(got), ""), r.steps(got)...)
	for i := range max(len(one), len(other)) {
		row := []string{"", ""}
		for side, lines := range [][]string{one, other} {
			if i < len(lines) {
				row[side] = lines[i]
			}
		}
		line := "  " + row[0] + strings.Repeat(" ", left-2-utf8.RuneCountInString(row[0])) + row[1]
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// calls is the left side: the six calls, the requests that carried them, and
// the client's own view.
func (r *report) calls(stats analytics.Stats, got *received) []string {
	list := []string{fmt.Sprintf("%-10s%7s%10s", "call", "sent", "received"), strings.Repeat("─", 27)}
	row := func(name string, sent, received int) {
		list = append(list, fmt.Sprintf("%-10s%7d%10d", name, sent, received))
	}
	for _, call := range calls {
		row(call, r.sent.calls[call], got.calls[call])
	}
	list = append(list, list[1])
	row("all", r.sent.all(), got.all())

	say := func(name, format string, value any) {
		list = append(list, fmt.Sprintf("%-18s%9s", name, fmt.Sprintf(format, value)))
	}
	list = append(list, "")
	say("requests", "%d", got.requests)
	say("gzip", "%.1f KB", float64(got.wire)/1000)
	list = append(list, "")
	say("delivered", "%d", stats.Delivered)
	say("waiting", "%d", stats.QueueEvents)
	say("lost", "%d", stats.Failed.Lost())
	say("retries", "%d", stats.Retries)
	say("duplicates dropped", "%d", got.duplicates)
	return list
}

// events is the upper right: the events by name.
func (r *report) events(got *received) []string {
	const bar = 8
	list := []string{fmt.Sprintf("%-24s%5s%10s", "event", "sent", "received"), strings.Repeat("─", 48)}
	others, sent, received := 0, 0, 0
	ranked := r.sent.ranked()
	for i, event := range ranked {
		if i >= named {
			others++
			sent += r.sent.events[event]
			received += got.events[event]
			continue
		}
		most := r.sent.events[ranked[0]]
		blocks := (got.events[event]*bar + most - 1) / most
		list = append(list, fmt.Sprintf("%-24s%5d%10d %s", event, r.sent.events[event], got.events[event], strings.Repeat("█", min(blocks, bar))))
	}
	return append(list, fmt.Sprintf("%-24s%5d%10d", fmt.Sprintf("%d others", others), sent, received))
}

// steps is the lower right: what should have become of the calls, and what did.
func (r *report) steps(got *received) []string {
	why := map[string]string{failed: "by design", filtered: debug + "…"}
	var list []string
	for _, step := range steps {
		list = append(list, strings.TrimRight(fmt.Sprintf("%-24s%5d%10d %s", step, r.sent.steps[step], got.steps[step], why[step]), " "))
	}
	return list
}
