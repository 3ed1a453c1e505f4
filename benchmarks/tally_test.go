// The tally: nothing counts unless it arrived exactly once.

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// batchOf is a body with the events of some numbers, each with a messageId.
func batchOf(numbers ...int) []byte {
	body := []byte(`{"messageId":"of the batch","batch":[`)
	for i, number := range numbers {
		e := newEvent(1, number)
		if i > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"messageId":"id %d","properties":{"order_id":"%s"}}`, number, e.orderID)
	}
	return append(body, `]}`...)
}

func zipped(t *testing.T, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func TestTally(t *testing.T) {
	for name, tc := range map[string]struct {
		bodies [][]byte
		want   string
	}{
		"all":           {[][]byte{batchOf(0, 2), batchOf(1, 3)}, ""},
		"lost":          {[][]byte{batchOf(0, 2)}, "lost 2"},
		"nothing":       {nil, "lost 4"},
		"twice":         {[][]byte{batchOf(0, 1, 2, 3), batchOf(3)}, "1 twice"},
		"lost and more": {[][]byte{batchOf(0, 1, 2, 2, 2)}, "lost 1"},
		"never sent":    {[][]byte{batchOf(0, 1, 2, 3, 99)}, "1 events that were never sent"},
	} {
		for _, zip := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", zipped ", zip), func(t *testing.T) {
				tally := newTally()
				for _, body := range tc.bodies {
					if zip {
						body = zipped(t, body)
					}
					require.NoError(t, tally.body(body, zip))
				}
				tally.finish()
				require.Equal(t, tc.want, tally.verdict(4, true))
			})
		}
	}
}

func TestTallyCountsIDs(t *testing.T) {
	tally := newTally()
	require.NoError(t, tally.body(bytes.ReplaceAll(batchOf(0, 1), []byte("id 1"), []byte("id 0")), false))
	tally.finish()
	require.Equal(t, "1 messageIds for 2 events", tally.verdict(2, true))
	require.Empty(t, tally.verdict(2, false))
}

func TestTallyRefuses(t *testing.T) {
	tally := newTally()
	require.ErrorContains(t, tally.body([]byte("no gzip"), true), "body")
	require.ErrorContains(t, tally.body(zipped(t, batchOf(1))[:20], true), "body")
	require.ErrorContains(t, tally.body([]byte(`{}`), false), "no batch")
	require.ErrorContains(t, tally.body([]byte(`{"batch":[{"order_id":"x"}]}`), false), "not one of ours")
}
