// The spool: Open, what it may hold, its state, Close.

// Package spool is a Queue on disk: a call that was accepted is delivered, by this
// process or by the next one, through kill -9 and power loss.
//
//	queue, err := spool.Open("/var/spool/shop", nil)
//	if err != nil {
//		return err
//	}
//	client, err := analytics.New(writeKey, &analytics.Config{Queue: queue})
//
// A call returns when it is on disk: the file is synced for every group of calls that
// came while the one before was written, so that many callers share a sync and one
// caller waits for its own. What was delivered is forgotten with the next group, or
// within a second; a process that is killed in between sends it again, under the same
// messageId.
//
// The client leases the oldest first, an earlier process's before its own. Retries that
// are used up never delete a call: only a rejection by the API takes it out, and puts
// it among the dead letters (see [Spool.Dead]).
//
// The file is a bbolt database in a directory of its own, on a local disk or a block
// volume: network file systems keep neither locks nor syncs as they should. Its memory
// map shows as resident memory of the process, which it is not. The write key is not in
// it: calls are kept under its hash, and never go out under another key. What they
// carry is in it as it was given, readable by its owner only.
//
// It is one process's at a time. Linux and macOS are supported; on Windows a file that
// grew does not shrink.
package spool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/headwater-dev/analytics"
)

const (
	defaultBytes  = 256 << 20
	defaultEvents = 1 << 40 // as many as the bytes allow
	defaultDead   = 1000
	// ackWithin is how long what was delivered may stay in the file when nothing is
	// accepted with which to forget it.
	ackWithin = time.Second
	// mendWithin is how long a disk that failed is left alone when nothing is accepted
	// with which to try it.
	mendWithin = 5 * time.Second
)

// Options of Open. The zero value of each is its default.
type Options struct {
	// MaxBytes bounds what calls take on disk, each with some 50 bytes beside its own.
	// Default 256 MiB. The file may be some more than a quarter larger, and
	// the dead letters a sixteenth, so that there is always room to forget what was
	// delivered. Calls of more than 2 KB may fill the file before the budget, since pages
	// have 4 KB; Append then returns analytics.ErrQueueFull under Block too.
	MaxBytes int64

	// MaxEvents bounds the number of calls. Default none.
	MaxEvents int

	// MaxDead is how many rejected calls are kept; the oldest make room for others.
	// Default 1000; below 0 none.
	MaxDead int

	// Logger is told of damage and of a disk that fails. Default silence.
	Logger *slog.Logger

	open       opener // of tests, to fail on purpose
	shrinkFrom int64  // of tests, whose files are small
}

// opener opens the file at a path.
type opener func(path string, maxSize int64) (disk, error)

// withDefaults returns the options that hold, and refuses those that cannot.
func (o *Options) withDefaults() (Options, error) {
	var out Options
	if o != nil {
		out = *o
	}
	if out.MaxBytes < 0 {
		return out, fmt.Errorf("spool: MaxBytes is %d, less than 0", out.MaxBytes)
	}
	if out.MaxBytes == 0 {
		out.MaxBytes = defaultBytes
	}
	if out.MaxEvents < 0 {
		return out, fmt.Errorf("spool: MaxEvents is %d, less than 0", out.MaxEvents)
	}
	if out.MaxEvents == 0 {
		out.MaxEvents = int(min(defaultEvents, int64(^uint(0)>>1)))
	}
	if out.MaxDead == 0 {
		out.MaxDead = defaultDead
	}
	if out.Logger == nil {
		out.Logger = slog.New(slog.DiscardHandler)
	}
	if out.open == nil {
		out.open = openFile
	}
	if out.shrinkFrom == 0 {
		out.shrinkFrom = shrinkFrom
	}
	return out, nil
}

// fileSize bounds the file: the budget is four fifths of it, less the dead letters. bbolt
// grows a small file to the next power of two and a large one by its step, and refuses
// to when that is beyond the bound: it is rounded up, so that the budget is met first.
func (o *Options) fileSize() int64 {
	size := o.MaxBytes/4*5 + o.deadBytes() + 1<<20
	if size > growthStep {
		return size + growthStep
	}
	return 1 << bits.Len64(uint64(size-1))
}

// growthStep is bbolt's.
const growthStep = 16 << 20

// deadBytes bounds the dead letters.
func (o *Options) deadBytes() int64 { return o.MaxBytes / 16 }

// Spool is a Queue on disk. Open one, and give it to analytics.New, which closes it.
type Spool struct {
	dir     string
	options Options
	lock    *os.File // of the directory; nil where there are none

	diskMu sync.RWMutex // held to use the disk, exclusively to replace it
	disk   disk         // nil while it cannot be opened

	mu       sync.Mutex // held for moments only, never for I/O
	lines    map[string]*line
	sequence uint64 // the last one given out
	events   int    // accepted or about to be, and not Done
	leased   int
	bytes    int64
	blocked  []*request // waiting for room
	pending  []*request // to be committed
	acks     []ack      // to be committed
	ackSince time.Time  // since when the oldest of them waits
	failure  error      // of the last commit
	suspect  error      // what a Lease found in a file that must be looked at
	mend     time.Time  // when to try a disk that failed; zero while none did
	corrupt  *CorruptError
	closed   bool
	bell     chan struct{} // rung for the committer
	done     chan struct{} // closed when the committer has ended
	closeErr error
}

