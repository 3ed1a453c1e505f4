// The report as Markdown.

package main

import (
	"fmt"
	"strings"
	"time"
)

// render words the whole report.
func render(p plan, where string, found []figures, timed []waits) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results\n\n<!-- Written by make bench. Do not edit: run it again. -->\n\n")
	fmt.Fprintf(&b, "%s.\n\n", where)
	fmt.Fprintf(&b, "%d alternating rounds of %d events a run (%d for other libraries). %s [README.md](README.md) says what the columns mean.\n\n",
		p.rounds, p.events, p.peerEvents, p.pins)
	renderGoals(&b, goals(found, timed))
	renderFigures(&b, found)
	renderWaits(&b, timed)
	return b.String()
}

// String says where the two sides ran.
func (p pins) String() string {
	if p.sink == "" {
		return "No process was kept on a processor."
	}
	return fmt.Sprintf("Measured processes ran on processor %s, the sink on %s.", p.measured, p.sink)
}

func renderGoals(b *strings.Builder, list []goal) {
	if len(list) == 0 {
		return
	}
	b.WriteString("## Goals\n\n")
	row(b, "figure", "goal", "reached", "")
	row(b, "---", "---", "---", "---")
	for _, g := range list {
		mark := "**missed**"
		if g.met {
			mark = "met"
		}
		row(b, g.figure, g.wanted, g.reached, mark)
	}
	b.WriteString("\n")
}

func renderFigures(b *strings.Builder, found []figures) {
	b.WriteString("## Cost of an event\n\n")
	row(b, "variant", "goroutines", "CPU µs, best", "median", "× floor", "medians", "with building, µs", "events/s", "allocations", "bytes allocated",
		"peak MiB", "wire bytes", "× floor", "JSON bytes", "requests", "connections")
	row(b, "---", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:")
	for _, f := range found {
		v := f.variant
		if f.fault != "" {
			row(b, v.name, fmt.Sprint(v.goroutines), f.fault, "", "", "", "", "", "", "", "", "", "", "", "", "")
			continue
		}
		row(b, v.name, fmt.Sprint(v.goroutines),
			fmt.Sprintf("%.2f", f.cpu.min), fmt.Sprintf("%.2f", f.cpu.median),
			fmt.Sprintf("%.2f", f.overFloor.min), fmt.Sprintf("%.2f", f.overFloor.median),
			fmt.Sprintf("%.2f", f.gross.min), fmt.Sprintf("%.0f", f.rate),
			fmt.Sprintf("%.2f", f.mallocs), fmt.Sprintf("%.0f", f.bytes), fmt.Sprintf("%.0f", mebi(f.peak)),
			fmt.Sprintf("%.1f", f.wire), fmt.Sprintf("%.2f", f.overWire), fmt.Sprintf("%.0f", f.plain),
			fmt.Sprint(f.requests), fmt.Sprint(f.connections))
	}
	b.WriteString("\n")
}

func renderWaits(b *strings.Builder, timed []waits) {
	if len(timed) == 0 {
		return
	}
	b.WriteString("## Duration of a call\n\n")
	row(b, "variant", "paced at events/s", "p50 µs", "p99 µs", "p99.9 µs", "longest µs", "p99 of the best run", "longest at full speed, ms")
	row(b, "---", "--:", "--:", "--:", "--:", "--:", "--:", "--:")
	for _, w := range timed {
		if w.fault != "" {
			row(b, w.variant, w.fault, "", "", "", "", "", "")
			continue
		}
		row(b, w.variant, fmt.Sprintf("%.0f", w.rate), fmt.Sprintf("%.2f", micro(w.paced.P50)), fmt.Sprintf("%.2f", micro(w.paced.P99)),
			fmt.Sprintf("%.1f", micro(w.paced.P999)), fmt.Sprintf("%.0f", micro(w.paced.Max)), fmt.Sprintf("%.2f", micro(w.best)),
			fmt.Sprintf("%.1f", micro(w.longest)/1000))
	}
}

func row(b *strings.Builder, cells ...string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func mebi(bytes int64) float64 { return float64(bytes) / (1 << 20) }
