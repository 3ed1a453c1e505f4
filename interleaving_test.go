// Interleavings: calls, flushes and shutdowns at random against an API at random, with an oracle for the contract.

package analytics_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// TestInterleavings lives LIVES (150) short lives of a client in virtual time.
// A failure prints the seed of its life; LIFE_SEED lives that one again.
func TestInterleavings(t *testing.T) {
	first, lives := uint64(time.Now().UnixNano()), uint64(150)
	if n, err := strconv.ParseUint(os.Getenv("LIVES"), 10, 64); err == nil {
		lives = n
	}
	if seed, err := strconv.ParseUint(os.Getenv("LIFE_SEED"), 10, 64); err == nil {
		first, lives = seed, 1
	}
	for seed := first; seed < first+lives; seed++ {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newLife(t, seed).live() })
		}) {
			t.Logf("repeat with LIFE_SEED=%d", seed)
			return
		}
	}
}

// life is one client, those who use it, and what they saw.
type life struct {
	*rig
	t       *testing.T
	seed    uint64
	config  analytics.Config
	queue   *witness // nil: the client's own
	durable bool
	shared  bool // others are said to use the queue too
	slow    bool // OnReceipt takes its time
	deaf    bool // there is none

	mu       sync.Mutex
	random   *rand.Rand
	accepted map[string]bool
	refused  map[string]bool
	errs     []error // of Shutdown
	down     time.Time
}

func newLife(t *testing.T, seed uint64) *life {
	l := &life{
		t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 0)),
		accepted: map[string]bool{}, refused: map[string]bool{},
	}
	chance := l.random
	l.slow, l.deaf = chance.IntN(4) == 0, chance.IntN(4) == 0
	l.config = analytics.Config{
		BatchSize:            1 + chance.IntN(7),
		FlushInterval:        time.Duration(1+chance.IntN(3000)) * time.Millisecond,
		MaxQueueEvents:       7 + chance.IntN(60),
		MaxQueueBytes:        20_000,
		WhenFull:             analytics.Drop + analytics.WhenFull(chance.IntN(2)),
		MaxRetries:           []int{analytics.NoRetries, 1, 2, 5, 10}[chance.IntN(5)],
		MaxConcurrentUploads: 1 + chance.IntN(5),
		RequestTimeout:       5 * time.Second,
		OnReceipt:            l.receipt,
	}
	if chance.IntN(3) == 0 {
		l.durable = chance.IntN(2) == 0
		l.shared = l.durable && chance.IntN(2) == 0
		l.queue = &witness{
			Queue:   analytics.NewMemoryQueue(l.config.MaxQueueEvents, l.config.MaxQueueBytes),
			durable: l.durable, shared: l.shared, settled: map[string]analytics.Outcome{},
			write: func() { l.nap(slowWrite) },
		}
		l.config.Queue = l.queue
	}
	if l.deaf {
		l.config.OnReceipt = nil
		l.rig = newDeafRig(t, l.config)
	} else {
		l.rig = newRig(t, l.config)
	}
	l.api.Respond(l.answer)
	return l
}

// intn is a random number for whoever asks, in whatever order they come.
func (l *life) intn(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.random.IntN(n)
}

func (l *life) nap(most time.Duration) { time.Sleep(time.Duration(l.intn(int(most)))) }

// receipt is OnReceipt: it calls back, takes its time, and panics.
func (l *life) receipt(r analytics.Receipt) {
	l.told.take(r)
	if l.slow {
		l.nap(100 * time.Millisecond)
	}
	switch l.intn(40) {
	case 0:
		_ = l.Flush(ended())
	case 1:
		l.track("receipt "+r.MessageID, 0)
	case 2:
		panic("a receipt")
	}
}

// answer makes every third request fail, in one of the ways there are.
func (l *life) answer(r *analyticstest.Request) analyticstest.Answer {
	for _, call := range r.Calls {
		if call.Event == "poison" {
			return analyticstest.Status([]int{400, 413, 500}[len(call.MessageID)%3])
		}
	}
	delay := time.Duration(l.intn(300)) * time.Millisecond
	faults := []analyticstest.Answer{
		analyticstest.Status(500), analyticstest.Status(503), after(429, "1"), after(503, "30"), analyticstest.Status(401),
		analyticstest.Hang(), analyticstest.CutBefore(), analyticstest.CutAfter(), analyticstest.CutAnswer(502), analyticstest.CutAnswer(200),
	}
	if n := l.intn(3 * len(faults)); n < len(faults) {
		return faults[n]
	}
	return analyticstest.Delay(delay)
}

