// The contract: which tests show which of its sentences, and those that no other file had.

package analytics_test

import (
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// contract is the contract of the package comment, sentence by sentence, and
// the tests that show each. TestContractIsShown holds both sides to it.
var contract = []struct{ sentence, tests string }{
	{"A call that returns nil is accepted: it ends in exactly one [Receipt] in the process that delivers it, or is on disk or in the engine.",
		"TestInterleavings TestEnqueueRacesClose TestDurableQueueKeepsWhatIsNotDelivered TestRoles"},
	{"A call that returns an error is not accepted and never has a Receipt.",
		"TestRefusedCallsHaveNoReceipt TestInterleavings"},
	{"The one exception is [ErrUnknownOutcome], when ctx ended during a commit: sending the same messageId again is safe.",
		"TestUnknownOutcome"},
	{"The message is frozen when the call returns.", "TestFrozenAtEnqueue"},
	{"Changing a map afterwards changes nothing that is sent; a message that is too large or cannot be encoded is an error to its caller and to nobody else.",
		"TestFrozenAtEnqueue TestTooLarge TestRefusedMessages"},
	{"No panic reaches the caller, neither from a nil message nor from a marshaller of its own.",
		"TestRefusedMessages TestPanicsStayWithTheirCaller"},
	{"When the queue is full, [Drop] returns [ErrQueueFull] at once and [Block] waits until ctx ends, first come first served.",
		"TestQueueFullDrops TestQueueFullBlocks"},
	{"A full queue cuts a batch at once.", "TestFullQueueCutsABatchAtOnce"},
	{"A ctx that has ended refuses nothing while there is room.", "TestQueueFullBlocks"},
	{"Memory is bounded: [Stats].QueueBytes counts every call once, whether it waits, is in flight, is retried or has its Receipt not yet taken, and never exceeds MaxQueueBytes.",
		"TestQueueBytesCountEveryCallOnce TestOutageAndRecovery TestInterleavings"},
	{"On top of it come, for each upload, one plain and one compressed batch.",
		"reliability/TestMemoryBound TestBodyIsFreeWhenTheLastReaderCloses"},
	{"With [Config].Queue that queue's own budget holds, and MaxQueueEvents and MaxQueueBytes bound what is leased from it.",
		"TestLeasedIsBounded"},
	{"Calls leave in the order in which they were accepted.", "TestCallsLeaveInOrder"},
	{"They arrive in it only with MaxConcurrentUploads 1.", "TestCallsArriveInOrder TestOneUploadKeepsOrder TestInterleavings"},
	{"[Client.Flush] waits until what was accepted before it is settled: its verdict recorded, its Receipt handed to the goroutine of OnReceipt.",
		"TestFlushWaitsForWhatWasAcceptedBefore TestManyFlushers TestFlushOfASharedQueue TestInterleavings"},
	{"Nil means settled, not delivered.", "TestFlushMeansSettledNotDelivered"},
	{"[Client.Shutdown] takes no new calls, drains and stops.",
		"TestClosed TestBlockedCallsAreRefusedAtShutdown TestOneFailureThenCloseLosesNothing"},
	{"What is undelivered at its deadline gets a Receipt whose Err wraps [ErrDropped] and its id in [ShutdownError]; on a durable queue it is kept instead, and exhausted retries never delete it.",
		"TestShutdownTellsWhatWasNotDelivered TestDurableQueueKeepsWhatIsNotDelivered TestDelivery"},
	{"No goroutine survives but one stuck in the user's OnReceipt, which gets a second.",
		"TestNoGoroutineSurvivesClose TestStuckReceiptGetsASecond TestDeadAPI"},
	{"The client handles no signals.", "TestNoSignalIsHandled"},
	{"Delivery is at least once.", "TestDelivery TestInterleavings"},
	{"The messageId never changes, so that the API can drop duplicates.", "TestDelivery TestRetry"},
	{"Receipts come on a goroutine of their own, their panics are contained, and they never hold up delivery.",
		"TestReceiptsDoNotHoldUpDelivery TestCloseInsideOnReceipt TestInterleavings"},
}

func TestContractIsShown(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "analytics.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	require.NoError(t, err)
	_, text, found := strings.Cut(file.Doc.Text(), "# The contract\n")
	require.True(t, found)
	text, _, _ = strings.Cut(text, "\n# ")
	text = strings.Join(strings.Fields(text), " ")
	tests := testNames(t, "*_test.go")
	for name := range testNames(t, "reliability/*_test.go") {
		tests["reliability/"+name] = true
	}
	for _, c := range contract {
		require.Contains(t, text, c.sentence)
		text = strings.Replace(text, c.sentence, "", 1)
		for _, name := range strings.Fields(c.tests) {
			require.True(t, tests[name], "%s is said to show: %s", name, c.sentence)
		}
	}
	require.Empty(t, strings.TrimSpace(text), "sentences that no test shows")
}

// testNames are the tests in the files that match.
func testNames(t *testing.T, pattern string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	names := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "func Test"); ok {
				name, _, _ := strings.Cut(rest, "(")
				names["Test"+name] = true
			}
		}
	}
	return names
}

func TestRefusedCallsHaveNoReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, analytics.Config{
			MaxQueueEvents: 2, BatchSize: 10, FlushInterval: time.Hour,
			BeforeEnqueue: func(_ context.Context, m analytics.Message) error {
				if m.(*analytics.Track).Event == "drop" {
					return analytics.ErrDropped
				}
				return nil
			},
		})
		r.api.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Hang() })
		track(t, r.Client, 0, 2)
		require.ErrorIs(t, r.Track(t.Context(), event("no room")), analytics.ErrQueueFull)
		require.ErrorIs(t, r.Track(t.Context(), event("drop")), analytics.ErrDropped)
		require.Error(t, r.Track(t.Context(), analytics.Track{UserID: "u"}))
		large := event("large")
		large.Properties = analytics.Properties{"p": strings.Repeat("x", analytics.MaxMessageBytes)}
		require.ErrorIs(t, r.Track(t.Context(), large), analytics.ErrMessageTooLarge)
		synctest.Wait()
		r.api.Respond(nil)
		require.NoError(t, r.Close())
		require.ErrorIs(t, r.Track(t.Context(), event("closed")), analytics.ErrClosed)
		require.Len(t, r.told.list(), 2)
		require.Len(t, r.api.Delivered(), 2)
		require.Equal(t, analytics.RefusedStats{QueueFull: 1, Dropped: 1, Invalid: 1, TooLarge: 1, Closed: 1}, r.Stats().Refused)
	})
}

// unsure is a queue that commits what it is given and, once, cannot say so.
type unsure struct {
	analytics.Queue
	once sync.Once
}

func (u *unsure) Append(ctx context.Context, entries []analytics.Entry, full analytics.WhenFull) error {
	err := u.Queue.Append(ctx, entries, full)
	u.once.Do(func() { err = fmt.Errorf("%w: %w", analytics.ErrUnknownOutcome, context.Canceled) })
	return err
}

func TestUnknownOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, analytics.Config{Queue: &unsure{Queue: analytics.NewMemoryQueue(0, 0)}})
		m := event("E")
		m.MessageID = "the same"
		require.ErrorIs(t, r.Track(t.Context(), m), analytics.ErrUnknownOutcome)
		require.NoError(t, r.Track(t.Context(), m))
		require.NoError(t, r.Close())
		require.Len(t, r.api.Calls(), 2)
		require.Len(t, r.api.Delivered(), 1, "the API knows it by its messageId")
		require.Equal(t, uint64(1), r.Stats().Refused.Other)
	})
}

func TestPanicsStayWithTheirCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, analytics.Config{Backoff: func(int) time.Duration { panic("no idea how long") }})
		r.api.Script(answers(500, 500)...)
		require.Error(t, r.Track(t.Context(), analytics.Track{UserID: "u", Event: "E", Properties: analytics.Properties{"x": explosive{}}}))
		track(t, r.Client, 0, 1)
		require.NoError(t, r.Flush(t.Context()))
		require.NoError(t, r.Close())
		require.Equal(t, uint64(1), r.Stats().Delivered)
		for i, w := range backingOff(2) {
			require.True(t, w.holds(r.times()[i]), "the default Backoff stands in: %v", r.times())
		}
	})
}

func TestQueueBytesCountEveryCallOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		r := newRig(t, analytics.Config{
			BatchSize: 4, FlushInterval: time.Minute, MaxQueueBytes: 2000, Backoff: hourly,
			OnReceipt: func(analytics.Receipt) { <-release },
		})
		r.api.Script(analyticstest.Answer{Status: 500, Delay: time.Second}, analyticstest.Delay(time.Second))
		bytes := func() int64 {
			synctest.Wait()
			require.Equal(t, 3, r.Stats().QueueEvents)
			return r.Stats().QueueBytes
		}
		track(t, r.Client, 0, 3)
		waiting := bytes()
		require.Positive(t, waiting)
		time.Sleep(time.Minute)
		require.Equal(t, waiting, bytes(), "in flight")
		time.Sleep(2 * time.Second)
		require.Equal(t, waiting, bytes(), "waiting for its retry")
		time.Sleep(time.Hour)
		require.Equal(t, waiting, bytes(), "its Receipt not taken")
		require.Len(t, r.api.Requests(), 2)

		for r.Track(t.Context(), event("does it fit?")) == nil {
			require.LessOrEqual(t, r.Stats().QueueBytes, int64(2000))
		}
		require.Equal(t, uint64(1), r.Stats().Refused.QueueFull)
		require.Greater(t, r.Stats().QueueBytes, int64(2000-300))
		close(release)
		require.NoError(t, r.Close())
		require.Zero(t, r.Stats().QueueBytes)
	})
}

