// Load: how many events a second are stored while somebody looks at the pages, and how fast pages are over millions of calls.

package collector_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/collector"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// The demands on two cores that do nothing else. Only the long forms make them.
const (
	leastEvents = 30_000                 // a second
	slowestPage = 100 * time.Millisecond // of 95 in 100
	slowestRead = 50 * time.Millisecond  // the median, with ten million calls stored
)

// TestLoad sends requests that a client has made beforehand, so that what is
// measured is the collector.
func TestLoad(t *testing.T) {
	bodies := record(t, amount(40_000, 4_000_000))
	dir := t.TempDir()
	p := start(t, options{Data: dir})
	pages := watchPages(p)
	began := time.Now()
	var next atomic.Int64
	var sending sync.WaitGroup
	for range 8 {
		sending.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(bodies)); i = next.Add(1) - 1 {
				check(t, post(p, bodies[i]))
			}
		})
	}
	sending.Wait()
	requireLoad(t, p, dir, len(bodies)*batchSize, time.Since(began), pages())
}

// TestLoadOfClient has a client make, deliver and account for the calls, on the
// same cores.
func TestLoadOfClient(t *testing.T) {
	events := amount(40_000, 2_000_000)
	dir := t.TempDir()
	p := start(t, options{Data: dir})
	var delivered atomic.Int64
	client, err := analytics.New(collector.DefaultWriteKey, &analytics.Config{
		Endpoint: p.url(), WhenFull: analytics.Block,
		OnReceipt: func(r analytics.Receipt) {
			if r.Err == nil {
				delivered.Add(1)
			}
		},
	})
	require.NoError(t, err)
	pages := watchPages(p)
	began := time.Now()
	produce(t, client, events)
	require.NoError(t, client.Close())
	took := time.Since(began)
	require.Equal(t, int64(events), delivered.Load())
	requireLoad(t, p, dir, events, took, pages())
}

const batchSize = 250

// watchPages looks at the Overview twice a second, as a page and by the JSON API.
func watchPages(p *child) func() map[string][]time.Duration {
	return p.watch(500*time.Millisecond, "/sources/default", "/api/sources/WRITE_KEY/overview")
}

// requireLoad checks that all are counted and stored once, and tells what it took.
func requireLoad(t *testing.T, p *child, dir string, events int, took time.Duration, pages map[string][]time.Duration) {
	t.Helper()
	o := p.overview(collector.DefaultWriteKey)
	require.Equal(t, events, o.Received)
	require.Equal(t, events, o.Eligible)
	require.Zero(t, o.Duplicates)
	peak := p.state().Peak
	p.stop()
	count, size := 0, 0
	stored(t, dir, collector.DefaultWriteKey, func(c store.Stored) {
		count++
		size += len(c.Raw)
	})
	require.Equal(t, events, count)
	used := p.command.ProcessState
	rate := float64(events) / took.Seconds()
	t.Logf("%d events of %d bytes in %.1f s: %.0f events/s, %.1f µs of CPU an event, %d MiB at most",
		events, size/count, took.Seconds(), rate, float64((used.UserTime()+used.SystemTime()).Nanoseconds())/1e3/float64(events), peak>>20)
	for path, list := range pages {
		t.Logf("%-35s %s", path, spread(list))
		if long() {
			require.Less(t, list[len(list)*95/100], slowestPage, path)
		}
	}
	if long() && t.Name() == "TestLoad" {
		require.GreaterOrEqual(t, rate, float64(leastEvents))
	}
}

// produce makes events of some 750 bytes from four goroutines.
func produce(t *testing.T, client *analytics.Client, events int) {
	var producing sync.WaitGroup
	for worker := range 4 {
		producing.Go(func() {
			for i := worker; i < events; i += 4 {
				check(t, client.Track(t.Context(), purchase(i)))
			}
		})
	}
	producing.Wait()
}