// track makes one call, which waits for room no longer than patience, and notes
// what came of it.
func (l *life) track(id string, patience time.Duration) {
	m := event("E")
	m.MessageID = id
	if l.intn(50) == 0 {
		m.Event = "poison"
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	err := l.Track(ctx, m)
	took := time.Since(began)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.accepted[id] = true
	case errors.Is(err, analytics.ErrQueueFull) && l.config.WhenFull == analytics.Drop,
		errors.Is(err, context.DeadlineExceeded) && l.config.WhenFull == analytics.Block,
		errors.Is(err, analytics.ErrClosed) && !l.down.IsZero():
		l.refused[id] = true
	default:
		l.t.Errorf("%s: %v", id, err)
	}
	if took > patience || l.config.WhenFull == analytics.Drop && took > 0 {
		l.t.Errorf("%s took %v", id, took)
	}
}

// flush flushes and, where that says that all is settled, looks whether it is.
func (l *life) flush() {
	l.mu.Lock()
	var before []string
	for id := range l.accepted {
		before = append(before, id)
	}
	l.mu.Unlock()
	patience := 24 * time.Hour // more than any budget
	if l.intn(2) == 0 {
		patience = time.Duration(l.intn(20_000)) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := l.Flush(ctx)
	if err != nil {
		// Poison that a shared queue gets back comes again, so that no Lease may
		// ever find nothing.
		if patience == 24*time.Hour && !l.shared || !errors.Is(err, context.DeadlineExceeded) {
			l.t.Errorf("Flush: %v", err)
		}
		return
	}
	if l.durable && l.closing() {
		return // what is kept was not tried
	}
	if l.queue != nil {
		for _, id := range before {
			if !l.queue.verdict(id) {
				l.t.Errorf("Flush returned before the queue had a verdict on %s", id)
			}
		}
	}
	if l.slow || l.deaf || l.durable {
		return
	}
	time.Sleep(time.Nanosecond) // until OnReceipt has seen what is on its way
	settled := map[string]bool{}
	for _, r := range l.told.list() {
		settled[r.MessageID] = true
	}
	for _, id := range before {
		if !settled[id] {
			l.t.Errorf("Flush returned before %s was settled", id)
		}
	}
}

func (l *life) closing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.down.IsZero()
}

