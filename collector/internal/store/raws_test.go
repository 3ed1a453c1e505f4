// Tests of raw messages, packed and read back.

package store_test

import (
	"bytes"
	"cmp"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

// noise is n bytes that cannot be compressed.
func noise(n int) []byte {
	random, b := rand.New(rand.NewPCG(13, uint64(n))), make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// Whatever comes is read back as it came: all calls at once, each alone, and by a text.
func TestRawsRoundTrip(t *testing.T) {
	t.Parallel()
	words := func(n int) []byte { return bytes.Repeat([]byte("a few words, "), n/13+1)[:n] }
	for _, test := range []struct {
		name string
		raws [][]byte
	}{
		{"one byte", [][]byte{[]byte("x")}},
		{"nothing", [][]byte{{}, {}}},
		{"short", [][]byte{[]byte(`{"a":1}`), {}, []byte(`{"b":2}`)}},
		{"at the bound", [][]byte{words(2 << 10)}},
		{"below the bound", [][]byte{words(2<<10 - 1)}},
		{"words", [][]byte{words(3000), {}, words(500), words(1), words(40_000)}},
		{"noise", [][]byte{noise(5000), noise(1), noise(70_000)}},
		{"words and noise", [][]byte{noise(900), words(90_000), noise(1000)}},
		{"longer than the window", [][]byte{words(300_000), noise(300_000), words(2_000_000)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, store.Options{})
			web := addSource(t, s, "web")
			var calls []store.Call
			for i, raw := range test.raws {
				c := track(fmt.Sprint(i), "A")
				c.Raw = raw
				duplicate := c
				duplicate.Raw = noise(100 + i) // lies between those that are stored
				calls = append(calls, c, duplicate)
			}
			add(t, s, web, noon, track("before", "A"))
			calls = add(t, s, web, noon, calls...)
			add(t, s, web, noon, track("after", "A"))

			stored, err := s.Calls(t.Context(), web, store.CallFilter{})
			require.NoError(t, err)
			require.Len(t, stored, len(test.raws)+2)
			stored = stored[1 : len(stored)-1]
			slices.Reverse(stored)
			for i, raw := range test.raws {
				require.True(t, bytes.Equal(raw, stored[i].Raw), "call %d", i)
				require.NotNil(t, stored[i].Raw)
				one, err := s.Calls(t.Context(), web, store.CallFilter{ID: calls[2*i].ID})
				require.NoError(t, err)
				require.Equal(t, stored[i:i+1], one)
				if len(raw) > 0 && len(raw) < 1<<20 {
					found, err := s.Calls(t.Context(), web, store.CallFilter{Search: string(raw)})
					require.NoError(t, err)
					require.Contains(t, found, stored[i])
				}
			}
		})
	}
}

// The calls of a page do not share memory, with each other or with the rest of their requests.
func TestRawsAreApart(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{})
	web := addSource(t, s, "web")
	add(t, s, web, noon, batch(web, 1, 20, noon).Calls...)
	calls, err := s.Calls(t.Context(), web, store.CallFilter{Limit: 2})
	require.NoError(t, err)
	next := bytes.Clone(calls[0].Raw)
	_ = append(calls[1].Raw, "overwritten"...)
	require.Equal(t, next, calls[0].Raw)
	require.Less(t, cap(calls[0].Raw), 1500)
}

func TestRawsAreSmall(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{})
	web := addSource(t, s, "web")
	add(t, s, web, noon, batch(web, 1, 250, noon).Calls...)
	n, err := s.Number(t.Context(), `SELECT sum(length(raws)) FROM requests`)
	require.NoError(t, err)
	require.Less(t, n, int64(250*750/8))
	require.Less(t, checkBytes(t, s), int64(250*750/4), "with the rows of calls")

	require.NoError(t, s.Reset(t.Context()))
	c := track("1", "A")
	c.Raw = noise(50_000)
	add(t, s, web, noon, c)
	n, err = s.Number(t.Context(), `SELECT sum(length(raws)) FROM requests`)
	require.NoError(t, err)
	require.Equal(t, int64(50_001), n, "what does not get smaller stays as it is")
}

func TestTooManyRaws(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{})
	web := addSource(t, s, "web")
	big := track("big", "A")
	big.Raw = make([]byte, 32<<20)
	calls := add(t, s, web, noon, big)
	stored, err := s.Calls(t.Context(), web, store.CallFilter{})
	require.NoError(t, err)
	require.True(t, bytes.Equal(big.Raw, stored[0].Raw))

	err = s.Add(t.Context(), &store.Request{Source: web, ReceivedAt: noon, Calls: []store.Call{big, track("one more", "A")}})
	require.ErrorContains(t, err, "more than 32 MiB")
	next := add(t, s, web, noon, track("next", "A"))
	require.Equal(t, calls[0].ID+1, next[0].ID)

	// A blob that was not written by Add does not take more memory either.
	encoder, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	_, err = s.Unpack(encoder.EncodeAll(make([]byte, 32<<20+1), []byte{1}))
	require.ErrorIs(t, err, zstd.ErrDecoderSizeExceeded)
}

