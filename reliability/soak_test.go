// The soak: millions of calls through sockets to a healthy API, from a process whose memory is watched.

package reliability_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"runtime/metrics"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// soaked is what the child process tells on its standard output.
type soaked struct {
	Stats   analytics.Stats
	Samples []soakSample
}

type soakSample struct {
	Accepted uint64
	Resident int64
}

// soakTheClient is the child: 64 goroutines make the calls while another one
// looks at the size of the process.
func soakTheClient() {
	const producers = 64
	calls, err := strconv.Atoi(os.Getenv("CALLS"))
	if err != nil {
		panic(err)
	}
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: os.Getenv("ENDPOINT"), WhenFull: analytics.Block})
	if err != nil {
		panic(err)
	}
	var samples []soakSample
	ctx, cancel := context.WithCancel(context.Background())
	var watch, wait sync.WaitGroup
	watch.Go(func() {
		for ctx.Err() == nil {
			samples = append(samples, soakSample{client.Stats().Accepted, resident()})
			time.Sleep(5 * time.Millisecond)
		}
	})
	for p := range producers {
		wait.Go(func() {
			for n := p; n < calls; n += producers {
				if err := client.Track(context.Background(), traced(n, 0)); err != nil {
					panic(err)
				}
			}
		})
	}
	wait.Wait()
	cancel()
	watch.Wait()
	if err := client.Close(); err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(soaked{client.Stats(), samples}); err != nil {
		panic(err)
	}
}

// resident is the resident size of this process, or where the system does not
// tell in /proc what the Go runtime has of it.
func resident() int64 {
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := bytes.Fields(text); len(fields) > 1 {
			if pages, err := strconv.ParseInt(string(fields[1]), 10, 64); err == nil {
				return pages * int64(os.Getpagesize())
			}
		}
	}
	have := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(have)
	return int64(have[0].Value.Uint64() - have[1].Value.Uint64())
}

func TestSoak(t *testing.T) {
	calls := size(100_000, 10_000_000)
	o := newOracle(calls)
	api := httptest.NewServer(o)
	defer api.Close()
	cmd := child(t, "soak", "ENDPOINT="+api.URL, "CALLS="+strconv.Itoa(calls))
	out, err := cmd.Output()
	require.NoError(t, err)
	var s soaked
	require.NoError(t, json.Unmarshal(out, &s))
	require.Zero(t, o.unheard(t))
	require.Zero(t, o.copies)
	require.Equal(t, uint64(calls), s.Stats.Accepted)
	require.Equal(t, uint64(calls), s.Stats.Delivered)
	require.Zero(t, s.Stats.Retries)
	sizes := settledSizes(s.Samples, calls)
	require.GreaterOrEqual(t, len(sizes), 4, "the client was watched")
	least, most := slices.Min(sizes), slices.Max(sizes)
	middle := (least + most) / 2
	off := float64(most-middle) / float64(middle)
	t.Logf("median sizes in each tenth after the second: %v", sizes)
	if long() {
		require.LessOrEqual(t, off, 0.05)
	} else {
		require.LessOrEqual(t, off, 0.25, "the short form ends while the heap still settles")
	}
	proved(t, "T01", "%d calls in %d requests, 0 lost, 0 duplicates, %.1f MiB ±%.1f %%",
		calls, s.Stats.Requests, float64(middle)/(1<<20), 100*off)
}

// settledSizes are the median resident sizes in each tenth of the calls but the
// first two, which warm up.
func settledSizes(samples []soakSample, calls int) (medians []int64) {
	sizes := make([][]int64, 10)
	for _, s := range samples {
		i := min(int(s.Accepted*10/uint64(calls)), 9)
		sizes[i] = append(sizes[i], s.Resident)
	}
	for _, list := range sizes[2:] {
		if len(list) > 0 {
			slices.Sort(list)
			medians = append(medians, list[len(list)/2])
		}
	}
	return medians
}
