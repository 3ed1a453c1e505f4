// One measured run: a process sends its events, and says what that cost it.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

// spec says what a measured process is to do.
type spec struct {
	Variant    string // its name
	Goroutines int
	Endpoint   string
	Seed       uint64
	Events     int
	Rate       float64 // events a second; 0 is as fast as it goes
	Timed      bool    // measure each call, which costs a call some 80 ns
	Profile    string  // file for a CPU profile; empty for none
}

// measurement is what a run cost its process, from before the first event until
// the last was delivered.
type measurement struct {
	CPU     time.Duration // user and system
	Wall    time.Duration
	Mallocs uint64
	Bytes   uint64  // allocated in sum
	Peak    int64   // bytes resident at most
	Latency latency // of the calls, when Timed
}

// serveMeasured is the process of a measured run.
func serveMeasured(text string, out io.Writer) error {
	var s spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	v, err := find(variants(s.Goroutines), s.Variant)
	if err != nil {
		return err
	}
	m, err := measure(v, s)
	if err != nil {
		return fmt.Errorf("measure: %s: %w", v, err)
	}
	return json.NewEncoder(out).Encode(m)
}

// measure runs a variant in this process.
func measure(v variant, s spec) (measurement, error) {
	c, err := v.open(s.Endpoint)
	if err != nil {
		return measurement{}, err
	}
	stop, err := profile(s.Profile)
	if err != nil {
		return measurement{}, err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cpu, err := cpuTime()
	if err != nil {
		return measurement{}, err
	}
	began := time.Now()
	times, err := load(c, v.goroutines, s)
	err = errors.Join(err, c.close(), stop())
	if err != nil {
		return measurement{}, err
	}
	m := measurement{Wall: time.Since(began)}
	spent, err := cpuTime()
	runtime.ReadMemStats(&after)
	m.CPU, m.Mallocs, m.Bytes = spent-cpu, after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	m.Peak = peakResident()
	m.Latency = latencyOf(times)
	return m, err
}

// load sends the events of a run from a number of goroutines, and returns how
// long each call took when that is wanted.
func load(c client, goroutines int, s spec) ([]time.Duration, error) {
	var (
		group    sync.WaitGroup
		mu       sync.Mutex
		times    []time.Duration
		failures []error
	)
	for first := range goroutines {
		group.Go(func() {
			own, err := loadOne(c, first, goroutines, s)
			mu.Lock()
			defer mu.Unlock()
			times = append(times, own...)
			failures = append(failures, err)
		})
	}
	group.Wait()
	return times, errors.Join(failures...)
}

// loadOne sends every step-th event from first on. With a Rate each has its
// time; what a sleep overslept is made up for at once.
func loadOne(c client, first, step int, s spec) ([]time.Duration, error) {
	var times []time.Duration
	if s.Timed {
		times = make([]time.Duration, 0, s.Events/step+1)
	}
	var pace time.Duration // between two events of the run
	if s.Rate > 0 {
		pace = time.Duration(float64(time.Second) / s.Rate)
	}
	began := time.Now()
	for number := first; number < s.Events; number += step {
		e := newEvent(s.Seed, number)
		if pace > 0 {
			if wait := time.Until(began.Add(time.Duration(number) * pace)); wait > 0 {
				time.Sleep(wait)
			}
		}
		took, err := c.send(&e, s.Timed)
		if err != nil {
			return times, fmt.Errorf("event %d: %w", number, err)
		}
		if s.Timed {
			times = append(times, took)
		}
	}
	return times, nil
}

// profile starts a CPU profile; stop ends it.
func profile(file string) (stop func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
