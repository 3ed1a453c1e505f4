// Rounds: every variant delivers every event exactly once, in processes of its own.

package main

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// small is a plan that CI has time for.
func small(variants []variant) plan {
	return plan{variants: variants, rounds: 1, events: 2000, peerEvents: 2000, seed: 1, progress: io.Discard}
}

func TestEveryVariantDeliversExactlyOnce(t *testing.T) {
	p := small(everything())
	all, err := p.run(t.Context())
	require.NoError(t, err)
	require.Len(t, all, len(p.variants))
	for _, v := range p.variants {
		s := all[v.String()]
		require.Len(t, s, 1, v)
		require.Empty(t, s[0].fault, v)
		require.Positive(t, s[0].CPU, v)
		require.Positive(t, s[0].Mallocs, v)
		if v.driver == "" {
			require.Nil(t, s[0].tally, v)
			continue
		}
		require.Equal(t, 2000, s[0].tally.Messages, v)
		require.GreaterOrEqual(t, s[0].tally.Requests, 2000/batchSize, v)
		require.Positive(t, s[0].tally.Connections, v)
		require.Greater(t, s[0].tally.PlainBytes, int64(2000*700), v)
		if strings.Contains(v.name, "gzip") {
			require.Less(t, s[0].tally.WireBytes, s[0].tally.PlainBytes/2, v)
		} else {
			require.Greater(t, s[0].tally.WireBytes, s[0].tally.PlainBytes, v)
		}
	}
}

func TestReportIsWhole(t *testing.T) {
	var out strings.Builder
	args := []string{"-rounds", "2", "-events", "1000", "-variants", mapGzip}
	require.NoError(t, benchmark(t.Context(), args, &out, io.Discard))
	for _, want := range []string{"# Results", "## Goals", "| " + floorGzip + " | 1 |", "| " + mapGzip + " | 8 |", "## Duration of a call", "| " + mapGzip + " ×8 |"} {
		require.Contains(t, out.String(), want)
	}
	require.NotContains(t, out.String(), "NaN")
	require.NotContains(t, out.String(), "posthog")
}

func TestRefuses(t *testing.T) {
	for _, args := range [][]string{{"-rounds", "0"}, {"-events", "0"}, {"word"}, {"-no-such-flag"}, {"-variants", "no such variant"}} {
		require.Error(t, benchmark(t.Context(), args, io.Discard, io.Discard), args)
	}
	_, err := measureApart(t.Context(), pins{}, spec{Variant: "nobody", Goroutines: 1, Events: 1})
	require.ErrorContains(t, err, `no variant is called "nobody"`)
	_, err = measureApart(t.Context(), pins{}, spec{Variant: floorPlain, Goroutines: 1, Events: 1, Endpoint: "http://127.0.0.1:1"})
	require.ErrorContains(t, err, "refused")
}
