// Overviews: what they count, how they compare, and that they add up.

package overview_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/overview"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

func window(t *testing.T, name string) overview.Window {
	t.Helper()
	w, err := overview.ParseWindow(name, "", "", now)
	require.NoError(t, err)
	return w
}

func compute(t *testing.T, l overview.Ledger, w overview.Window, step store.Step) *overview.Overview {
	t.Helper()
	o, err := overview.Compute(t.Context(), l, source, w, step)
	require.NoError(t, err)
	return o
}

// sample has calls in the last hour and in the one before.
func sample() *ledger {
	l := &ledger{duplicates: []time.Time{now, now.Add(-2 * time.Hour)}}
	add := func(n int, ago time.Duration, step store.Step, kind, event, version, verdict string) {
		for range n {
			l.calls = append(l.calls, call{now.Add(-ago), step, kind, event, version, verdict})
		}
	}
	add(3, 0, store.Eligible, "track", "Order Completed", "1.2.0", "ok")
	add(1, 10*time.Minute, store.Filtered, "track", "Debugged", "", "event_setting")
	add(2, 20*time.Minute, store.Failed, "track", "", "", "event_not_defined")
	add(1, 30*time.Minute, store.Failed, "", "", "", "bad_request")
	add(2, 40*time.Minute, store.Eligible, "page", "", "1.2.0", "ok")
	add(4, 70*time.Minute, store.Eligible, "track", "Order Completed", "1.1.0", "ok")
	add(1, 80*time.Minute, store.Eligible, "page", "", "", "ok")
	add(5, 121*time.Minute, store.Eligible, "screen", "", "", "ok")
	add(1, 122*time.Minute, store.Eligible, "identify", "", "", "ok") // the window before begins after it
	return l
}

func percent(n float64) *float64 { return &n }

func TestCompute(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		step      store.Step
		byType    []overview.Row
		byName    []overview.Row
		byVersion []overview.Row
		reasons   []overview.Row
	}{
		"received": {
			step: store.Received,
			byType: []overview.Row{
				{Label: "track", Count: 6, Change: percent(50)},
				{Label: "page", Count: 2, Change: percent(100)},
				{Label: "", Count: 1},
				{Label: "screen", Count: 0, Change: percent(-100)},
			},
			byName:    []overview.Row{{Label: "Unnamed", Count: 5}, {Label: "Order Completed", Count: 3}, {Label: "Debugged", Count: 1}},
			byVersion: []overview.Row{{Label: "1.2.0", Count: 5}, {Label: "", Count: 4}},
		},
		"failed": {
			step:      store.Failed,
			byType:    []overview.Row{{Label: "track", Count: 2}, {Label: "", Count: 1}},
			byName:    []overview.Row{{Label: "Unnamed", Count: 3}},
			byVersion: []overview.Row{{Label: "", Count: 3}},
			reasons:   []overview.Row{{Label: "event_not_defined", Count: 2}, {Label: "bad_request", Count: 1}},
		},
		"filtered": {
			step:      store.Filtered,
			byType:    []overview.Row{{Label: "track", Count: 1}},
			byName:    []overview.Row{{Label: "Debugged", Count: 1}},
			byVersion: []overview.Row{{Label: "", Count: 1}},
			reasons:   []overview.Row{{Label: "event_setting", Count: 1}},
		},
		"eligible": {
			step: store.Eligible,
			byType: []overview.Row{
				{Label: "track", Count: 3, Change: percent(-25)},
				{Label: "page", Count: 2, Change: percent(100)},
				{Label: "screen", Count: 0, Change: percent(-100)},
			},
			byName:    []overview.Row{{Label: "Order Completed", Count: 3}, {Label: "Unnamed", Count: 2}},
			byVersion: []overview.Row{{Label: "1.2.0", Count: 5}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := compute(t, sample(), window(t, "1h"), tt.step)
			require.Equal(t, []int{9, 3, 1, 5, 1}, []int{o.Received, o.Failed, o.Filtered, o.Eligible, o.Duplicates})
			require.Equal(t, tt.byType, o.ByType)
			require.Equal(t, tt.byName, o.ByName)
			require.Equal(t, tt.byVersion, o.ByVersion)
			require.Equal(t, tt.reasons, o.Reasons)
		})
	}
}

