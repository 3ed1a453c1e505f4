// The event: the same for every variant, different for every number, of a realistic size.

package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

func TestEventsDiffer(t *testing.T) {
	require.Equal(t, newEvent(1, 7), newEvent(1, 7))
	seen := make(map[string]bool)
	for number := range 10_000 {
		e := newEvent(1, number)
		require.False(t, seen[e.orderID], "event %d has the order id of another", number)
		seen[e.orderID] = true
		got, ok := numberOf([]byte(e.orderID))
		require.True(t, ok)
		require.Equal(t, number, got)
	}
	require.NotEqual(t, newEvent(1, 7).userID, newEvent(2, 7).userID)
}

func TestNumberOfStrangers(t *testing.T) {
	for _, id := range []string{"", "1234567", "zzzzzzzz0000000000000000"} {
		_, ok := numberOf([]byte(id))
		require.False(t, ok, id)
	}
}

// decoded is a message without what no two encodings share.
func decoded(t *testing.T, message []byte) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal(message, &m))
	delete(m, "messageId")
	delete(m, "timestamp")
	delete(m["context"].(map[string]any), "library")
	return m
}

func TestEveryVariantSaysTheSame(t *testing.T) {
	for number := range 100 {
		e := newEvent(1, number)
		floor := appendEvent(nil, &e)
		require.InDelta(t, 750, len(floor), 75)
		want := decoded(t, floor)
		require.Len(t, want["properties"], 12)
		for name, build := range map[string]func(*event) analytics.Track{"map": trackWithMap, "Attrs": trackWithAttrs} {
			message, err := build(&e).MarshalJSON()
			require.NoError(t, err)
			require.Equal(t, want, decoded(t, message), name)
		}
		for name, message := range map[string]any{"segment": segmentTrack(&e), "gopkg": gopkgTrack(&e)} {
			text, err := json.Marshal(message)
			require.NoError(t, err)
			got := decoded(t, text)
			require.Equal(t, want["properties"], got["properties"], name)
			require.Subset(t, got["context"], want["context"], name)
		}
		require.Subset(t, captureOf(&e).Properties, map[string]any{"order_id": e.orderID, "$ip": e.ip, "gift": e.gift})
	}
}

// The floor is minimal, not wrong.
func TestFloorEscapes(t *testing.T) {
	for _, s := range []string{"", "plain", `a "quote"`, "back\\slash", "line\nbreak", "žluťoučký", "\x7f"} {
		var got string
		require.NoError(t, json.Unmarshal(appendQuoted(nil, s), &got))
		require.Equal(t, s, got)
	}
}
