// Processes: the program starts itself again for each sink and each measured run, on processors of its own.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// pins says on which processors the two sides of a run stay. Empty means
// anywhere.
type pins struct{ sink, measured string }

// choosePins gives the sink the last processor and the measured process all
// others, where taskset can do it.
func choosePins() pins {
	if _, err := exec.LookPath("taskset"); err != nil {
		return pins{}
	}
	cpus := allowedCPUs()
	if len(cpus) < 2 {
		return pins{}
	}
	last := len(cpus) - 1
	return pins{sink: cpus[last], measured: strings.Join(cpus[:last], ",")}
}

// allowedCPUs lists the processors this process may use, by number.
func allowedCPUs() []string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(status), "Cpus_allowed_list:")
	list, _, _ := strings.Cut(rest, "\n")
	var cpus []string
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		first, last, ranged := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		if err != nil {
			return nil
		}
		to := from
		if ranged {
			if to, err = strconv.Atoi(last); err != nil {
				return nil
			}
		}
		for cpu := from; cpu <= to; cpu++ {
			cpus = append(cpus, strconv.Itoa(cpu))
		}
	}
	return cpus
}

// reexec is this program once more, in another role and on some processors.
func reexec(ctx context.Context, cpus string, args ...string) (*exec.Cmd, *strings.Builder, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("no program to start again: %w", err)
	}
	command := append([]string{self}, args...)
	if cpus != "" && runtime.GOOS == "linux" {
		command = append([]string{"taskset", "-c", cpus}, command...)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	errors := new(strings.Builder)
	cmd.Stderr = errors
	return cmd, errors, nil
}

// measureApart has one run measured in a process of its own.
func measureApart(ctx context.Context, p pins, s spec) (measurement, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return measurement{}, err
	}
	cmd, errors, err := reexec(ctx, p.measured, "measure", string(text))
	if err != nil {
		return measurement{}, err
	}
	out, err := cmd.Output()
	if err != nil {
		return measurement{}, fmt.Errorf("%s: %w: %s", s.Variant, err, errors)
	}
	var m measurement
	if err := json.Unmarshal(out, &m); err != nil {
		return m, fmt.Errorf("%s: %w", s.Variant, err)
	}
	return m, nil
}
