// Shrinking: a file that grew in an outage is written anew when it has been drained.

package spool

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"

	"go.etcd.io/bbolt"
)

const (
	// shrinkFrom is the size from which on it is worth it, and shrinkUsed how much of it
	// may be in use at most: a tenth.
	shrinkFrom = 64 << 20
	shrinkUsed = 10
)

// shrink writes the file anew if it is large and nearly empty. It runs on the committer,
// so that nothing is appended meanwhile. A failure leaves the file as it is.
func (s *Spool) shrink() {
	s.mu.Lock()
	used := s.bytes
	for i := range s.acks {
		used += s.acks[i].cost
	}
	busy := len(s.pending) > 0
	s.mu.Unlock()
	if busy || runtime.GOOS == "windows" { // which cannot rename an open file
		return
	}
	s.diskMu.Lock()
	defer s.diskMu.Unlock()
	size, err := s.disk.size()
	if err != nil || size < s.options.shrinkFrom || used > size/shrinkUsed {
		return
	}
	if err := s.rewrite(); err != nil {
		s.options.Logger.Warn("spool: the file could not be made smaller", "err", err)
	}
}

// rewrite copies the file and puts the copy in its place. Both are locked until then, so
// that no process opens one that is about to go.
func (s *Spool) rewrite() error {
	old, ok := s.disk.(interface{ database() *bbolt.DB })
	if !ok {
		return nil
	}
	name, err := newFile(s.dir)
	if err != nil {
		return err
	}
	defer os.Remove(name)
	d, err := s.options.open(name, s.options.fileSize())
	if err != nil {
		return err
	}
	fresh, ok := d.(interface{ database() *bbolt.DB })
	if !ok {
		return d.close()
	}
	err = guarded(func() error { return bbolt.Compact(fresh.database(), old.database(), 1<<20) })
	if err == nil {
		err = guarded(fresh.database().Sync)
	}
	if err == nil {
		err = os.Rename(name, filepath.Join(s.dir, fileName))
	}
	if err != nil {
		return errors.Join(err, d.close())
	}
	before := s.disk
	s.disk = d
	return errors.Join(syncDir(s.dir), before.close())
}
