// Tests of the ledger against a model that counts call by call.

package store_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

func TestCoverHoldsEverySecondOnce(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range size(3000, 50_000) {
		from := random.Int64N(40*86400) - 20*86400
		to := from + random.Int64N([]int64{300, 10_000, 15 * 86400}[random.IntN(3)])
		parts := store.Cover(from, to)
		if from == to && from%60 == 0 {
			require.Empty(t, parts)
			continue
		}
		next, rows := parts[0][1], int64(0)
		require.Zero(t, next%60)
		require.True(t, next <= from && from-next < 60)
		for _, part := range parts {
			span, begin, end := part[0], part[1], part[2]
			require.Equal(t, next, begin, "stretches follow each other")
			require.Less(t, begin, end)
			require.Zero(t, begin%span)
			require.Zero(t, end%span)
			next, rows = end, rows+(end-begin)/span
		}
		require.True(t, to <= next && next-to < 60)
		require.LessOrEqual(t, rows, int64(15+2*23+2*59), "two weeks are few rows")
	}
}

// seen is a call in the model.
type seen struct {
	source                   int64
	at                       time.Time
	step                     store.Step
	typ, event, ver, verdict string
}

func (c seen) label(by store.Dimension) string {
	switch by {
	case store.ByType:
		return c.typ
	case store.ByEvent:
		return c.event
	case store.ByVersion:
		return c.ver
	}
	return c.verdict
}

// randomCalls stores calls of two weeks and returns the model.
func randomCalls(t *testing.T, s *store.Store, random *rand.Rand, sources []int64) []seen {
	var model []seen
	for i := range size(120, 400) {
		r := &store.Request{Source: sources[random.IntN(len(sources))], ReceivedAt: noon.Add(-time.Duration(random.Int64N(int64(14 * 24 * time.Hour))))}
		for j := range 1 + random.IntN(8) {
			c := store.Call{Type: "identify", MessageID: fmt.Sprint(i, "-", j), Step: store.Eligible, Verdict: store.OK, Raw: []byte(`{}`)}
			if random.IntN(3) > 0 {
				c.Type, c.Event = "track", fmt.Sprint("Event ", random.IntN(9))
			}
			if random.IntN(2) > 0 {
				c.Version = fmt.Sprint("1.", random.IntN(3))
			}
			if random.IntN(4) == 0 {
				c.Step, c.Verdict = store.Failed, []string{"a", "b"}[random.IntN(2)]
			} else if random.IntN(4) == 0 {
				c.Step, c.Verdict = store.Filtered, "c"
			}
			r.Calls = append(r.Calls, c)
			model = append(model, seen{r.Source, r.ReceivedAt, c.Step, c.Type, c.Event, c.Version, c.Verdict})
		}
		require.NoError(t, s.Add(t.Context(), r))
	}
	return model
}

// received tells whether a call counts in a window: whole minutes.
func (c seen) received(source int64, step store.Step, from, to time.Time) bool {
	end := to.Truncate(time.Minute)
	if end.Before(to) {
		end = end.Add(time.Minute)
	}
	return c.source == source && (step == store.Received || step == c.step) && !c.at.Before(from.Truncate(time.Minute)) && c.at.Before(end)
}

func TestLedgerCountsAsCallByCall(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		s := open(t, store.Options{Dir: dir})
		sources := []int64{addSource(t, s, "web"), addSource(t, s, "shop")}
		random := rand.New(rand.NewPCG(3, uint64(len(dir))))
		model := randomCalls(t, s, random, sources)
		for range size(6, 50) {
			from := noon.Add(-time.Duration(random.Int64N(int64(15 * 24 * time.Hour))))
			to := from.Add(time.Duration(random.Int64N(int64(5 * 24 * time.Hour))))
			source, step := sources[random.IntN(2)], store.Step(random.IntN(4))
			checkBreakdowns(t, s, model, source, step, from, to)
			checkVolume(t, s, model, source, from, to, random)
			checkTotals(t, s, model, from, to)
		}
	})
}

