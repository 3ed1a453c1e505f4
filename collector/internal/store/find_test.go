// Tests of finding calls.

package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

func TestCallsFilter(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dir string) {
		s := open(t, store.Options{Dir: dir})
		web, shop := addSource(t, s, "web"), addSource(t, s, "shop")
		add(t, s, web, noon, track("1", "A"), failed("2", "B", "no_user"))
		add(t, s, shop, noon.Add(time.Minute), track("3", "Other"), failed("4", "Other", "no_user"))
		filtered := track("5", "C")
		filtered.Step, filtered.Verdict, filtered.Type = store.Filtered, "blocked", "page"
		calls := add(t, s, web, noon.Add(time.Hour), filtered, track("6", "ÜBER%"), failed("7", "D", "too_large"))
		add(t, s, web, noon.Add(-time.Hour), track("8", "Late"))

		for _, test := range []struct {
			name   string
			filter store.CallFilter
			want   []string
		}{
			{"all", store.CallFilter{}, []string{"Late", "D", "ÜBER%", "C", "B", "A"}},
			{"limit", store.CallFilter{Limit: 2}, []string{"Late", "D"}},
			{"id", store.CallFilter{ID: calls[1].ID}, []string{"ÜBER%"}},
			{"id of another source", store.CallFilter{ID: calls[0].ID - 1}, []string{}},
			{"no such id", store.CallFilter{ID: 4711}, []string{}},
			{"before", store.CallFilter{Before: calls[1].ID}, []string{"C", "B", "A"}},
			{"before, limit", store.CallFilter{Before: calls[1].ID, Limit: 2}, []string{"C", "B"}},
			{"type", store.CallFilter{Type: "page"}, []string{"C"}},
			{"no such type", store.CallFilter{Type: "group"}, []string{}},
			{"verdict", store.CallFilter{Verdict: "no_user"}, []string{"B"}},
			{"verdict of nobody", store.CallFilter{Verdict: "other"}, []string{}},
			{"verdict ok", store.CallFilter{Verdict: store.OK}, []string{"Late", "ÜBER%", "A"}},
			{"failed", store.CallFilter{Step: store.Failed}, []string{"D", "B"}},
			{"failed, limit", store.CallFilter{Step: store.Failed, Limit: 1}, []string{"D"}},
			{"failed, before", store.CallFilter{Step: store.Failed, Before: calls[2].ID}, []string{"B"}},
			{"filtered", store.CallFilter{Step: store.Filtered}, []string{"C"}},
			{"filtered with a verdict of failed", store.CallFilter{Step: store.Filtered, Verdict: "no_user"}, []string{}},
			{"eligible", store.CallFilter{Step: store.Eligible}, []string{"Late", "ÜBER%", "A"}},
			{"failed, id", store.CallFilter{Step: store.Failed, ID: calls[2].ID}, []string{"D"}},
			{"search", store.CallFilter{Search: `EVENT":"über%`}, []string{"ÜBER%"}},
			{"search is no pattern", store.CallFilter{Search: `_`}, []string{}},
			{"search failed", store.CallFilter{Search: `"b"`, Step: store.Failed}, []string{"B"}},
			{"from", store.CallFilter{From: noon.Add(time.Millisecond)}, []string{"D", "ÜBER%", "C"}},
			{"from its moment", store.CallFilter{From: noon, Step: store.Failed}, []string{"D", "B"}},
			{"to", store.CallFilter{To: noon}, []string{"Late"}},
			{"to after", store.CallFilter{To: noon.Add(time.Millisecond)}, []string{"Late", "B", "A"}},
			{"from and to", store.CallFilter{From: noon, To: noon.Add(time.Hour), Verdict: "no_user"}, []string{"B"}},
			{"a time without calls", store.CallFilter{From: noon.Add(2 * time.Hour)}, []string{}},
		} {
			got, err := s.Calls(t.Context(), web, test.filter)
			require.NoError(t, err, test.name)
			require.Equal(t, test.want, events(got), test.name)
		}
	})
}

// Pages of any filter, one after the other, give each call once.
func TestCallsPages(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{})
	sources := []int64{addSource(t, s, "web"), addSource(t, s, "shop")}
	random := rand.New(rand.NewPCG(5, 6))
	model := randomCalls(t, s, random, sources)
	for i := range size(9, 40) {
		source, step := sources[i%2], store.Step(random.IntN(4))
		filter := store.CallFilter{Limit: 20 + random.IntN(80), Step: step}
		var want []string
		if i%3 > 0 {
			filter.From = noon.Add(-time.Duration(random.Int64N(int64(14 * 24 * time.Hour))))
			filter.To = filter.From.Add(time.Duration(random.Int64N(int64(72 * time.Hour))))
		}
		for _, c := range model {
			if c.source == source && (step == store.Received || step == c.step) &&
				(filter.From.IsZero() || !c.at.Truncate(time.Millisecond).Before(filter.From) && c.at.Truncate(time.Millisecond).Before(filter.To)) {
				want = append([]string{fmt.Sprint(c.at.UnixMilli(), c.event)}, want...)
			}
		}
		var got []string
		for {
			calls, err := s.Calls(t.Context(), source, filter)
			require.NoError(t, err)
			require.LessOrEqual(t, len(calls), filter.Limit)
			for _, c := range calls {
				got = append(got, fmt.Sprint(c.Request.ReceivedAt.UnixMilli(), c.Event))
			}
			if len(calls) < filter.Limit {
				break
			}
			filter.Before = calls[len(calls)-1].ID
		}
		require.Equal(t, want, got)
	}
}
