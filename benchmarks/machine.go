// The machine a result comes from.

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// machine describes where the program runs, and how busy that was at first.
func machine() string {
	return fmt.Sprintf("%s, %d cores, %s %s, kernel %s, %s, load average %s",
		orUnknown(field("/proc/cpuinfo", "model name")), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH,
		orUnknown(line("/proc/sys/kernel/osrelease")), runtime.Version(), orUnknown(loadAverage()))
}

func loadAverage() string {
	parts := strings.Fields(line("/proc/loadavg"))
	return strings.Join(parts[:min(len(parts), 3)], " ")
}

// line is the first line of a file, empty where there is none.
func line(file string) string {
	data, _ := os.ReadFile(file)
	first, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(first)
}

// field is the value of the first line "name : value" of a file.
func field(file, name string) string {
	data, _ := os.ReadFile(file)
	for l := range strings.Lines(string(data)) {
		if key, value, found := strings.Cut(l, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
