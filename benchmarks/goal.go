// The goals, and how far a run came.

package main

import (
	"fmt"
	"math"
	"slices"
)

// goal is one number to reach.
type goal struct {
	figure  string
	wanted  string
	reached string
	met     bool
}

// goals compares a run with what the project set out to reach. What the run did
// not measure is left out.
func goals(found []figures, timed []waits) []goal {
	var list []goal
	for _, name := range []struct {
		name  string
		cpu   float64
		bytes float64
	}{{mapGzip, 1.25, 1.05}, {attrsGzip, 1.20, 0.90}} {
		f, ok := figuresOf(found, name.name, 1)
		if !ok || f.overWire == 0 {
			continue
		}
		list = append(list,
			goal{"CPU an event over the floor with gzip: " + name.name, fmt.Sprintf("≤ %.2f×", name.cpu),
				fmt.Sprintf("%.2f× (medians %.2f×)", f.overFloor.min, f.overFloor.median), f.overFloor.min <= name.cpu},
			goal{"wire bytes an event over the floor's: " + name.name, fmt.Sprintf("≤ %.2f×", name.bytes),
				fmt.Sprintf("%.2f×", f.overWire), f.overWire <= name.bytes})
	}
	list = append(list, peerGoal(found)...)
	list = append(list, waitGoals(timed)...)
	list = append(list, sizeGoal(found)...)
	return append(list, flatGoal(found)...)
}

// figuresOf finds a variant that counts.
func figuresOf(found []figures, name string, goroutines int) (figures, bool) {
	i := slices.IndexFunc(found, func(f figures) bool {
		return f.variant.name == name && f.variant.goroutines == goroutines && f.fault == ""
	})
	if i < 0 {
		return figures{}, false
	}
	return found[i], true
}

// peerGoal compares with the fastest of the others, whatever it compresses.
func peerGoal(found []figures) []goal {
	ours, ok := figuresOf(found, mapGzip, 1)
	fastest := figures{cpu: pair{math.Inf(1), math.Inf(1)}}
	for _, f := range found {
		if f.variant.peer && f.fault == "" && f.cpu.min < fastest.cpu.min {
			fastest = f
		}
	}
	if !ok || !fastest.variant.peer {
		return nil
	}
	ratio := fastest.cpu.over(ours.cpu)
	return []goal{{"CPU an event of the fastest other library over " + mapGzip, "≥ 4×",
		fmt.Sprintf("%.1f× (medians %.1f×): %s", ratio.min, ratio.median, fastest.variant), ratio.min >= 4}}
}

func waitGoals(timed []waits) []goal {
	var list []goal
	ours := variant{name: mapGzip, goroutines: waitGoroutines}.String()
	for _, w := range timed {
		if w.variant != ours || w.fault != "" {
			continue
		}
		list = append(list,
			goal{"p99 of a call at half the delivered rate, 8 goroutines", "≤ 10 µs",
				fmt.Sprintf("%.1f µs (best run %.1f µs)", micro(w.paced.P99), micro(w.best)), micro(w.paced.P99) <= 10},
			goal{"longest blocked call at full speed, 8 goroutines", "≤ 100 ms",
				fmt.Sprintf("%.1f ms", micro(w.longest)/1000), micro(w.longest) <= 100_000})
	}
	return list
}

// sizeGoal takes the worst of our variants.
func sizeGoal(found []figures) []goal {
	var peak int64
	for _, f := range found {
		if f.fault == "" && !f.variant.peer && f.variant.name != floorGzip && f.variant.name != floorPlain {
			peak = max(peak, f.peak)
		}
	}
	if peak == 0 {
		return nil
	}
	return []goal{{"peak resident size at full speed, the worst run of all our variants", "≤ 40 MiB",
		fmt.Sprintf("%.0f MiB", mebi(peak)), mebi(peak) <= 40}}
}

func flatGoal(found []figures) []goal {
	var list []goal
	for _, name := range []string{mapGzip, attrsGzip} {
		one, ok := figuresOf(found, name, 1)
		eight, also := figuresOf(found, name, 8)
		if !ok || !also {
			continue
		}
		ratio := eight.cpu.over(one.cpu)
		list = append(list, goal{"CPU an event from 8 goroutines over that from 1: " + name, "within 20 %",
			fmt.Sprintf("%.2f× (medians %.2f×)", ratio.min, ratio.median), flat(ratio.min)})
	}
	return list
}

// flat says that two costs differ by at most 20 %.
func flat(ratio float64) bool { return ratio >= 1/1.2 && ratio <= 1.2 }