// shutdown ends the life, from one of the goroutines that want it.
func (l *life) shutdown(patience time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	l.mu.Lock()
	if l.down.IsZero() {
		l.down = time.Now()
	}
	l.mu.Unlock()
	began := time.Now()
	err := l.Shutdown(ctx)
	// The first of their deadlines ends it for all; then OnReceipt has a second,
	// and a queue of ours what it takes to write.
	grace := time.Second
	if l.queue != nil {
		grace += time.Duration(l.config.MaxQueueEvents) * slowWrite
	}
	if took := time.Since(began); took > patience+grace {
		l.t.Errorf("Shutdown took %v of %v", took, patience)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

func (l *life) live() {
	var all sync.WaitGroup
	for producer := range 1 + l.intn(4) {
		all.Go(func() {
			for i := range l.intn(80) {
				l.track(fmt.Sprintf("%d %03d", producer, i), time.Duration(l.intn(int(time.Second))))
				switch l.intn(12) {
				case 0:
					l.nap(2 * time.Second)
				case 1:
					l.flush()
				case 2:
					if l.Stats().QueueBytes > int64(l.config.MaxQueueBytes) {
						l.t.Error("more bytes than allowed")
					}
				}
			}
		})
	}
	for range l.intn(3) {
		all.Go(func() {
			for range 4 {
				l.nap(5 * time.Second)
				l.flush()
			}
		})
	}
	patience := time.Duration(l.intn(20_000)) * time.Millisecond
	if l.intn(3) == 0 {
		patience = 24 * time.Hour
	}
	for range 1 + l.intn(3) {
		all.Go(func() {
			l.nap(20 * time.Second)
			l.shutdown(patience)
		})
	}
	all.Wait()
	require.ErrorIs(l.t, l.Track(context.Background(), event("E")), analytics.ErrClosed)
	require.NoError(l.t, l.Flush(context.Background()), "nothing to do")
	time.Sleep(time.Hour) // a slow OnReceipt may outlive Shutdown
	l.judge()
}

// judge compares what was accepted with what became of it.
func (l *life) judge() {
	t := l.t
	stored := map[string]int{} // by first arrival
	for _, call := range l.api.Calls() {
		if _, again := stored[call.MessageID]; !again {
			stored[call.MessageID] = len(stored)
		}
	}
	told, dropped := map[string]bool{}, []string{}
	for _, r := range l.told.list() {
		require.False(t, told[r.MessageID], "two Receipts for %s", r.MessageID)
		told[r.MessageID] = true
		require.True(t, l.accepted[r.MessageID], "a Receipt for %s, which was not accepted", r.MessageID)
		if r.Err == nil {
			require.Contains(t, stored, r.MessageID, "delivered")
		}
		if errors.Is(r.Err, analytics.ErrDropped) {
			dropped = append(dropped, r.MessageID)
		}
	}
	stats := l.Stats()
	require.Equal(t, uint64(len(l.accepted)), stats.Accepted)
	if l.queue == nil {
		require.Zero(t, stats.QueueEvents)
		require.Zero(t, stats.QueueBytes)
	}
	if l.config.MaxConcurrentUploads == 1 && !l.durable {
		l.judgeOrder(stored)
	}
	for _, err := range l.errs {
		require.Equal(t, l.errs[0], err, "every caller gets the same error")
	}
	if l.deaf {
		require.True(t, l.durable || stats.Accepted == stats.Delivered+stats.Failed.Lost(), "%+v", stats)
		return
	}
	require.Equal(t, uint64(len(told)), stats.Delivered+stats.Failed.Lost())
	kept := 0
	for id := range l.accepted {
		if !told[id] {
			require.True(t, l.durable, "no Receipt for %s", id)
			kept++
		}
	}
	var e *analytics.ShutdownError
	switch errors.As(l.errs[0], &e); {
	case l.shared: // what it never leased is not its own
		require.Empty(t, dropped)
	case e != nil:
		require.ElementsMatch(t, e.MessageIDs, dropped)
		require.Equal(t, e.Undelivered, len(dropped))
		require.Equal(t, kept, e.Kept)
	default:
		require.NoError(t, l.errs[0])
		require.Empty(t, dropped)
		require.Zero(t, kept)
	}
}

// judgeOrder checks that what one producer sent arrived in that order.
func (l *life) judgeOrder(stored map[string]int) {
	for producer := range 4 {
		var arrived []int
		for i := range 80 {
			if at, ok := stored[fmt.Sprintf("%d %03d", producer, i)]; ok {
				arrived = append(arrived, at)
			}
		}
		require.True(l.t, slices.IsSorted(arrived), "producer %d: %v", producer, arrived)
	}
}

// slowWrite is the most that a witness takes to record the verdicts of a lease.
const slowWrite = 20 * time.Millisecond

// witness is a Queue given to the client that notes the verdicts.
type witness struct {
	analytics.Queue
	durable bool
	shared  bool
	write   func() // how long it takes to record verdicts

	mu      sync.Mutex
	settled map[string]analytics.Outcome
}

func (w *witness) Stats() analytics.QueueStats {
	s := w.Queue.Stats()
	s.Durable, s.Shared = w.durable, w.shared
	return s
}

func (w *witness) Lease(ctx context.Context, limit analytics.Limit) (analytics.Lease, error) {
	lease, err := w.Queue.Lease(ctx, limit)
	if err != nil {
		return nil, err
	}
	return witnessed{lease, w}, nil
}

// verdict reports whether an entry has had one.
func (w *witness) verdict(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settled[id] != 0
}

type witnessed struct {
	analytics.Lease
	w *witness
}

func (l witnessed) Done(ctx context.Context, verdicts []analytics.Verdict) error {
	l.w.write()
	l.w.mu.Lock()
	for i, e := range l.Entries() {
		l.w.settled[string(e.ID)] = verdicts[i].Outcome
	}
	l.w.mu.Unlock()
	return l.Lease.Done(ctx, verdicts)
}
