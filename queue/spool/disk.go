// The disk: one bbolt file, guarded against what a damaged one makes bbolt do.

package spool

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// disk is what a spool needs of a bbolt file. Tests put faults in between.
type disk interface {
	update(func(*bbolt.Tx) error) error // committed and synced when it returns nil
	forget(func(*bbolt.Tx) error) error // an update that makes room, and so finds some
	view(func(*bbolt.Tx) error) error
	size() (int64, error)
	close() error
}

// lockTimeout is how long another process is given to let go of the file.
const lockTimeout = 500 * time.Millisecond

// errPanic is what bbolt panicked with, or a fault in the memory it maps.
var errPanic = errors.New("bbolt panicked")

// file is the disk there is.
type file struct {
	db      *bbolt.DB
	lock    *os.File // db's own handle
	maxSize int      // for what makes no room
	torn    error    // what is wrong with one of its heads
}

// openFile opens a bbolt file that exists, or makes an empty one. An error that is not
// about the file in use or its permissions means that the file is no bbolt file.
func openFile(path string, maxSize int64) (disk, error) {
	for {
		torn, err := inspectFile(path)
		if err != nil {
			return nil, err
		}
		f, same, err := tryOpen(path, maxSize)
		if err != nil {
			return nil, err
		}
		if same {
			f.torn = torn
			return f, nil
		}
		_ = f.close() // it was replaced while we waited for its lock
	}
}

// inspectFile verifies a file, which nobody writes to meanwhile, before it is opened.
func inspectFile(path string) (torn, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	if info.Size() == 0 {
		return nil, nil // bbolt fills it
	}
	var handle *os.File
	err = guarded(func() error {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{
			ReadOnly: true, Timeout: lockTimeout,
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				var err error
				handle, err = os.OpenFile(name, flag, mode)
				return handle, err
			},
		})
		if err != nil {
			return err
		}
		info, err := handle.Stat()
		if err == nil {
			torn, err = verify(handle, info.Size(), db.Info().PageSize)
		}
		unlock(handle) // bbolt leaves that to the close, which a program that is being started delays
		return errors.Join(err, db.Close())
	})
	if errors.Is(err, berrors.ErrTimeout) {
		err = ErrInUse
	}
	if err != nil && handle != nil {
		unlock(handle)
		_ = handle.Close() // bbolt closes it too, unless it panicked
	}
	return torn, err
}

// tryOpen opens the file and tells whether it is still the one at path.
func tryOpen(path string, maxSize int64) (f *file, same bool, err error) {
	f = &file{maxSize: int(min(maxSize, int64(^uint(0)>>1)))}
	err = guarded(func() (err error) {
		f.db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout:        lockTimeout,
			NoFreelistSync: true,
			FreelistType:   bbolt.FreelistMapType,
			MaxSize:        f.maxSize,
			NoStatistics:   true,
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				handle, err := os.OpenFile(name, flag, mode)
				f.lock = handle
				return handle, err
			},
		})
		return err
	})
	if err != nil {
		if errors.Is(err, berrors.ErrTimeout) {
			err = ErrInUse
		}
		if f.lock != nil {
			unlock(f.lock)
			_ = f.lock.Close() // bbolt closes it too, unless it panicked
		}
		return nil, false, err
	}
	mine, err := f.lock.Stat()
	if err != nil {
		return f, false, errors.Join(fmt.Errorf("spool: %w", err), f.close())
	}
	there, err := os.Stat(path)
	return f, err == nil && os.SameFile(mine, there), nil
}

func (f *file) update(fn func(*bbolt.Tx) error) error { return f.limited(f.maxSize, fn) }

func (f *file) forget(fn func(*bbolt.Tx) error) error { return f.limited(0, fn) }

// limited is an update that may let the file grow to maxSize, or without limit: bbolt
// copies the pages of what it deletes from, and a full file has none to copy to.
func (f *file) limited(maxSize int, fn func(*bbolt.Tx) error) error {
	return guarded(func() error {
		return f.db.Update(func(tx *bbolt.Tx) error {
			f.db.MaxSize = maxSize // under bbolt's lock of its one writer
			return fn(tx)
		})
	})
}

func (f *file) view(fn func(*bbolt.Tx) error) error {
	return guarded(func() error { return f.db.View(fn) })
}

func (f *file) size() (int64, error) {
	info, err := f.lock.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f *file) database() *bbolt.DB { return f.db }

func (f *file) close() error { return guarded(f.db.Close) }

// abandon lets go of a file on which bbolt panicked: its locks are in no known state,
// so that Close could hang.
func abandon(d disk) {
	if f, ok := d.(interface{ abandon() }); ok {
		f.abandon()
	}
}

// abandon closes the file if that does not take for ever: what it maps keeps its lock, even
// when its handle is closed.
func (f *file) abandon() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = f.close()
	}()
	timer := time.NewTimer(lockTimeout)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	}
	unlock(f.lock)
	_ = f.lock.Close()
}

// tornOf is what is wrong with one of a file's heads.
func tornOf(d disk) error {
	if f, ok := d.(interface{ tornHead() error }); ok {
		return f.tornHead()
	}
	return nil
}

func (f *file) tornHead() error { return f.torn }

// guarded turns a panic into an error, and a fault in mapped memory into a panic: a
// damaged page may point anywhere.
func guarded(fn func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return fn()
}

// damaged reports whether an error says that the file is no good, as opposed to a disk
// that fails or a file that may not be opened.
func damaged(err error) bool {
	for _, known := range []error{errPanic, berrors.ErrInvalid, berrors.ErrVersionMismatch, berrors.ErrChecksum, errStructure} {
		if errors.Is(err, known) {
			return true
		}
	}
	// What bbolt finds when it maps a file that was cut off has no value of its own.
	return strings.Contains(err.Error(), "file size too small")
}