// Open opens the spool in dir, and makes both if they are not there. A nil Options is
// the defaults. It returns ErrInUse when another process has it open, after half a
// second. A file that cannot be read is set aside under another name and a new one
// begun: that is logged and stands in Stats, and is no error here.
func Open(dir string, options *Options) (*Spool, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := prepare(dir); err != nil {
		return nil, permitted(dir, err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, permitted(dir, err)
	}
	s := &Spool{
		dir: dir, options: o, lock: lock, lines: make(map[string]*line),
		bell: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if err := s.open(); err != nil {
		unlock(lock)
		_ = lock.Close()
		return nil, permitted(dir, err)
	}
	tidy(dir)
	go s.run()
	return s, nil
}

// open opens the file and counts what is in it, or sets it aside and begins another.
func (s *Spool) open() error {
	err := s.tryOpen()
	if err == nil || !damaged(err) {
		return err
	}
	if err := s.replace(err); err != nil {
		return err
	}
	return s.tryOpen()
}

func (s *Spool) tryOpen() error {
	d, lines, err := s.load(0)
	if err != nil {
		return err
	}
	s.disk = d
	s.adopt(lines)
	return nil
}

// load opens the file, and counts what is in it behind a sequence number.
func (s *Spool) load(after uint64) (disk, map[string]*line, error) {
	if err := create(s.dir, s.options.open, s.options.fileSize()); err != nil {
		return nil, nil, err
	}
	path := filepath.Join(s.dir, fileName)
	if info, err := os.Stat(path); err == nil && info.Size() == 0 {
		return nil, nil, fmt.Errorf("spool: %w: it is empty", errStructure) // bbolt would fill it
	}
	d, err := s.options.open(path, s.options.fileSize())
	if err != nil {
		return nil, nil, fmt.Errorf("spool: %w", err)
	}
	if torn := tornOf(d); torn != nil {
		s.damage(&CorruptError{Err: fmt.Errorf("the last group may be missing: %w", torn)})
	}
	lines, last, err := count(d, after)
	if err != nil {
		if errors.Is(err, errPanic) {
			abandon(d)
		} else {
			err = errors.Join(err, d.close())
		}
		return nil, nil, fmt.Errorf("spool: %w", err)
	}
	s.mu.Lock()
	s.sequence = max(s.sequence, last)
	s.mu.Unlock()
	return d, lines, nil
}

// replace sets the damaged file aside.
func (s *Spool) replace(found error) error {
	name, err := setAside(s.dir, time.Now())
	if err != nil {
		return errors.Join(found, err)
	}
	s.damage(&CorruptError{Path: name, Err: found})
	return nil
}

// damage remembers and logs what was found to be damaged.
func (s *Spool) damage(c *CorruptError) {
	s.mu.Lock()
	if s.corrupt != nil && c.Path == "" {
		c = &CorruptError{Path: s.corrupt.Path, Records: s.corrupt.Records + c.Records, Err: s.corrupt.Err}
	}
	s.corrupt = c
	s.mu.Unlock()
	s.options.Logger.Error("spool: damaged data is set aside", "err", c)
}

// adopt takes what was counted for what the spool holds.
func (s *Spool) adopt(lines map[string]*line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for source, l := range lines {
		s.line(source).join(l)
		s.events += l.waiting
		s.bytes += l.cost
	}
}

// Stats implements analytics.Queue. Err is what is wrong: the disk's last failure until
// a commit succeeds, a *CorruptError for as long as the spool is open.
func (s *Spool) Stats() analytics.QueueStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := analytics.QueueStats{Durable: true, Waiting: s.events - s.leased, Leased: s.leased, Bytes: s.bytes, Err: s.failure}
	if stats.Err == nil && s.corrupt != nil {
		stats.Err = s.corrupt
	}
	return stats
}

// Close implements analytics.Queue. It commits what was accepted and what is to be
// forgotten. When ctx ends first it returns its error; the file is then closed as soon
// as the disk lets it.
func (s *Spool) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		for _, r := range s.blocked {
			r.answer(analytics.ErrClosed)
		}
		s.blocked = nil
		for _, l := range s.lines {
			l.ring()
		}
	}
	s.mu.Unlock()
	s.ring()
	select {
	case <-s.done:
	default:
		select {
		case <-s.done:
		case <-ctx.Done():
			return fmt.Errorf("spool: still closing: %w", ctx.Err())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.closeErr
	s.closeErr = nil // a second Close returns nil
	return err
}

// ring wakes the committer.
func (s *Spool) ring() {
	select {
	case s.bell <- struct{}{}:
	default:
	}
}