// purchase is an event like that of a shop's backend.
func purchase(i int) analytics.Track {
	return analytics.Track{
		UserID: fmt.Sprintf("user_%06d", i%100_000), Event: []string{"Order Completed", "Product Viewed", "Product Added", "Cart Viewed", "Checkout Started"}[i%5],
		Properties: analytics.Properties{
			"order_id": fmt.Sprintf("order-%08d", i), "currency": "EUR", "coupon": "SUMMER", "quantity": i % 7,
			"category": "Games", "path": "/checkout/payment", "experiment": "blue-button",
		}.SetRevenue(float64(i%10_000) / 100),
		Context: &analytics.Context{
			IP: "203.0.113.7", Locale: "en-GB", Timezone: "Europe/London",
			UserAgent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
			App:       analytics.App{Name: "shop", Version: fmt.Sprintf("3.%d.0", i%4)},
			Page:      analytics.PageInfo{URL: "https://shop.example.com/checkout/payment", Path: "/checkout/payment", Title: "Payment"},
		},
	}
}

// record returns the bodies, compressed, that a client sends for so many events.
func record(t *testing.T, events int) (bodies [][]byte) {
	t.Helper()
	var mu sync.Mutex
	client, err := analytics.New(collector.DefaultWriteKey, &analytics.Config{
		WhenFull: analytics.Block, FlushInterval: time.Minute,
		HTTPClient: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			bodies = append(bodies, body)
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, err
		})},
	})
	require.NoError(t, err)
	produce(t, client, events)
	require.NoError(t, client.Close())
	require.Len(t, bodies, events/batchSize, "all batches are full")
	return bodies
}

// transport is a function as an http.RoundTripper.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// post sends a recorded body.
func post(p *child, body []byte) error {
	r, err := http.NewRequest(http.MethodPost, p.url()+"/v1/batch", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.SetBasicAuth(collector.DefaultWriteKey, "")
	r.Header.Set("Content-Encoding", "gzip")
	r.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err = io.Copy(io.Discard, resp.Body); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("a batch was answered %d", resp.StatusCode)
	}
	return err
}

// TestMillions stores millions of calls, received over the last two weeks, and
// looks at them from everywhere.
func TestMillions(t *testing.T) {
	dir, calls := t.TempDir(), amount(50_000, 10_000_000)
	fill(t, dir, calls)
	began := time.Now()
	p := start(t, options{Data: dir, MaxAge: 30 * 24 * time.Hour})
	defer p.stop()
	opened := time.Since(began)
	var paths []string
	now := time.Now().UTC()
	for _, window := range []string{"10m", "1h", "24h", "7d", "2w", "custom&from=" + now.Add(-13*24*time.Hour-7*time.Minute).Format(time.RFC3339) +
		"&to=" + now.Add(-43*time.Minute).Format(time.RFC3339)} {
		for _, step := range []string{"", "failed", "filtered", "eligible"} {
			paths = append(paths, "/api/sources/shop/overview?step="+step+"&window="+window)
		}
		paths = append(paths, "/sources/shop?window="+window)
	}
	paths = append(paths, "/", "/sources/shop?tab=name&step=failed", "/sources/shop/debugger", "/sources/shop/debugger?verdict=event_not_defined",
		"/sources/shop/debugger?type=page", "/sources/shop/debugger?q=Nowhere", "/api/sources/shop/calls?limit=100", "/api/sources/shop/calls?verdict=event_not_defined")
	t.Logf("%d calls stored, opened in %.1f ms", calls, ms(opened))
	measure(t, p, slowestRead, paths...)
	measure(t, p, slowestPage, "/sources/shop/debugger?type=alias") // hardly any: it looks through 100 000
	body, _ := p.get("/api/sources/shop/overview?window=2w")
	var o overviewJSON
	require.NoError(t, json.Unmarshal(body, &o))
	require.Equal(t, calls, o.Received)
	require.Positive(t, o.Failed)
	require.Positive(t, o.Filtered)
	require.Equal(t, o.Received, o.Failed+o.Filtered+o.Eligible)
}