func TestParseStep(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]store.Step{
		"": store.Received, "received": store.Received, "failed": store.Failed, "filtered": store.Filtered, "eligible": store.Eligible,
	} {
		step, err := overview.ParseStep(name)
		require.NoError(t, err)
		require.Equal(t, want, step, name)
	}
	_, err := overview.ParseStep("Failed")
	require.EqualError(t, err, "step: must be one of received, failed, filtered, eligible")
}

// The chart's points lie on multiples of the bucket. The first and the last one
// hold what is in the window and no more.
func TestSeries(t *testing.T) {
	t.Parallel()
	l := &ledger{}
	for _, when := range []string{
		"2026-03-28T06:48:59Z", // before the window
		"2026-03-28T06:49:00Z", "2026-03-28T06:59:59Z",
		"2026-03-28T07:00:00Z", "2026-03-28T07:14:59Z", "2026-03-28T07:14:59Z",
		"2026-03-29T06:49:59Z",
		"2026-03-29T06:50:00Z", // after it
	} {
		l.calls = append(l.calls, call{at: at(t, when), step: store.Eligible})
	}
	o := compute(t, l, window(t, "24h"), store.Received)
	require.Len(t, o.Series, 97)
	require.Equal(t, overview.Point{At: at(t, "2026-03-28T06:49:00Z"), Received: 2, Eligible: 2}, o.Series[0])
	require.Equal(t, overview.Point{At: at(t, "2026-03-28T07:00:00Z"), Received: 3, Eligible: 3}, o.Series[1])
	require.Equal(t, overview.Point{At: at(t, "2026-03-28T07:15:00Z")}, o.Series[2])
	require.Equal(t, overview.Point{At: at(t, "2026-03-29T06:45:00Z"), Received: 1, Eligible: 1}, o.Series[96])
	require.Equal(t, 6, o.Received)
}

func TestLongBreakdown(t *testing.T) {
	t.Parallel()
	for _, extra := range []int{0, 1, 250} {
		l := &ledger{}
		for i := range overview.MaxRows + extra {
			c := call{at: now, step: store.Eligible, kind: "track", event: fmt.Sprintf("Event %04d", i)}
			l.calls = append(l.calls, c, c)
		}
		l.calls = append(l.calls, l.calls[len(l.calls)-1])
		o := compute(t, l, window(t, "10m"), store.Eligible)
		require.Equal(t, overview.Row{Label: fmt.Sprintf("Event %04d", overview.MaxRows+extra-1), Count: 3}, o.ByName[0])
		require.Equal(t, o.Eligible, sum(o.ByName))
		if extra == 0 {
			require.Len(t, o.ByName, overview.MaxRows)
			continue
		}
		require.Len(t, o.ByName, overview.MaxRows+1)
		require.Equal(t, overview.Row{Label: fmt.Sprintf("(%d more)", extra), Count: 2 * extra}, o.ByName[overview.MaxRows])
	}
}

// An event that is called Unnamed shares the row of those without a name.
func TestEventCalledUnnamed(t *testing.T) {
	t.Parallel()
	l := &ledger{calls: []call{
		{at: now, step: store.Eligible, kind: "track", event: "Unnamed"},
		{at: now, step: store.Eligible, kind: "page"},
	}}
	require.Equal(t, []overview.Row{{Label: "Unnamed", Count: 2}}, compute(t, l, window(t, "10m"), store.Received).ByName)
}

// Whatever was received, an overview adds up over every window and step.
func TestOverviewAddsUp(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 4))
		l := randomLedger(random)
		for _, w := range append(randomWindows(t, random), window(t, "10m"), window(t, "24h"), window(t, "2w")) {
			for step := store.Received; step <= store.Eligible; step++ {
				requireAddsUp(t, compute(t, l, w, step), step)
			}
		}
	}
}

func randomLedger(random *rand.Rand) *ledger {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	l := &ledger{}
	for range random.IntN(200) {
		ago := time.Duration(random.Int64N(int64(28 * 24 * time.Hour >> random.IntN(12))))
		l.calls = append(l.calls, call{
			now.Add(-ago), store.Failed + store.Step(random.IntN(3)),
			pick("track", "page", "identify", ""), pick("A", "B", "", "Unnamed"), pick("1", "2", ""), pick("ok", "x", "y"),
		})
	}
	return l
}

