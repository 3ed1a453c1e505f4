// The suite on trial: good queues pass it, and each broken one fails the sentence it breaks.

package queuetest_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/queue/queuetest"
)

// plainSuite is the plain queue with everything a queue may promise.
func plainSuite(fault string) queuetest.Suite {
	return queuetest.Suite{
		Open: func(_ *testing.T, maxEvents, maxBytes int) analytics.Queue {
			s := newShelf(maxEvents, maxBytes)
			s.expiry = 30 * time.Second
			return &plain{shelf: s, durable: true, shared: true, fault: fault}
		},
		Reopen: func(_ *testing.T, q analytics.Queue) analytics.Queue {
			old := q.(*plain)
			if fault == "forgets everything at Reopen" {
				old.items = nil
			}
			for _, i := range old.items {
				if fault == "keeps leases at Reopen" {
					break
				}
				i.holder = nil
			}
			s := newShelf(old.maxEvents, int(old.maxBytes))
			s.items, s.expiry = old.items, old.expiry
			return &plain{shelf: s, durable: true, shared: true, fault: fault}
		},
		Join: func(_ *testing.T, q analytics.Queue) analytics.Queue {
			s := q.(*plain).shelf
			if fault == "is not shared" {
				s = newShelf(0, 0)
			}
			return &plain{shelf: s, durable: true, shared: true, fault: fault}
		},
		Expiry: 30 * time.Second,
		Bubble: true,
	}
}

// alone is the plain queue of one process.
func alone(fault string) func(*testing.T, int, int) analytics.Queue {
	return func(_ *testing.T, maxEvents, maxBytes int) analytics.Queue {
		return &plain{shelf: newShelf(maxEvents, maxBytes), fault: fault}
	}
}

func TestPlainQueuePasses(t *testing.T) {
	t.Run("in a bubble", queuetest.Suite{Open: alone(""), Bubble: true, Ops: 1000}.Run)
	t.Run("durable and shared", func(t *testing.T) {
		s := plainSuite("")
		s.Ops = 1000
		s.Run(t)
	})
	t.Run("in real time", func(t *testing.T) { queuetest.Run(t, alone("")) })
	t.Run("excused", func(t *testing.T) {
		s := plainSuite("gives the last back first")
		s.NotAtomic, s.Reordered, s.Ops = true, true, 1000
		s.Run(t)
	})
}

