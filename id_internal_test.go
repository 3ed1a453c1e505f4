// Message ids: their form, and that no two are alike, whoever makes them.

package analytics

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestIDsAreUUIDsOfVersion7(t *testing.T) {
	t.Parallel()
	var g ids
	for _, now := range []time.Time{
		time.UnixMilli(0), time.Date(2026, 11, 24, 17, 18, 42, 123456789, time.UTC), time.UnixMilli(1<<48 - 1),
	} {
		text := string(g.append([]byte("before "), now))
		require.Equal(t, "before ", text[:7])
		id, err := uuid.Parse(text[7:])
		require.NoError(t, err)
		require.Equal(t, text[7:], id.String())
		require.Equal(t, uuid.Version(7), id.Version())
		require.Equal(t, uuid.RFC4122, id.Variant())
		var milli int64
		for _, b := range id[:6] {
			milli = milli<<8 | int64(b)
		}
		require.Equal(t, now.UnixMilli(), milli)
	}
}

// Within a millisecond ids differ in the last three digits and grow; a fourth of them
// would make the text of a batch longer.
func TestIDsOfOneMillisecond(t *testing.T) {
	t.Parallel()
	var g ids
	now := time.Now()
	first := string(g.append(nil, now))
	last := first
	for range idsPerDraw - 1 {
		next := string(g.append(nil, now))
		require.Equal(t, first[:33], next[:33])
		require.Less(t, last, next)
		last = next
	}
	require.NotEqual(t, first[:33], string(g.append(nil, now))[:33], "the digits are used up")
}

// A clock that goes back and forth, and makers that know nothing of each other.
func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	const makers, each = 8, 20_000
	made := make([][]string, makers)
	began := time.Now()
	var wg sync.WaitGroup
	for i := range made {
		wg.Go(func() {
			var g ids
			for n := range each {
				now := began.Add(time.Duration(n/7%5) * time.Millisecond)
				made[i] = append(made[i], string(g.append(nil, now)))
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool, makers*each)
	for _, list := range made {
		for _, id := range list {
			require.False(t, seen[id], id)
			seen[id] = true
		}
	}
	require.Len(t, seen, makers*each)
}
