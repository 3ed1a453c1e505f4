// A full disk and a full file: the caller is told, what was delivered is forgotten all the same, and intake resumes.

//go:build unix

package spool_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/queue/spool"
)

func init() { spool.Children["full disk"] = fullDisk }

// TestTheDiskIsFull fills a disk by what stands in for one: the limit of a process on the
// size of the files it writes.
func TestTheDiskIsFull(t *testing.T) {
	t.Parallel()
	child := spool.StartChild(t, "full disk", "SPOOL="+t.TempDir()+"/spool")
	for line := child.Line(); line != ""; line = child.Line() {
		t.Log(line)
	}
	require.NoError(t, child.Wait())
}

// limitFiles bounds the size of files of this process; more can be allowed again.
func limitFiles(bytes uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = min(bytes, limit.Max)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}

// crowd is a spool and what it must hold.
type crowd struct {
	*spool.Spool
	waiting map[string]bool
	again   map[string]bool // Done, and there again if the disk was too full to forget it
	next    int
}

const crowdSource = "0a1b2c3d4e5f6071"

func (c *crowd) open() (err error) {
	c.Spool, err = spool.Open(os.Getenv("SPOOL"), &spool.Options{MaxBytes: 64 << 20})
	return err
}

func (c *crowd) append(count, size int) error {
	var entries []analytics.Entry
	for range count {
		entries = append(entries, entryOf(crowdSource, c.next, size))
		c.next++
	}
	err := c.Append(context.Background(), entries, analytics.Drop)
	if err == nil {
		for _, e := range entries {
			c.waiting[string(e.ID)] = true
		}
	}
	return err
}

// lease takes count entries and has every kept one of them given back, none at 0.
func (c *crowd) lease(count, kept int) error {
	lease, err := c.Lease(ended(), analytics.Limit{Source: crowdSource, Events: count, Bytes: 1 << 30})
	if err != nil {
		return err
	}
	verdicts := make([]analytics.Verdict, len(lease.Entries()))
	for i, e := range lease.Entries() {
		verdicts[i].Outcome = analytics.Delivered
		if c.again[string(e.ID)] {
			continue
		}
		if !c.waiting[string(e.ID)] {
			return fmt.Errorf("%s was leased and is not waiting", e.ID)
		}
		if kept > 0 && i%kept == 0 {
			verdicts[i].Outcome = analytics.RetryAfter
		} else {
			delete(c.waiting, string(e.ID))
			c.again[string(e.ID)] = true
		}
	}
	return lease.Done(context.Background(), verdicts)
}

// reopen closes the spool and opens it again, and requires that what must wait does. A
// disk may be too full to forget what is Done, which then waits too.
func (c *crowd) reopen() error {
	if err := c.Close(context.Background()); err != nil {
		return err
	}
	if err := c.open(); err != nil {
		return err
	}
	if n := c.Stats().Waiting; n < len(c.waiting) || n > len(c.waiting)+len(c.again) {
		return fmt.Errorf("%d wait, not %d", n, len(c.waiting))
	}
	return nil
}

// fill appends until there is no room.
func (c *crowd) fill(count, size int) error {
	for range 10_000 {
		if err := c.append(count, size); err != nil {
			return err
		}
	}
	return errors.New("it is never full")
}

func fullDisk() error {
	c := &crowd{waiting: map[string]bool{}, again: map[string]bool{}}
	if err := c.open(); err != nil {
		return err
	}
	if err := limitFiles(2 << 20); err != nil {
		return err
	}
	for round := range 6 {
		err := c.fill(20, 700)
		if !errors.Is(err, spool.ErrStorage) && !errors.Is(err, analytics.ErrQueueFull) || !errors.Is(err, syscall.EFBIG) && round == 0 && c.Stats().Err == nil {
			return fmt.Errorf("round %d: a full disk gives %w, and Stats.Err %w", round, err, c.Stats().Err)
		}
		fmt.Printf("round %d: %d wait, %v\n", round, len(c.waiting), err)
		if c.Stats().Err == nil {
			return errors.New("a full disk, and Stats.Err is nil")
		}
		if err := c.lease(len(c.waiting), 3); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		// Still full: what was delivered is forgotten with this close, and gone.
		if err := c.reopen(); err != nil {
			return fmt.Errorf("round %d: with the disk full: %w", round, err)
		}
		if err := c.append(1, 700); err != nil {
			return fmt.Errorf("round %d: there is room again: %w", round, err)
		}
	}
	_ = c.fill(20, 700)
	if err := limitFiles(math.MaxUint64); err != nil {
		return err
	}
	if err := c.append(2000, 700); err != nil {
		return fmt.Errorf("the disk has room again: %w", err)
	}
	if err := c.Stats().Err; err != nil {
		return fmt.Errorf("Stats.Err stays: %w", err)
	}
	if err := c.lease(1<<30, 0); err != nil {
		return err
	}
	if err := c.reopen(); err != nil {
		return err
	}
	return c.Close(context.Background())
}

// TestTheFileIsFull fills the file before its budget is used, with records of half a
// page and a little more, of which each takes a page.
func TestTheFileIsFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	options := &spool.Options{MaxBytes: 11_700_000}
	open := func() *crowd {
		q, err := spool.Open(dir, options)
		require.NoError(t, err)
		return &crowd{Spool: q, waiting: map[string]bool{}, again: map[string]bool{}}
	}
	c := open()
	c.waiting = map[string]bool{}
	for round := range 2 {
		_ = c.fill(20, 2100)
		err := c.fill(1, 2100)
		require.ErrorIs(t, err, analytics.ErrQueueFull)
		require.NotErrorIs(t, err, spool.ErrStorage)
		if round == 0 {
			require.Less(t, c.Stats().Bytes, options.MaxBytes*9/10, "it was the budget that was full, not the file")
		}
		require.NoError(t, c.lease(1<<30, 2), "of each two records one stays")
		require.NoError(t, c.Close(t.Context()))
		waiting, next := c.waiting, c.next
		c = open()
		c.waiting, c.next = waiting, next
		require.Equal(t, len(waiting), c.Stats().Waiting, "round %d: what was delivered is forgotten", round)
		require.NoError(t, c.append(1, 2100))
		require.NoError(t, c.Stats().Err)
	}
	require.NoError(t, c.Close(t.Context()))
}

// TestTheBudgetIsMetFirst fills spools of many sizes with common calls: the budget is
// what ends it, the file has room.
func TestTheBudgetIsMetFirst(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{100_000, 1 << 20, 3 << 20, 13 << 20, 15 << 20, 26 << 20} {
		q, err := spool.Open(t.TempDir(), &spool.Options{MaxBytes: size})
		require.NoError(t, err)
		c := &crowd{Spool: q, waiting: map[string]bool{}, again: map[string]bool{}}
		require.ErrorIs(t, c.fill(100, 600), analytics.ErrQueueFull)
		require.Greater(t, c.Stats().Bytes, size-100*800, "of %d", size)
		require.NoError(t, c.Stats().Err, "of %d", size)
		require.NoError(t, c.lease(1<<30, 0))
		require.NoError(t, c.append(1, 600))
		require.NoError(t, c.Close(t.Context()))
	}
}
