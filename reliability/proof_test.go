// Proofs: each test says which promise it has kept and what it measured, and RELIABILITY.md is made of that.

package reliability_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// promise is one row of RELIABILITY.md: what is promised, and the number to reach.
type promise struct {
	id, text, number string
}

// promises are all rows. Each one is proved by the test that calls proved with
// its id; TestEveryPromiseIsProved fails for one that no test proves.
var promises = []promise{
	{"T01", "Ten million calls from 64 goroutines over sockets to a healthy API", "0 lost, 0 duplicates, resident size of the client's process flat within ±5 % after warm-up"},
	{"T02", "One 503 and then Close", "0 lost, Close within 2 s"},
	{"T03", "One million calls, one request in five meets one of nine faults", "0 lost, requests ≤ 1.35 × the fewest that carry them: full batches, each sent once"},
	{"T04", "Each of 200 requests in turn meets each of nine faults", "1800 runs, 0 lost, one more request for each fault"},
	{"T05", "One answer in five is lost after the API has stored the batch", "the same batch again under the same messageIds; each call once when those are taken out; duplicates ≤ faults × batch"},
	{"T06", "An outage of 6 hours with calls all the while, then recovery", "QueueBytes ≤ 32 MiB at every sample; every accepted call delivered, every other one told ErrQueueFull; drained at ≥ 90 % of the healthy rate"},
	{"T07", "An outage that outlives the 12 hours of retrying", "one Receipt each, counted as exhausted, saying what the last attempt met"},
	{"T08", "Shutdown at a random instant with a random deadline, under the faults of T03", "10 000 runs, one Receipt for each accepted call, none for any other"},
	{"T09", "Maps, slices and pointers of a message changed right after Track by 32 goroutines", "one million calls, 0 corrupted"},
	{"T11", "Memory at the byte bound with a stalled API and producers at full speed", "peak resident size < MaxQueueBytes + 32 MiB, connections ≤ 4"},
	{"T12", "The time of a call while the API is stalled, under Drop", "p99.9 < 1 ms; accepted and refused calls add up to all of them"},
	{"T13", "10 000 calls blocked on a full queue with a ctx of 50 ms", "each returns after exactly 50 ms of virtual time, 0 waiters left"},
	{"T15", "One million calls padded by up to 32 KiB, with faults", "QueueBytes back to 0; no batch above 500 000 bytes or 2500 calls, and both reached"},
	{"T16", "A poisonous message in a batch, refused with 400 or 413", "neighbours delivered, a Receipt with the answer for the poison, at most 2·log2(n) requests more"},
	{"T18", "What every answer is worth: the scenarios of the first-party libraries, and each status from 200 to 599", "at least 48 scenarios, 400 statuses, each right"},
	{"T19", "Retry-After in every form, sound and broken, over the wire", "at least 60 cases, each wait exact; never below 0 nor above 300 s"},
	{"T20", "A 429 pauses all uploads", "0 requests before its end, then 1 probe alone"},
	{"T21", "1000 clients whose API is down for 10 minutes and comes back", "≤ 2 × the steady rate over any 10 s, ≤ 3 × in any second; fullest slot of first attempts < 3 × the mean"},
	{"T23", "The API is down for an hour, backlog up to 10 000 calls", "at most 100 requests a process"},
	{"T24", "Shutdown with 5 s left while Retry-After asks for 60", "returns within 5.1 s, at most 1 request more, every call reported"},
	{"T25", "Faults of DNS, TCP, TLS, HTTP/1 and HTTP/2 on real sockets", "at least 24 faults, each classed right, one connection for all that follows"},
	{"T26", "Track, Flush, Shutdown and Close from 64 goroutines at once", "10 000 rounds: no race, panic, deadlock or goroutine left, one Receipt a call"},
	{"T27", "100 concurrent flushers over batches in flight and retrying", "none returns early, all return with the same answer"},
	{"T28", "OnReceipt calls Track, Flush and Close, panics, and blocks for a second", "no deadlock, delivery goes on, every Receipt given"},
	{"T29", "SIGTERM to a process with 10 000 calls queued and a slow API", "exit within the grace, every accepted call received or reported"},
	{"T30", "A process is frozen (SIGSTOP) for a minute, idle and with requests in flight, and thawed", "Flush delivers within 2 s, 0 lost"},
	{"T31", "The wall clock jumps an hour either way", "every wait the same to the nanosecond, sentAt what the clock said at each attempt"},
	{"T43", "A write key, its base64, a token and an e-mail address, searched for in all the library says of failures of every kind", "0 finds"},
	{"chaos", "200 000 calls from 8 goroutines, a fault on 30 % of the attempts", "every call received, one Receipt each, duplicates carry the same messageId"},
}

type proof struct {
	test, reached string
}

var (
	proofsMu sync.Mutex
	proofs   = map[string]proof{}
)

// proved records, once the test has passed, that it kept a promise and what it
// measured doing so.
func proved(t *testing.T, id, format string, args ...any) {
	t.Helper()
	known := slices.ContainsFunc(promises, func(p promise) bool { return p.id == id })
	require.True(t, known, "%s is not among promises", id)
	name, reached := t.Name(), fmt.Sprintf(format, args...)
	t.Logf("%s: %s", id, reached)
	t.Cleanup(func() {
		if !t.Failed() {
			proofsMu.Lock()
			defer proofsMu.Unlock()
			proofs[id] = proof{name, reached}
		}
	})
}

func freshSeed() uint64 { return rand.Uint64() }

// writeTable writes RELIABILITY.md from the proofs of this run, all of which
// must be there.
func writeTable(path string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Reliability\n\nWritten by the tests in `reliability/`, in their long forms: `make reliability`. "+
		"A row is there because its test passed (%s, %s/%s, %d CPUs).\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	fmt.Fprintln(&b, "| | Promise | To reach | Reached | Test |\n|---|---|---|---|---|")
	for _, p := range promises {
		proof, ok := proofs[p.id]
		if !ok {
			return fmt.Errorf("%s: no test of this run proved it", p.id)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | `%s` |\n", p.id, p.text, p.number, proof.reached, proof.test)
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// TestEveryPromiseIsProved compares three lists: the promises, the tests that
// call proved, and the rows of RELIABILITY.md. A row outlives neither its test
// nor its promise.
func TestEveryPromiseIsProved(t *testing.T) {
	calls := regexp.MustCompile(`proved\(t, "([^"]+)"`)
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	inTests := map[string]bool{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		source, err := os.ReadFile(f.Name())
		require.NoError(t, err)
		for _, m := range calls.FindAllSubmatch(source, -1) {
			inTests[string(m[1])] = true
		}
	}
	var want []string
	for _, p := range promises {
		require.True(t, inTests[p.id], "no test proves %s", p.id)
		want = append(want, p.id+" "+p.text+" "+p.number)
	}
	table, err := os.ReadFile("../RELIABILITY.md")
	require.NoError(t, err, "make reliability writes it")
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|`).FindAllStringSubmatch(string(table), -1) {
		if m[1] != "" && !strings.HasPrefix(m[1], " ") && m[2] != "Promise" {
			got = append(got, m[1]+" "+m[2]+" "+m[3])
		}
	}
	require.Equal(t, want, got, "RELIABILITY.md is out of date: make reliability")
}
