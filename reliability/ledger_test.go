// The ledger: the receipt of every call, one each, for the reckoning at a test's end.

package reliability_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// ledger writes down receipts. Its take is an OnReceipt; the zero value is ready.
type ledger struct {
	mu       sync.Mutex
	receipts map[string]analytics.Receipt
	again    []string // ids that had one already
}

func (l *ledger) take(r analytics.Receipt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.receipts[r.MessageID]; ok {
		l.again = append(l.again, r.MessageID)
	}
	if l.receipts == nil {
		l.receipts = make(map[string]analytics.Receipt)
	}
	l.receipts[r.MessageID] = r
}

// all returns the receipts by id, having checked that there are n, one a call.
func (l *ledger) all(t testing.TB, n int) map[string]analytics.Receipt {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Empty(t, l.again, "one Receipt a call")
	require.Len(t, l.receipts, n, "a Receipt for every call")
	return l.receipts
}

// count returns how many receipts there are so far.
func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.receipts)
}

// numbered is the i-th call of a test: its messageId says so.
func numbered(i int) analytics.Track {
	return analytics.Track{UserID: "user_1", Event: "Reliable", MessageID: callID(i)}
}

func callID(i int) string { return fmt.Sprintf("call-%d", i) }

// accept has the client accept the calls from, from+1 … from+n-1.
func accept(t testing.TB, client *analytics.Client, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		require.NoError(t, client.Track(context.Background(), numbered(i)))
	}
}

// reached returns how often srv received each call.
func reached(srv *analyticstest.Server) map[string]int {
	times := make(map[string]int)
	for _, c := range srv.Calls() {
		times[c.MessageID]++
	}
	return times
}

// inMemory returns a client that reaches srv through memory. The test closes it.
func inMemory(t testing.TB, srv *analyticstest.Server, config analytics.Config) *analytics.Client {
	t.Helper()
	config.Endpoint, config.HTTPClient = srv.URL, srv.Client()
	client, err := analytics.New("WRITE_KEY", &config)
	require.NoError(t, err)
	return client
}
