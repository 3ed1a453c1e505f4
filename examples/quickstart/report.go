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
	url    string
	live   bool // out can be redrawn
	sent   *tally
	far    *farEnd
	client *analytics.Client
}

const (
	clearScreen = "\x1b[2J"
	clearBelow  = "\x1b[H\x1b[J"

	// every is how many visits go by between two lines where nothing can be redrawn.
	every = 5
)

// progress shows where things stand after n visits: the table on a terminal, a
// line now and then elsewhere.
func (r *report) progress(ctx context.Context, n int) {
	if !r.live && n%every != 0 {
		return
	}
	stats, got := r.look()
	switch {
	case r.live && n == 0:
		fmt.Fprint(r.out, clearScreen)
		fallthrough
	case r.live:
		fmt.Fprint(r.out, clearBelow, r.table(stats, got), "\n  Ctrl-C closes the shop; what waits is delivered first. ")
	case n == 0:
		fmt.Fprintf(r.out, "%s; Ctrl-C ends it\n", r.title())
		fallthrough
	default:
		fmt.Fprintf(r.out, "sent %d, received %d in %d requests, %d waiting\n",
			r.sent.all(), got.all(), got.requests, stats.QueueEvents)
	}
	// Nothing may be under way when the server forgets, and this goroutine is the
	// only one that sends. A ctx that ends means the program does.
	if r.far.full(got) && r.client.Flush(ctx) == nil {
		r.far.forget()
	}
}

// look takes the client's view before the far end's, so that a call on its way
// is seen as waiting, not as lost.
func (r *report) look() (analytics.Stats, *received) {
	stats := r.client.Stats()
	return stats, r.far.count()
}

// final shows how it ended. The error says what is missing.
func (r *report) final() error {
	stats, got := r.look()
	if r.live {
		fmt.Fprint(r.out, clearBelow)
	}
	fmt.Fprint(r.out, r.table(stats, got), "\n")
	if missing := r.sent.missing(&got.tally); missing != "" {
		return errors.New("not received: " + missing)
	}
	fmt.Fprintln(r.out, `  Every call arrived. Now with your own source: analytics.New("YOUR_WRITE_KEY", nil)`)
	return nil
}

func (r *report) title() string {
	return "A small shop sends customer data to a Tracking API on " + r.url
}

// table is the whole report. It fits into 80 columns and 24 lines.
func (r *report) table(stats analytics.Stats, got *received) string {
	const left = 32
	var b strings.Builder
	b.WriteString("  " + r.title() + "\n\n")
	calls, events := r.calls(stats, got), r.events(got)
	for i := range max(len(calls), len(events)) {
		row := []string{"", ""}
		for side, lines := range [][]string{calls, events} {
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
		list = append(list, fmt.Sprintf("%-12s%15s", name, fmt.Sprintf(format, value)))
	}
	list = append(list, "")
	say("requests", "%d", got.requests)
	say("connections", "%d", r.far.srv.Connections())
	say("gzip", "%.1f KB", float64(got.wire)/1000)
	say("plain", "%.1f KB", float64(got.plain)/1000)

	list = append(list, "")
	say("delivered", "%d", stats.Delivered)
	say("waiting", "%d", stats.QueueEvents)
	say("lost", "%d", stats.Failed.Lost())
	say("retries", "%d", stats.Retries)
	if got.repeated > 0 {
		say("came twice", "%d", got.repeated)
	}
	return list
}

// events is the right side: the events by name, and what they are worth.
func (r *report) events(got *received) []string {
	const bar = 8
	list := []string{fmt.Sprintf("%-24s%5s%10s", "event", "sent", "received"), strings.Repeat("─", 48)}
	ranked := r.sent.ranked()
	for _, event := range ranked {
		sent, n := r.sent.events[event], got.events[event]
		most := r.sent.events[ranked[0]]
		blocks := (n*bar + most - 1) / most
		list = append(list, fmt.Sprintf("%-24s%5d%10d %s", event, sent, n, strings.Repeat("█", blocks)))
	}
	revenue := fmt.Sprintf("%.2f %s", got.revenue, currency)
	return append(list, fmt.Sprintf("%-24s%15s", fmt.Sprintf("revenue of %d orders", got.orders), revenue))
}
