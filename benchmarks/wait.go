// Waits of callers: how long a call takes at half the delivered rate, and how long one is blocked at full speed.

package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// waitGoroutines is from how many goroutines calls are timed.
const waitGoroutines = 8

// waits are those of one variant, in the run whose p99, or longest, is the median.
type waits struct {
	variant string
	rate    float64       // events a second: half of what was delivered
	paced   latency       // of calls at that rate
	best    time.Duration // p99 of the best run
	longest time.Duration // call at full speed
	fault   string
}

// latencies times the calls of every variant that was measured from
// waitGoroutines, at half the best rate at which it delivered.
func (p plan) latencies(ctx context.Context, found []figures) ([]waits, error) {
	var out []waits
	for _, f := range found {
		if f.variant.goroutines != waitGoroutines || f.fault != "" {
			continue
		}
		w, err := p.wait(ctx, f)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
		fmt.Fprintf(p.progress, "latency of %s\n", f.variant)
	}
	return out, nil
}

func (p plan) wait(ctx context.Context, f figures) (waits, error) {
	w := waits{variant: f.variant.String(), rate: f.rate / 2}
	var paced []latency
	var longest []time.Duration
	for range min(p.rounds, 3) {
		s := p.spec(f.variant)
		s.Timed, s.Rate = true, w.rate
		slow, err := p.once(ctx, f.variant, s)
		if err != nil {
			return w, err
		}
		s.Rate = 0
		fast, err := p.once(ctx, f.variant, s)
		if err != nil {
			return w, err
		}
		for _, fault := range []string{slow.fault, fast.fault} {
			if fault != "" {
				w.fault = fault
				return w, nil
			}
		}
		paced = append(paced, slow.Latency)
		longest = append(longest, fast.Latency.Max)
	}
	slices.SortFunc(paced, func(a, b latency) int { return int(a.P99 - b.P99) })
	slices.Sort(longest)
	w.paced, w.best, w.longest = paced[len(paced)/2], paced[0].P99, longest[len(longest)/2]
	return w, nil
}
