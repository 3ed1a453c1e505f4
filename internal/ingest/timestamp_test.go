// The skew rule, against the documentation's own numbers.

package ingest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/internal/ingest"
)

func TestTimestamp(t *testing.T) {
	t.Parallel()
	at := func(clock string) time.Time {
		if clock == "" {
			return time.Time{}
		}
		return ingest.ParseTime("2015-02-23T" + clock + "Z")
	}
	for name, tt := range map[string]struct{ original, sentAt, receivedAt, want string }{
		"documented (connections/spec/track)": {"19:11:01.152", "19:11:01.169", "19:11:01.266", "19:11:01.249"},
		"client ahead by an hour":             {"20:00:00", "20:00:10", "19:00:10", "19:00:00"},
		"client behind by an hour":            {"18:00:00", "18:00:10", "19:00:10", "19:00:00"},
		"sent at once":                        {"19:00:00", "19:00:00", "19:00:00.050", "19:00:00.050"},
		"not sent":                            {"11:00:00", "", "19:00:00", "11:00:00"},
		"not stamped":                         {"", "18:00:00", "19:00:00", "19:00:00"},
		"neither":                             {"", "", "19:00:00", "19:00:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, at(tt.want), ingest.Timestamp(at(tt.original), at(tt.sentAt), at(tt.receivedAt)))
		})
	}
}

func TestTimestampOfHistory(t *testing.T) {
	t.Parallel()
	original := time.Date(1066, 10, 14, 9, 0, 0, 0, time.UTC)
	require.Equal(t, original.Add(time.Second), ingest.Timestamp(original, received, received.Add(time.Second)),
		"an age beyond what a Duration holds")
	late := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	require.Equal(t, received, ingest.Timestamp(late, received.Add(-time.Hour), received), "no JSON date holds the year 10000")
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	want := time.Date(2015, 2, 2, 0, 30, 8, 276e6, time.UTC)
	for _, s := range []string{
		"2015-02-02T00:30:08.276Z",
		"2015-2-02T00:30:08.276Z", // the documentation's batch example
		"2015-02-02T00:30:08.276",
		"2015-02-02T01:30:08.276+01:00",
		"2015-02-01T19:00:08.276-0530",
		"2015-02-02T00:30:08.276000000Z",
	} {
		require.Equal(t, want, ingest.ParseTime(s), s)
	}
	require.Equal(t, time.Date(2015, 2, 2, 0, 0, 0, 0, time.UTC), ingest.ParseTime("2015-02-02"))
	for _, s := range []string{"", "yesterday", "1422837008", "2015-02-30T00:00:00Z", "2015-02-02T25:00:00Z", "0000-01-01T00:00:00+01:00", "0001-01-01T00:00:00Z"} {
		require.Zero(t, ingest.ParseTime(s), s)
	}
}
