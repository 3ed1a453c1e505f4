// Where the operating system does not say what a process has used.

//go:build !unix

package main

import (
	"errors"
	"time"
)

func cpuTime() (time.Duration, error) {
	return 0, errors.New("the time a process has spent is measured on Unix only")
}

func peakResident() int64 { return 0 }
