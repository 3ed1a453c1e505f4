// Scaling: what an event of ours costs from few to many events, and from one to eight goroutines.

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// scaleEvents and scaleGoroutines are the sizes measured, each from one
// goroutine or at the middle size.
var (
	scaleEvents     = []int{100_000, 1_000_000, 10_000_000}
	scaleGoroutines = []int{2, 4, 8}
)

// scale measures both of our encodings with gzip.
func (p plan) scale(ctx context.Context, where string) (string, error) {
	var err error
	if p.variants, err = scaled(); err != nil {
		return "", err
	}
	all, err := p.run(ctx)
	if err != nil {
		return "", err
	}
	return renderScale(p, where, figure(p.variants, all)), nil
}

// scaled lists the variants of all sizes, each behind its driver.
func scaled() ([]variant, error) {
	var list []variant
	add := func(name string, goroutines, events int) error {
		v, err := find(variants(goroutines), name)
		if err != nil {
			return err
		}
		driver, err := find(variants(goroutines), v.driver)
		if err != nil {
			return err
		}
		v.events, driver.events = events, events
		list = append(list, driver, v)
		return nil
	}
	for _, name := range []string{mapGzip, attrsGzip} {
		for _, events := range scaleEvents {
			if err := add(name, 1, events); err != nil {
				return nil, err
			}
		}
		for _, n := range scaleGoroutines {
			if err := add(name, n, scaleEvents[1]); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// renderScale compares each size with the cheapest and dearest of its kind.
func renderScale(p plan, where string, found []figures) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Scaling\n\n<!-- Written by make bench-scale. Do not edit: run it again. -->\n\n%s.\n\n", where)
	fmt.Fprintf(&b, "%d alternating rounds. %s CPU is net of building the message. The goal is a cost that is flat within 20 %%.\n\n", p.rounds, p.pins)
	row(&b, "variant", "goroutines", "events", "CPU µs, best", "median", "× 1 goroutine, 1 000 000 events", "peak MiB", "connections")
	row(&b, "---", "--:", "--:", "--:", "--:", "--:", "--:", "--:")
	for _, f := range found {
		if f.fault != "" {
			row(&b, f.variant.String(), f.fault, "", "", "", "", "", "")
			continue
		}
		ratio := f.cpu.over(middle(found, f.variant.name).cpu)
		row(&b, f.variant.name, fmt.Sprint(f.variant.goroutines), fmt.Sprint(f.variant.events),
			fmt.Sprintf("%.2f", f.cpu.min), fmt.Sprintf("%.2f", f.cpu.median), fmt.Sprintf("%.2f (medians %.2f)", ratio.min, ratio.median),
			fmt.Sprintf("%.0f", mebi(f.peak)), fmt.Sprint(f.connections))
	}
	return b.String()
}

// middle is the line that the others of a variant are compared with.
func middle(found []figures, name string) figures {
	i := slices.IndexFunc(found, func(f figures) bool {
		return f.variant.name == name && f.variant.goroutines == 1 && f.variant.events == scaleEvents[1]
	})
	return found[i]
}