// Each of these faults is one that a queue written in a hurry could have.
var faults = []struct{ fault, sentence string }{
	{"loses an entry", "Append/adds at the end"},
	{"loses an entry", "All/many producers and consumers lose and duplicate nothing"},
	{"loses an entry", "All/random operations agree with a model"},
	{"newest first", "Append/adds at the end"},
	{"forgets the time", "Append/keeps every field"},
	{"is not atomic", "Append/all or none"},
	{"keeps the caller's buffers", "Append/copies, and changes nothing of entries"},
	{"keeps the caller's buffers", "Append/copies under Block before it returns"},
	{"writes to the caller's entries", "Append/copies, and changes nothing of entries"},
	{"has no bound of events", "Append/Drop without room returns ErrQueueFull at once"},
	{"does not count what is leased", "Append/Drop without room returns ErrQueueFull at once"},
	{"has no bound of bytes", "Append/bytes bound it too"},
	{"waits for what never fits", "Append/an entry that can never fit is ErrQueueFull, under Block too"},
	{"waits for what never fits", "Append/more entries than can ever fit are ErrQueueFull under Block"},
	{"refuses an ended ctx", "Append/an ended ctx refuses nothing while there is room"},
	{"does not block", "Block/waits until there is room"},
	{"wakes nobody at Done", "Block/waits until there is room"},
	{"wakes nobody at Done", "Block/waits for room in bytes"},
	{"serves any of those in line", "Block/is first come first served"},
	{"serves the last in line", "Block/is first come first served"},
	{"ignores ctx in Append", "Block/returns ctx.Err() when ctx ends first"},
	{"keeps what it refuses", "Block/returns ctx.Err() when ctx ends first"},
	{"keeps what it refuses", "All/nil means held and an error means not, whenever ctx ends"},
	{"ignores limit.Bytes", "Lease/takes at most limit.Bytes of Body"},
	{"gives no large first entry", "Lease/gives the first entry whatever its size"},
	{"lets small entries overtake", "Lease/lets no small entry overtake one that does not fit"},
	{"mixes sources", "Lease/takes only entries of limit.Source"},
	{"mixes sources", "Lease/waits on while another source fills"},
	{"leases twice", "Lease/gives nothing twice while it is leased"},
	{"leases twice", "All/many producers and consumers lose and duplicate nothing"},
	{"leases twice", "All/random operations agree with a model"},
	{"polls with nil", "Lease/with an ended ctx is a poll"},
	{"ignores ctx in Lease", "Lease/with nothing to take returns ctx.Err() when ctx ends"},
	{"gives nothing when ctx ends", "Lease/returns what there is when ctx ends"},
	{"reuses what is leased", "Lease/entries are unchanged until Done"},
	{"does not linger", "Linger/blocks until limit.Events wait"},
	{"ignores limit.Bytes", "Linger/blocks until limit.Bytes wait"},
	{"lingers from the Lease on", "Linger/returns when the oldest has waited limit.Linger"},
	{"waits although full", "Linger/returns when the queue is full"},
	{"waits although full", "Linger/a queue full of leases is full"},
	{"waits although full", "Linger/returns when an Append finds no room"},
	{"waits although full", "Linger/returns when an Append waits for room"},
	{"forgets no verdict", "Done/forgets what is Delivered or Rejected"},
	{"takes verdicts from behind", "All/random operations agree with a model"},
	{"takes any number of verdicts", "Done/with the wrong number of verdicts is an error and changes nothing"},
	{"forgets what is given back", "RetryAfter/gives the entry back"},
	{"gives back too early", "RetryAfter/not before Verdict.After has passed"},
	{"gives back too early", "RetryAfter/ends a Lease that waits when the time has come"},
	{"gives back at the end", "RetryAfter/before newer ones once its time has come"},
	{"gives back at the end", "RetryAfter/in the order of acceptance, whichever lease is Done first"},
	{"wakes nobody at Done", "RetryAfter/wakes a Lease that waits"},
	{"counts leased entries twice", "Stats/counts what waits, what is leased, and its bytes"},
	{"leaks bytes", "Stats/counts what waits, what is leased, and its bytes"},
	{"appends after Close", "Close/refuses Append with ErrClosed"},
	{"leases after Close", "Close/refuses Lease with ErrClosed, even what waits"},
	{"wakes nobody at Close", "Close/wakes Append with ErrClosed"},
	{"wakes nobody at Close", "Close/wakes Lease with ErrClosed"},
	{"takes no verdicts after Close", "Close/leases still out may be Done afterwards"},
	{"fails at a second Close", "Close/a second Close returns nil"},
	{"forgets everything at Reopen", "Durable/what was appended is there again, in order"},
	{"keeps leases at Reopen", "Durable/what was leased and not Done is there again"},
	{"forgets no verdict", "Durable/what was Delivered or Rejected is gone"},
	{"is not shared", "Shared/one process leases what another appends"},
	{"never ends a lease", "Shared/a lease that nobody extends goes to another"},
	{"does not extend", "Shared/Extend keeps a lease"},
}

// faultVariable tells the test binary, run again, which fault to have.
const faultVariable = "QUEUETEST_FAULT"

// TestBroken is the suite on a queue with the fault that TestEveryFaultIsCaught
// gives the process it starts. Without one it passes.
func TestBroken(t *testing.T) {
	fault := os.Getenv(faultVariable)
	s := plainSuite(fault)
	if slices.Contains([]string{"forgets no verdict", "keeps everything after Close"}, fault) {
		s.Expiry = 0
	}
	s.Ops, s.Seed = 500, 1
	s.Run(t)
}

func TestEveryFaultIsCaught(t *testing.T) {
	binary, err := os.Executable()
	require.NoError(t, err)
	for _, f := range faults {
		t.Run(f.fault+" in "+f.sentence, func(t *testing.T) {
			t.Parallel()
			group, name, _ := strings.Cut(strings.ReplaceAll(f.sentence, " ", "_"), "/")
			run := "^TestBroken$/^" + group + "$/^" + regexp.QuoteMeta(name) + "$"
			cmd := exec.CommandContext(t.Context(), binary, "-test.run="+run, "-test.v", "-test.timeout=1m")
			cmd.Env = append(os.Environ(), faultVariable+"="+f.fault)
			out, err := cmd.CombinedOutput()
			require.Contains(t, string(out), "=== RUN   TestBroken/"+group+"/"+name, "the suite has no such sentence")
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "the suite did not notice:\n%s", out)
			require.NotContains(t, string(out), "test timed out")
		})
	}
}