// measure fetches each path seven times and demands a median below most.
func measure(t *testing.T, p *child, most time.Duration, paths ...string) {
	t.Helper()
	var table strings.Builder
	var slow []string
	for _, path := range paths {
		times := make([]time.Duration, 7)
		for i := range times {
			_, times[i] = p.get(path)
		}
		first := times[0]
		slices.Sort(times)
		fmt.Fprintf(&table, "\n%7.1f ms, at first %7.1f  %s", ms(median(times)), ms(first), path)
		if median(times) >= most {
			slow = append(slow, path)
		}
	}
	t.Log("medians of 7:", &table)
	if long() {
		require.Empty(t, slow, "medians of %v and more", most)
	}
}

// fill makes a database with calls spread evenly over the last two weeks: of six
// types, with 500 events and 30 versions of which some are common, a few failed
// or filtered.
func fill(t *testing.T, dir string, calls int) {
	t.Helper()
	var clock atomic.Int64
	began := time.Now().Add(-14*24*time.Hour + time.Hour) // some of which storing takes
	clock.Store(began.UnixNano())
	s, err := store.Open(t.Context(), store.Options{
		Dir: dir, MaxAge: 30 * 24 * time.Hour, MaxBytes: 1 << 40, Now: func() time.Time { return time.Unix(0, clock.Load()) },
	})
	require.NoError(t, err)
	src := []store.Source{{Slug: "shop", Name: "Shop", Type: "server", WriteKey: "shopKey", CreatedAt: began}}
	require.NoError(t, s.SaveSource(t.Context(), &src[0]))
	step := time.Since(began) / time.Duration(calls/batchSize)
	var adding sync.WaitGroup
	var next atomic.Int64
	for range 4 {
		adding.Go(func() {
			for i := int(next.Add(1) - 1); i < calls/batchSize; i = int(next.Add(1) - 1) {
				at := began.Add(time.Duration(i) * step)
				clock.Store(at.UnixNano())
				check(t, s.Add(context.WithoutCancel(t.Context()), bulk(src[0].ID, i, at)))
			}
		})
	}
	adding.Wait()
	require.NoError(t, s.Close(context.Background()))
}

// bulk is the i-th request of a full database.
func bulk(source int64, i int, at time.Time) *store.Request {
	random := rand.New(rand.NewPCG(5, uint64(i)))
	common := func(n int) int { return int(float64(n) * random.Float64() * random.Float64() * random.Float64()) } // 0 most
	r := &store.Request{Source: source, ReceivedAt: at, Calls: make([]store.Call, batchSize)}
	for j := range r.Calls {
		c := &r.Calls[j]
		*c = store.Call{
			Type: []string{"track", "page", "identify", "screen", "group", "alias"}[common(6)], MessageID: fmt.Sprintf("%08x-%04x", i, j),
			Version: fmt.Sprintf("1.%d.0", common(30)), Step: store.Eligible, Verdict: store.OK,
		}
		if c.Type == "track" {
			c.Event = fmt.Sprint("Event ", common(500))
		}
		switch random.IntN(100) {
		case 0:
			c.Step, c.Verdict, c.Reason = store.Failed, []string{"event_not_defined", "no_user_anon_id", "id_not_string"}[random.IntN(3)], "for a test"
		case 1:
			c.Step, c.Verdict, c.Reason = store.Filtered, "event_setting", "for a test"
		}
		c.Raw = fmt.Appendf(nil, `{"type":%q,"messageId":%q,"userId":"user_%d","event":%q,"properties":{"revenue":%d.95,"currency":"EUR"},"context":{"app":{"version":%q}}}`,
			c.Type, c.MessageID, random.IntN(1e6), c.Event, random.IntN(100), c.Version)
	}
	return r
}
