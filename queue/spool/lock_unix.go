//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

// The lock of the directory: it covers what bbolt's own on the file cannot, the moments in which that file is made or replaced.

package spool

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lockRetry is how often a lock that another process holds is tried again.
const lockRetry = 20 * time.Millisecond

// lockDir locks the directory for this Spool alone, until the handle is closed. It
// returns ErrInUse when another has it for all of lockTimeout.
func lockDir(dir string) (*os.File, error) {
	handle, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	for began := time.Now(); ; {
		err := syscall.Flock(int(handle.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case !errors.Is(err, syscall.EWOULDBLOCK):
			// It is locked; or this file system locks no directories, and bbolt's lock must do.
			return handle, nil
		case time.Since(began) >= lockTimeout:
			return nil, errors.Join(ErrInUse, handle.Close())
		}
		<-time.After(lockRetry)
	}
}

// unlock gives up the lock of a handle before it is closed. A file that stays mapped stays
// open, and a process that is just being started shares all handles for a moment.
func unlock(handle *os.File) {
	_ = syscall.Flock(int(handle.Fd()), syscall.LOCK_UN) // closed already, it has none
}