func checkBreakdowns(t *testing.T, s *store.Store, model []seen, source int64, step store.Step, from, to time.Time) {
	for _, by := range []store.Dimension{store.ByType, store.ByEvent, store.ByVersion, store.ByVerdict} {
		sums := map[string]int{}
		for _, c := range model {
			if c.received(source, step, from, to) {
				sums[c.label(by)]++
			}
		}
		var want []store.Count
		for label, n := range sums {
			want = append(want, store.Count{Label: label, Count: n})
		}
		slices.SortFunc(want, func(a, b store.Count) int {
			return cmp.Or(b.Count-a.Count, strings.Compare(a.Label, b.Label))
		})
		got, err := s.Breakdown(t.Context(), source, step, from, to, by)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func checkVolume(t *testing.T, s *store.Store, model []seen, source int64, from, to time.Time, random *rand.Rand) {
	bucket := []time.Duration{time.Hour, 7 * time.Minute, 24 * time.Hour, 6 * time.Hour}[random.IntN(4)]
	if random.IntN(2) == 0 {
		from = from.Truncate(bucket)
	}
	got, err := s.Volume(t.Context(), source, from, to, bucket)
	require.NoError(t, err)
	i := 0
	for at := from.Truncate(time.Minute); at.Before(to); at = at.Add(bucket) {
		want := store.Point{At: at}
		end := at.Add(bucket)
		if to.Before(end) {
			end = to
		}
		for _, c := range model {
			if c.received(source, store.Received, at, end) {
				*[]*int{&want.Failed, &want.Filtered, &want.Eligible}[c.step-1]++
			}
		}
		require.Less(t, i, len(got))
		require.Equal(t, want, got[i])
		i++
	}
	require.Len(t, got, i)
}

func checkTotals(t *testing.T, s *store.Store, model []seen, from, to time.Time) {
	want := map[int64]store.Totals{}
	for _, c := range model {
		total := want[c.source]
		if c.received(c.source, store.Received, from, to) {
			total.Calls++
		}
		if at := c.at.Truncate(time.Millisecond); at.After(total.LastCall) {
			total.LastCall = at
		}
		want[c.source] = total
	}
	got, err := s.Totals(t.Context(), from, to)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestVolumeRefusesBuckets(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{})
	web := addSource(t, s, "web")
	for _, bucket := range []time.Duration{0, -time.Minute, time.Second, 90 * time.Second} {
		_, err := s.Volume(t.Context(), web, noon, noon.Add(time.Hour), bucket)
		require.ErrorContains(t, err, "multiple of a minute")
	}
	_, err := s.Volume(t.Context(), web, noon, noon.AddDate(1, 0, 0), time.Minute)
	require.ErrorContains(t, err, "too many")
	_, err = s.Breakdown(t.Context(), web, store.Received, noon, noon.Add(time.Hour), "colour")
	require.ErrorContains(t, err, `"colour"`)
}

func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{})
	web := addSource(t, s, "web")
	long := strings.Repeat("ü", 300)
	var calls []store.Call
	for i := range 4100 {
		calls = append(calls, track(fmt.Sprint(i), fmt.Sprint("Event ", i)))
	}
	calls = append(calls, track("long", long))
	add(t, s, web, noon, calls...)
	shop := addSource(t, s, "shop")
	add(t, s, shop, noon, track("l1", long), track("l2", long[:400]+"!"))

	counts, err := s.Breakdown(t.Context(), web, store.Eligible, noon, noon.Add(time.Minute), store.ByEvent)
	require.NoError(t, err)
	require.Len(t, counts, 4001)
	require.Equal(t, store.Count{Label: "(other)", Count: 101}, counts[0])
	counts, err = s.Breakdown(t.Context(), shop, store.Eligible, noon, noon.Add(time.Minute), store.ByEvent)
	require.NoError(t, err)
	require.Equal(t, []store.Count{{Label: long[:400], Count: 2}}, counts)

	stored, err := s.Calls(t.Context(), web, store.CallFilter{Limit: 2})
	require.NoError(t, err)
	require.Equal(t, []string{long, "Event 4099"}, events(stored))
}

func TestOverviewNeverReadsCalls(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{Dir: t.TempDir()})
	plan := func(query string, args int) string {
		rows, err := s.Reads().QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, make([]any, args)...)
		require.NoError(t, err)
		defer rows.Close()
		text := ""
		for rows.Next() {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			text += detail + "\n"
		}
		require.NoError(t, rows.Err())
		return text
	}
	for name, query := range store.Queries {
		text := plan(query, strings.Count(query, "?"))
		require.NotContains(t, text, "calls", name)
		require.NotContains(t, text, "TEMP B-TREE", name)
		if name != "last calls" {
			require.NotContains(t, text, "SCAN", name)
		}
	}
	for name, query := range store.Scans {
		for _, search := range []string{"", query[1]} {
			text := plan(fmt.Sprintf(query[0], search), 3)
			require.NotContains(t, text, "SCAN c", name)
			require.NotContains(t, text, "SCAN r", name)
			require.NotContains(t, text, "TEMP B-TREE", name)
		}
	}
}
