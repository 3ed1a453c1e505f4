// Rounds: all variants one after the other, again and again, so that a bad minute of the machine hits all of them.

package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// plan says what a benchmark runs.
type plan struct {
	variants   []variant
	rounds     int
	events     int // a run
	peerEvents int // a run of a peer, which takes several times as long an event
	seed       uint64
	pins       pins
	profiles   string // directory for CPU profiles of the first round; empty for none
	progress   io.Writer
}

// sample is one run of one variant.
type sample struct {
	measurement
	tally  *tally // nil for a driver
	events int
	fault  string // why it does not count
}

// samples are the runs of each variant, by its String.
type samples map[string][]sample

// run measures every variant once a round. Each round begins with another one.
func (p plan) run(ctx context.Context) (samples, error) {
	all := make(samples)
	for round := range p.rounds {
		began := time.Now()
		first := round * len(p.variants) / p.rounds
		for i := range p.variants {
			v := p.variants[(i+first)%len(p.variants)]
			s := p.spec(v)
			if p.profiles != "" && round == 0 && v.driver != "" {
				s.Profile = profileName(p.profiles, v)
			}
			one, err := p.once(ctx, v, s)
			if err != nil {
				return nil, err
			}
			all[v.String()] = append(all[v.String()], one)
		}
		fmt.Fprintf(p.progress, "round %d of %d: %s\n", round+1, p.rounds, time.Since(began).Round(time.Millisecond))
	}
	return all, nil
}

// spec is a run of a variant at full speed.
func (p plan) spec(v variant) spec {
	s := spec{Variant: v.name, Goroutines: v.goroutines, Seed: p.seed, Events: p.events}
	switch {
	case v.events > 0:
		s.Events = v.events
	case v.peer:
		s.Events = p.peerEvents
	}
	return s
}

// once is one run: a sink, a measured process, and what the sink says of it.
// Drivers send nothing and need no sink.
func (p plan) once(ctx context.Context, v variant, s spec) (sample, error) {
	if v.driver == "" {
		m, err := measureApart(ctx, p.pins, s)
		return sample{measurement: m, events: s.Events}, err
	}
	sink, err := startSink(ctx, p.pins)
	if err != nil {
		return sample{}, err
	}
	s.Endpoint = sink.endpoint
	m, failed := measureApart(ctx, p.pins, s)
	t, err := sink.stop()
	if failed != nil {
		return sample{}, failed
	}
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w", v, err)
	}
	return sample{measurement: m, tally: t, events: s.Events, fault: t.verdict(s.Events, v.ids)}, nil
}
