// The register: receipts counted by number, for tests of very many calls.

package reliability_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// register counts the receipts of calls by their number, which a ledger of a
// million would take too much memory for.
type register struct {
	mu     sync.Mutex
	told   []int32 // receipts by number
	failed map[int]error
	wrong  []string
}

func newRegister(calls int) *register {
	return &register{told: make([]int32, calls), failed: make(map[int]error)}
}

// take is an OnReceipt.
func (r *register) take(receipt analytics.Receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := numberOf(receipt.MessageID)
	if n < 0 || n >= len(r.told) {
		r.wrong = append(r.wrong, receipt.MessageID)
		return
	}
	r.told[n]++
	if receipt.Err != nil {
		r.failed[n] = receipt.Err
	}
}

// requireOneEach requires exactly one Receipt for each call that accepted
// reports, and none for any other.
func (r *register) requireOneEach(t *testing.T, accepted func(n int) bool) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Empty(t, r.wrong, "receipts of calls that nobody made")
	for n, times := range r.told {
		want := int32(0)
		if accepted(n) {
			want = 1
		}
		if times != want {
			require.Equal(t, want, times, "receipts of call %d", n)
		}
	}
}

func every(int) bool { return true }
