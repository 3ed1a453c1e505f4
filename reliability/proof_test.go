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
	{"T11", "Memory at the byte bound with a stalled API and producers at full speed", "peak resident size < MaxQueueBytes + 32 MiB, connections ≤ 4"},
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
