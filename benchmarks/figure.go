// Figures: what the samples of a variant come to for one event, net of its driver.

package main

import (
	"math"
	"slices"
	"time"
)

// figures are those of one variant. Costs are net of building the messages.
type figures struct {
	variant variant
	fault   string // of a run that does not count; then nothing else is set

	cpu         pair    // µs an event
	gross       pair    // µs an event, building the message included
	rate        float64 // events a second, the best run
	mallocs     float64 // an event
	bytes       float64 // allocated an event
	peak        int64   // resident bytes, the worst run
	wire        float64 // bytes an event
	plain       float64 // bytes an event, uncompressed
	requests    int
	connections int

	overFloor pair // cpu of its floor
	overWire  float64
}

// pair is a figure at its best, and in the median beside it: on a shared machine
// the best is what repeats.
type pair struct{ min, median float64 }

// over is the ratio of minima, and of medians.
func (p pair) over(o pair) pair { return pair{p.min / o.min, p.median / o.median} }

func (p pair) minus(o pair) pair { return pair{p.min - o.min, p.median - o.median} }

// pairOf is the least and the median of values.
func pairOf(values []float64) pair {
	if len(values) == 0 {
		return pair{math.NaN(), math.NaN()}
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + median) / 2
	}
	return pair{sorted[0], median}
}

// figure computes the figures of every variant but the drivers.
func figure(list []variant, all samples) []figures {
	var out []figures
	for _, v := range list {
		if v.driver == "" {
			continue
		}
		out = append(out, figureOf(v, all[v.String()], all[v.under().String()]))
	}
	for i, f := range out {
		for _, floor := range out {
			if floor.variant.name == f.variant.floor && floor.fault == "" && f.fault == "" {
				out[i].overFloor = f.cpu.over(floor.cpu)
				out[i].overWire = f.wire / floor.wire
			}
		}
	}
	return out
}

func figureOf(v variant, runs, driver []sample) figures {
	f := figures{variant: v}
	for _, s := range runs {
		if s.fault != "" {
			f.fault = s.fault
			return f
		}
		f.rate = max(f.rate, float64(s.events)/s.Wall.Seconds())
		f.peak = max(f.peak, s.Peak)
		f.connections = max(f.connections, s.tally.Connections)
		f.requests = max(f.requests, s.tally.Requests)
	}
	f.gross = each(runs, cpuOf)
	f.cpu = f.gross.minus(each(driver, cpuOf))
	f.mallocs = each(runs, mallocsOf).minus(each(driver, mallocsOf)).min
	f.bytes = each(runs, bytesOf).minus(each(driver, bytesOf)).min
	f.wire = each(runs, func(s sample) float64 { return float64(s.tally.WireBytes) }).min
	f.plain = each(runs, func(s sample) float64 { return float64(s.tally.PlainBytes) }).min
	return f
}

// each is one quantity of every run, an event.
func each(runs []sample, quantity func(sample) float64) pair {
	values := make([]float64, len(runs))
	for i, s := range runs {
		values[i] = quantity(s) / float64(s.events)
	}
	return pairOf(values)
}

func cpuOf(s sample) float64     { return float64(s.CPU) / float64(time.Microsecond) }
func mallocsOf(s sample) float64 { return float64(s.Mallocs) }
func bytesOf(s sample) float64   { return float64(s.Bytes) }