func TestLeasedIsBounded(t *testing.T) {
	const body = 160 // of one call, at least
	for name, test := range map[string]struct {
		config analytics.Config
		most   int
	}{
		"by events":             {analytics.Config{MaxQueueEvents: 20, BatchSize: 5}, 20},
		"by events, of a batch": {analytics.Config{MaxQueueEvents: 20, BatchSize: 250}, 20},
		"by bytes":              {analytics.Config{MaxQueueBytes: 5000, BatchSize: 5, MaxBatchBytes: 1500}, 5000 / body},
		"by bytes, of a batch":  {analytics.Config{MaxQueueBytes: 5000}, 5000 / body},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				queue := analytics.NewMemoryQueue(0, 0)
				release := make(chan struct{})
				free := sync.OnceFunc(func() { close(release) })
				defer free()
				config := test.config
				config.Queue, config.MaxConcurrentUploads = queue, 64
				config.OnReceipt = func(analytics.Receipt) { <-release }
				r := newRig(t, config)
				track(t, r.Client, 0, 1000)
				synctest.Wait()
				require.LessOrEqual(t, len(r.api.Calls()), test.most, "what has no Receipt yet is still leased")
				require.GreaterOrEqual(t, len(r.api.Calls()), test.most/2)
				require.Equal(t, 1000-len(r.api.Calls()), queue.Stats().Waiting, "the queue's own budget holds the rest")
				free()
				require.NoError(t, r.Close())
				require.Equal(t, uint64(1000), r.Stats().Delivered)
			})
		})
	}
}

func TestCallsLeaveInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, analytics.Config{BatchSize: 5, MaxConcurrentUploads: 4})
		r.api.Respond(func(*analyticstest.Request) analyticstest.Answer {
			return analyticstest.Delay(3 * time.Second)
		})
		for i := range 20 {
			track(t, r.Client, 5*i, 5)
			time.Sleep(time.Second)
		}
		require.NoError(t, r.Close())
		var left []string
		for _, request := range r.api.Requests() {
			for _, call := range request.Calls {
				left = append(left, call.MessageID)
			}
		}
		require.Equal(t, numbered(100), left)
	})
}

func TestCallsArriveInOrder(t *testing.T) {
	// Two splits in all, so that a refusal never meets a batch of one.
	faults := []analyticstest.Answer{
		analyticstest.Status(500), {}, after(429, "7"), {}, analyticstest.CutBefore(), analyticstest.Hang(), {Delay: time.Second},
		analyticstest.Status(413), {}, {}, analyticstest.Status(503), after(503, "1"), {},
	}
	arrived := func(t *testing.T, uploads int) (ids []string) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, analytics.Config{BatchSize: 5, MaxConcurrentUploads: uploads})
			r.api.Script(slices.Concat(faults, faults)...)
			track(t, r.Client, 0, 100)
			require.NoError(t, r.Flush(context.Background()))
			require.NoError(t, r.Close())
			require.Equal(t, uint64(100), r.Stats().Delivered)
			for _, call := range r.api.Calls() {
				ids = append(ids, call.MessageID)
			}
		})
		return ids
	}
	require.Equal(t, numbered(100), arrived(t, 1))
	require.ElementsMatch(t, numbered(100), arrived(t, 4))
	require.NotEqual(t, numbered(100), arrived(t, 4), "batches that wait are overtaken")
}

// numbered are the ids that track gives the first n calls.
func numbered(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprint(i))
	}
	return ids
}

func TestFlushMeansSettledNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, analytics.Config{MaxRetries: analytics.NoRetries})
		r.api.Script(answers(401, 500)...)
		for i := range 2 {
			track(t, r.Client, i, 1)
			require.NoError(t, r.Flush(t.Context()))
			synctest.Wait()
			require.Len(t, r.told.list(), i+1)
			require.Error(t, r.told.list()[i].Err)
		}
		require.NoError(t, r.Close())
		require.Equal(t, analytics.FailedStats{Rejected: 1, Exhausted: 1}, r.Stats().Failed)
	})
}

// common is a queue that says others use it too.
type common struct{ analytics.Queue }

func (c common) Stats() analytics.QueueStats {
	s := c.Queue.Stats()
	s.Durable, s.Shared = true, true
	return s
}

func TestFlushOfASharedQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := common{analytics.NewMemoryQueue(0, 0)}
		before, err := analytics.New("WRITE_KEY", &analytics.Config{Queue: &kept{Queue: queue}, Role: analytics.Produce})
		require.NoError(t, err)
		track(t, before, 0, 10)
		require.NoError(t, before.Close())

		r := newRig(t, analytics.Config{Queue: queue, BatchSize: 3, FlushInterval: time.Hour})
		r.api.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Delay(time.Second) })
		track(t, r.Client, 10, 7)
		require.NoError(t, r.Flush(t.Context()))
		synctest.Wait()
		require.Len(t, r.told.list(), 17, "also what an earlier process left")
		require.NoError(t, r.Flush(t.Context()), "a Lease finds nothing")
		require.NoError(t, r.Close())
	})
}

func TestNoSignalIsHandled(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			require.NotEqual(t, `"os/signal"`, spec.Path.Value, name)
		}
	}
}
