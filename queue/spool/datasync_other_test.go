//go:build !linux

// The machine's own sync, where it is not known better.

package spool_test

import (
	"os"
	"runtime"
)

func datasync(f *os.File) error { return f.Sync() }

func fileSystem(string) string { return "a file system of " + runtime.GOOS }
