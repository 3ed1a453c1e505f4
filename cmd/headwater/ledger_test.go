// Tests of the ledger.

package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/headwater-dev/analytics"
	"github.com/stretchr/testify/require"
)

func testLedger() (*ledger, *[]error) {
	stops := new([]error)
	log := &faultLog{}
	return newLedger(&faults{log: log}, &faults{log: log}, func(err error) { *stops = append(*stops, err) }), stops
}

func at(number int) place { return place{number, "f", number} }

func TestLedgerHoldsOnlyWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	l, stops := testLedger()
	for n := 1; n <= 1000; n++ {
		l.expect(fmt.Sprint(n), at(n))
		if n > 10 {
			l.settle(analytics.Receipt{MessageID: fmt.Sprint(n - 10)})
		}
	}
	require.Len(t, l.open, 10)
	require.Equal(t, balance{delivered: 990, open: 10, unsettled: at(991)}, l.balance())
	l.settle(analytics.Receipt{MessageID: "unknown"})
	require.Equal(t, 990, l.balance().delivered)
	require.Empty(t, *stops)
}

// Whichever of two lines with one id a Receipt is of, resuming leaves none out.
func TestLedgerSharedID(t *testing.T) {
	t.Parallel()
	down := &analytics.ResponseError{StatusCode: 503}
	for _, order := range [][]error{{nil, down}, {down, nil}} {
		l, _ := testLedger()
		l.expect("id", at(5))
		l.expect("id", at(9))
		for _, err := range order {
			l.settle(analytics.Receipt{MessageID: "id", Err: err})
		}
		require.Equal(t, balance{delivered: 1, unsettled: at(5), cause: down}, l.balance())
	}

	// The Receipt of line 5 comes while line 9 is refused by the client.
	l, _ := testLedger()
	l.expect("id", at(5))
	l.expect("id", at(9))
	l.settle(analytics.Receipt{MessageID: "id"})
	l.withdraw("id", at(9))
	require.Equal(t, balance{delivered: 1}, l.balance())

	l.expect("id", at(10))
	l.expect("id", at(11))
	l.withdraw("id", at(11))
	require.Equal(t, at(10), l.balance().unsettled)
}

func TestLedgerTellsTheLinesFaultFromTheServers(t *testing.T) {
	t.Parallel()
	answer := func(status int) error { return &analytics.ResponseError{StatusCode: status} }
	for _, test := range []struct {
		err          error
		failed, stop bool
	}{
		{answer(400), true, false},
		{answer(413), true, false},
		{answer(401), false, true},
		{answer(404), false, true},
		{answer(429), false, true},
		{answer(503), false, true},
		{errors.New("connection refused"), false, true},
		{fmt.Errorf("%w at shutdown", analytics.ErrDropped), false, false},
		{fmt.Errorf("%w at shutdown, after: %w", analytics.ErrDropped, answer(400)), false, false},
	} {
		l, stops := testLedger()
		l.expect("a", at(7))
		l.settle(analytics.Receipt{MessageID: "a", Err: test.err})
		require.Equal(t, test.failed, l.failed.total() == 1, test.err)
		require.Equal(t, !test.failed, l.lost.total() == 1, test.err)
		require.Equal(t, !test.failed, l.balance().unsettled == at(7), test.err)
		require.Equal(t, test.stop, len(*stops) == 1, test.err)
	}
}
