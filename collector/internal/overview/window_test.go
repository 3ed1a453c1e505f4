// Windows as pages and programs ask for them.

package overview_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/overview"
)

// now is the moment of every test, in a zone whose minutes are not UTC's.
var now = time.Date(2026, 3, 29, 12, 34, 56, 789, time.FixedZone("", 5*3600+45*60)) // 06:49:56Z

func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return parsed.UTC()
}

func TestParseWindow(t *testing.T) {
	t.Parallel()
	const end = "2026-03-29T06:50:00Z"
	for name, tt := range map[string]struct {
		name, from, to string // as asked for
		want           string
		wantFrom       string
		wantTo         string
		bucket         time.Duration
	}{
		"10 minutes":          {name: "10m", want: "10m", wantFrom: "2026-03-29T06:39:00Z", wantTo: end, bucket: time.Minute},
		"1 hour":              {name: "1h", want: "1h", wantFrom: "2026-03-29T05:49:00Z", wantTo: end, bucket: time.Minute},
		"24 hours":            {name: "24h", want: "24h", wantFrom: "2026-03-28T06:49:00Z", wantTo: end, bucket: 15 * time.Minute},
		"the default":         {name: "", want: "24h", wantFrom: "2026-03-28T06:49:00Z", wantTo: end, bucket: 15 * time.Minute},
		"7 days":              {name: "7d", want: "7d", wantFrom: "2026-03-22T06:49:00Z", wantTo: end, bucket: time.Hour},
		"2 weeks":             {name: "2w", want: "2w", wantFrom: "2026-03-15T06:49:00Z", wantTo: end, bucket: 2 * time.Hour},
		"14 days":             {name: "14d", want: "2w", wantFrom: "2026-03-15T06:49:00Z", wantTo: end, bucket: 2 * time.Hour},
		"a name beats times":  {name: "1h", from: "nonsense", to: "2026-03-29T06:00:00Z", want: "1h", wantFrom: "2026-03-29T05:49:00Z", wantTo: end, bucket: time.Minute},
		"custom":              {name: "custom", from: "2026-03-28T00:00:00Z", to: "2026-03-28T03:20:00Z", want: "custom", wantFrom: "2026-03-28T00:00:00Z", wantTo: "2026-03-28T03:20:00Z", bucket: time.Minute},
		"without a name":      {from: "2026-03-28T00:00:00Z", to: "2026-03-28T00:01:00Z", want: "custom", wantFrom: "2026-03-28T00:00:00Z", wantTo: "2026-03-28T00:01:00Z", bucket: time.Minute},
		"201 minutes":         {name: "custom", from: "2026-03-28T00:00:00Z", to: "2026-03-28T03:20:00.001Z", want: "custom", wantFrom: "2026-03-28T00:00:00Z", wantTo: "2026-03-28T03:21:00Z", bucket: 5 * time.Minute},
		"200 times 5 minutes": {name: "custom", from: "2026-03-28T00:00:00Z", to: "2026-03-28T16:40:00Z", want: "custom", wantFrom: "2026-03-28T00:00:00Z", wantTo: "2026-03-28T16:40:00Z", bucket: 5 * time.Minute},
		"one of them cut":     {name: "custom", from: "2026-03-28T00:01:00Z", to: "2026-03-28T16:41:00Z", want: "custom", wantFrom: "2026-03-28T00:01:00Z", wantTo: "2026-03-28T16:41:00Z", bucket: 15 * time.Minute},
		"a week":              {name: "custom", from: "2026-03-20T00:00:00Z", to: "2026-03-27T00:00:00Z", want: "custom", wantFrom: "2026-03-20T00:00:00Z", wantTo: "2026-03-27T00:00:00Z", bucket: time.Hour},
		"as long as can be":   {name: "custom", from: "2026-03-15T06:49:00Z", to: "2026-03-29T06:49:01Z", want: "custom", wantFrom: "2026-03-15T06:49:00Z", wantTo: end, bucket: 2 * time.Hour},
		"an end to come":      {name: "custom", from: "2026-03-29T06:00:00Z", to: "9999-12-31T23:59:59Z", want: "custom", wantFrom: "2026-03-29T06:00:00Z", wantTo: end, bucket: time.Minute},
		"this very moment":    {name: "custom", from: "2026-03-29T06:49:55Z", to: "2026-03-29T06:49:56Z", want: "custom", wantFrom: "2026-03-29T06:49:00Z", wantTo: end, bucket: time.Minute},
		"an offset":           {name: "custom", from: "2026-03-28T01:00:30.5+02:00", to: "2026-03-27T23:30:00-00:30", want: "custom", wantFrom: "2026-03-27T23:00:00Z", wantTo: "2026-03-28T00:00:00Z", bucket: time.Minute},
		"a plus gone":         {name: "custom", from: "2026-03-28T01:00:00 02:00", to: "2026-03-28T02:00:00 02:00", want: "custom", wantFrom: "2026-03-27T23:00:00Z", wantTo: "2026-03-28T00:00:00Z", bucket: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, err := overview.ParseWindow(tt.name, tt.from, tt.to, now)
			require.NoError(t, err)
			require.Equal(t, overview.Window{Name: tt.want, From: at(t, tt.wantFrom), To: at(t, tt.wantTo), Bucket: tt.bucket}, w)
		})
	}
}

func TestParseWindowErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		name, from, to string
		want           string
	}{
		"an unknown name":  {name: "1y", want: "window: must be one of 10m, 1h, 24h, 7d, 2w or custom"},
		"another case":     {name: "24H", want: "window: must be one of 10m, 1h, 24h, 7d, 2w or custom"},
		"no times":         {name: "custom", want: "from: is missing: a custom window needs from and to"},
		"no from":          {to: "2026-03-29T00:00:00Z", want: "from: is missing: a custom window needs from and to"},
		"no to":            {from: "2026-03-29T00:00:00Z", want: "to: is missing: a custom window needs from and to"},
		"from is no time":  {from: "yesterday", to: "2026-03-29T00:00:00Z", want: "from: must be a time in RFC 3339, such as 2026-01-31T15:04:05Z"},
		"to has no zone":   {from: "2026-03-28T00:00:00Z", to: "2026-03-29T00:00", want: "to: must be a time in RFC 3339, such as 2026-01-31T15:04:05Z"},
		"equal":            {from: "2026-03-28T00:00:00Z", to: "2026-03-28T00:00:00Z", want: "from: must be before to"},
		"the wrong way":    {from: "2026-03-28T00:00:01Z", to: "2026-03-28T00:00:00Z", want: "from: must be before to"},
		"all in future":    {from: "2026-03-29T06:49:57Z", to: "2026-03-30T00:00:00Z", want: "from: must not lie in the future"},
		"a minute too old": {from: "2026-03-15T06:48:59Z", to: "2026-03-29T00:00:00Z", want: "from: must lie within the last two weeks"},
		"year 0":           {from: "0000-01-01T00:00:00Z", to: "2026-03-29T00:00:00Z", want: "from: must lie within the last two weeks"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := overview.ParseWindow(tt.name, tt.from, tt.to, now)
			require.EqualError(t, err, tt.want)
			var refused *overview.Error
			require.ErrorAs(t, err, &refused)
		})
	}
}

// Every window a name stands for holds a call received at this moment, also
// when the moment is the first of a minute.
func TestWindowHoldsNow(t *testing.T) {
	t.Parallel()
	for _, now := range []time.Time{now, now.Truncate(time.Minute), now.Truncate(24 * time.Hour)} {
		for _, name := range overview.Windows {
			w, err := overview.ParseWindow(name, "", "", now)
			require.NoError(t, err)
			require.Equal(t, name, w.Name)
			require.False(t, now.Before(w.From), name)
			require.True(t, now.Before(w.To), name)
		}
	}
}

// FuzzParseWindow: whatever is asked for, a window is a sound one or the error
// names a field.
func FuzzParseWindow(f *testing.F) {
	f.Add("", "2026-03-28T00:00:00Z", "2026-03-29T00:00:00+02:00")
	f.Add("2w", "", "")
	f.Add("custom", "2026-03-15T06:49:00Z", "9999-12-31T23:59:60Z")
	f.Fuzz(func(t *testing.T, name, from, to string) {
		w, err := overview.ParseWindow(name, from, to, now)
		if err != nil {
			var refused *overview.Error
			require.True(t, errors.As(err, &refused))
			require.Contains(t, []string{"window", "from", "to"}, refused.Field)
			return
		}
		require.True(t, w.From.Before(w.To))
		require.Equal(t, w.From, w.From.Truncate(time.Minute))
		require.Equal(t, w.To, w.To.Truncate(time.Minute))
		require.LessOrEqual(t, w.To.Sub(now), time.Minute)
		require.LessOrEqual(t, now.Sub(w.From), 14*24*time.Hour+time.Minute)
		require.Zero(t, w.Bucket%time.Minute)
		require.LessOrEqual(t, w.To.Sub(w.From), 200*w.Bucket)
	})
}