func randomWindows(t *testing.T, random *rand.Rand) []overview.Window {
	t.Helper()
	var windows []overview.Window
	for range 3 {
		length := time.Second + time.Duration(random.Int64N(int64(14*24*time.Hour>>random.IntN(14))))
		from := now.Add(-length)
		to := from.Add(time.Second + time.Duration(random.Int64N(int64(length))))
		w, err := overview.ParseWindow("custom", from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano), now)
		require.NoError(t, err)
		windows = append(windows, w)
	}
	return windows
}

func requireAddsUp(t *testing.T, o *overview.Overview, step store.Step) {
	t.Helper()
	require.Equal(t, o.Received, o.Failed+o.Filtered+o.Eligible)
	total := []int{o.Received, o.Failed, o.Filtered, o.Eligible}[step]
	require.Equal(t, total, sum(o.ByType))
	require.Equal(t, total, sum(o.ByName))
	require.Equal(t, total, sum(o.ByVersion))
	if step == store.Failed || step == store.Filtered {
		require.Equal(t, total, sum(o.Reasons))
	} else {
		require.Empty(t, o.Reasons)
	}
	var series overview.Point
	next := o.Window.From
	for _, p := range o.Series {
		require.Equal(t, next, p.At, "no bucket is missing")
		next = p.At.Truncate(o.Window.Bucket).Add(o.Window.Bucket)
		require.Equal(t, p.Received, p.Failed+p.Filtered+p.Eligible)
		series.Received += p.Received
		series.Failed += p.Failed
		series.Filtered += p.Filtered
		series.Eligible += p.Eligible
	}
	require.False(t, next.Before(o.Window.To))
	require.LessOrEqual(t, len(o.Series), 200)
	require.Equal(t, overview.Point{Received: o.Received, Failed: o.Failed, Filtered: o.Filtered, Eligible: o.Eligible}, series)
}

func sum(rows []overview.Row) int {
	total := 0
	for _, row := range rows {
		total += row.Count
	}
	return total
}

func TestComputeErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk I/O error")
	for read, want := range map[string]string{
		"volume":     "overview: volume: disk I/O error",
		"duplicates": "overview: duplicates: disk I/O error",
		"type":       "overview: breakdown by type: disk I/O error",
		"event":      "overview: breakdown by name: disk I/O error",
		"version":    "overview: breakdown by version: disk I/O error",
		"verdict":    "overview: breakdown by verdict: disk I/O error",
	} {
		_, err := overview.Compute(t.Context(), &ledger{fail: map[string]error{read: broken}}, source, window(t, "1h"), store.Failed)
		require.ErrorIs(t, err, broken)
		require.EqualError(t, err, want)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := overview.Compute(ended, sample(), source, window(t, "1h"), store.Received)
	require.ErrorIs(t, err, context.Canceled)
}

func TestJSON(t *testing.T) {
	t.Parallel()
	w, err := overview.ParseWindow("custom", "2026-03-29T08:49:00+02:00", "2026-03-29T06:50:00Z", now)
	require.NoError(t, err)
	l := &ledger{calls: []call{
		{now, store.Failed, "track", "", "1.2.0", "event_not_defined"},
		{now.Add(-time.Minute), store.Failed, "page", "", "", "name_not_string"},
	}, duplicates: []time.Time{now}}
	text, err := json.Marshal(compute(t, l, w, store.Failed))
	require.NoError(t, err)
	require.Equal(t, `{"window":"custom","from":"2026-03-29T06:49:00Z","to":"2026-03-29T06:50:00Z",`+
		`"received":1,"failed":1,"filtered":0,"eligible":0,"duplicates":1,`+
		`"byType":[{"type":"track","count":1,"change":null},{"type":"page","count":0,"change":-100}],`+
		`"byName":[{"name":"Unnamed","count":1}],"byVersion":[{"version":"1.2.0","count":1}],`+
		`"reasons":[{"verdict":"event_not_defined","count":1}],`+
		`"series":[{"at":"2026-03-29T06:49:00Z","received":1,"failed":1,"filtered":0,"eligible":0}]}`, string(text))
}

// A list without rows is an empty one, by value as well as by pointer.
func TestEmptyJSON(t *testing.T) {
	t.Parallel()
	const want = `{"window":"","from":"0001-01-01T00:00:00Z","to":"0001-01-01T00:00:00Z",` +
		`"received":0,"failed":0,"filtered":0,"eligible":0,"duplicates":0,` +
		`"byType":[],"byName":[],"byVersion":[],"reasons":[],"series":[]}`
	for _, o := range []any{overview.Overview{}, &overview.Overview{}} {
		text, err := json.Marshal(o)
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
}