// What is damaged is missing, and the log says so; the rest of the page is there.
func TestDamagedRaws(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]string{
		"a bit":             `UPDATE requests SET raws = CAST(substr(raws, 1, 700) || CASE substr(raws, 701, 1) WHEN x'55' THEN x'54' ELSE x'55' END || substr(raws, 702) AS BLOB) WHERE id = ?`,
		"the beginning":     `UPDATE requests SET raws = CAST(x'01ffff' || substr(raws, 4) AS BLOB) WHERE id = ?`,
		"the end":           `UPDATE requests SET raws = substr(raws, 1, length(raws) - 5) WHERE id = ?`,
		"all":               `UPDATE requests SET raws = x'' WHERE id = ?`,
		"how it is packed":  `UPDATE requests SET raws = CAST(x'07' || substr(raws, 2) AS BLOB) WHERE id = ?`,
		"places":            `UPDATE calls SET start = start + 1000000 WHERE id >= ?1 AND id < ?1 + 10`,
		"places below 0":    `UPDATE calls SET start = -1 WHERE id >= ?1 AND id < ?1 + 10`,
		"sizes":             `UPDATE calls SET size = 1000000 WHERE id >= ?1 AND id < ?1 + 10`,
		"sizes below 0":     `UPDATE calls SET size = -1 WHERE id >= ?1 AND id < ?1 + 10`,
		"places at the end": fmt.Sprintf(`UPDATE calls SET start = 1, size = %d WHERE id >= ?1 AND id < ?1 + 10`, math.MaxInt),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &bytes.Buffer{}
			s := open(t, store.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
			web := addSource(t, s, "web")
			want := map[int64][]byte{}
			var first int64
			for i := range 3 {
				for _, c := range add(t, s, web, noon, batch(web, i, 10, noon).Calls...) {
					want[c.ID] = c.Raw
					if i == 1 {
						want[c.ID] = nil
						first = cmp.Or(first, c.ID)
					}
				}
			}
			require.NoError(t, s.Exec(t.Context(), damage, first))

			calls, err := s.Calls(t.Context(), web, store.CallFilter{})
			require.NoError(t, err)
			require.Len(t, calls, 30)
			for _, c := range calls {
				require.Equal(t, want[c.ID], c.Raw)
				require.Equal(t, "track", c.Type)
				require.Equal(t, noon.UnixMilli(), c.Request.ReceivedAt.UnixMilli())
			}
			text := fmt.Sprintf("damaged, its calls are shown without\" request=%d ", first)
			require.Equal(t, 1, strings.Count(log.String(), text), "once, not for each call")
			found, err := s.Calls(t.Context(), web, store.CallFilter{Search: "checkout"})
			require.NoError(t, err)
			require.Len(t, found, 20)
		})
	}
}

// The text is found wherever a request's calls are cut by the page's bounds.
func TestSearchAcrossRequests(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{})
	web, shop := addSource(t, s, "web"), addSource(t, s, "shop")
	var all, bad []int64 // newest first
	for i := range 4 {
		r := batch(web, i, 6, noon)
		for j := range r.Calls {
			if c := &r.Calls[j]; (i+j)%3 == 0 {
				c.Step, c.Verdict = store.Failed, fmt.Sprint("code ", j%2)
			}
		}
		for _, c := range add(t, s, web, noon, r.Calls...) {
			all = append([]int64{c.ID}, all...)
			if c.Step == store.Failed {
				bad = append([]int64{c.ID}, bad...)
			}
		}
		add(t, s, shop, noon, batch(shop, 100+i, 3, noon).Calls...)
	}
	ids := func(filter store.CallFilter) []int64 {
		filter.Search = "CHECKOUT"
		calls, err := s.Calls(t.Context(), web, filter)
		require.NoError(t, err)
		var ids []int64
		for _, c := range calls {
			require.Contains(t, string(c.Raw), c.MessageID)
			ids = append(ids, c.ID)
		}
		return ids
	}
	for i, id := range all {
		require.Equal(t, all[i+1:], append([]int64{}, ids(store.CallFilter{Before: id})...))
		require.Equal(t, []int64{id}, ids(store.CallFilter{ID: id}))
	}
	for i, id := range bad {
		require.Equal(t, bad[i+1:], append([]int64{}, ids(store.CallFilter{Before: id, Step: store.Failed})...))
		require.Equal(t, []int64{id}, ids(store.CallFilter{ID: id, Step: store.Failed}))
	}
}

// FuzzUnpack feeds what may be on a damaged disk.
func FuzzUnpack(f *testing.F) {
	s := open(f, store.Options{})
	f.Add([]byte{})
	f.Add([]byte{0})
	f.Add([]byte("\x00plain"))
	f.Add([]byte("\x01(\xb5/\xfd\x04\x00\x19\x00\x00abc\x0f\xe8\x9b\x9a"))
	f.Add([]byte("\x01(\xb5/\xfd\xc0\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		raws, err := s.Unpack(packed)
		if err == nil {
			require.LessOrEqual(t, len(raws), 32<<20)
		}
		if len(packed) > 0 && packed[0] == 0 {
			require.NoError(t, err)
			require.True(t, bytes.Equal(packed[1:], raws))
		}
	})
}
