// One fault, everywhere: each request of a run in turn meets each kind of mishap.

package reliability_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// TestOneFaultAnywhere makes 200 requests a run. Every kind of mishap meets the
// n-th of them, for all n in the long form.
func TestOneFaultAnywhere(t *testing.T) {
	const requests, batch = 200, 5
	step := size(66, 1)
	runs := 0
	for _, m := range mishaps {
		for at := 0; at < requests; at += step {
			m.stored = m.silent() && runs%2 == 0
			name := fmt.Sprintf("%s at request %d, stored %v", m.name, at, m.stored)
			synctest.Test(t, func(t *testing.T) { oneFault(t, name, m, at, requests, batch) })
			if t.Failed() {
				t.Fatal(name)
			}
			runs++
		}
	}
	proved(t, "T04", "%d runs, 0 lost, each fault cost one request", runs)
}

func oneFault(t *testing.T, name string, m mishap, at, requests, batch int) {
	calls := requests * batch
	o, told := newOracle(calls), newRegister(calls)
	o.mishap = func(n int, _ *carried) mishap {
		if n == at {
			return m
		}
		return mishap{}
	}
	config := o.config()
	config.BatchSize, config.OnReceipt = batch, told.take
	client := newClient(t, config)
	for n := range calls {
		require.NoError(t, client.Track(t.Context(), traced(n, 0)), name)
	}
	require.NoError(t, client.Close(), name)
	require.Zero(t, o.unheard(t), name)
	told.requireOneEach(t, every)
	require.Empty(t, told.failed, name)
	require.Equal(t, requests+1, o.requests, name)
	copies := 0
	if m.stored {
		copies = batch
	}
	require.Equal(t, copies, o.copies, name)
	s := client.Stats()
	require.Zero(t, s.QueueEvents, name)
	require.Zero(t, s.QueueBytes, name)
}
