// A client of v3's API, against a Tracking API in memory.

package analytics_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	headwater "github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
	analytics "github.com/headwater-dev/analytics/segmentv3"
)

// told is a Callback that remembers.
type told struct {
	mu      sync.Mutex
	success []analytics.Message
	failure []analytics.Message
	errs    []error
	then    func(analytics.Message, error)
}

func (c *told) Success(m analytics.Message) {
	c.mu.Lock()
	c.success = append(c.success, m)
	c.mu.Unlock()
	if c.then != nil {
		c.then(m, nil)
	}
}

func (c *told) Failure(m analytics.Message, err error) {
	c.mu.Lock()
	c.failure, c.errs = append(c.failure, m), append(c.errs, err)
	c.mu.Unlock()
	if c.then != nil {
		c.then(m, err)
	}
}

// lines is a Logger that remembers.
type lines struct {
	mu         sync.Mutex
	logs, errs bytes.Buffer
}

func (l *lines) Logf(format string, args ...any)   { l.write(&l.logs, format, args) }
func (l *lines) Errorf(format string, args ...any) { l.write(&l.errs, format, args) }

func (l *lines) write(to io.Writer, format string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	log.New(to, "", 0).Printf(format, args...)
}

// inBubble runs f with a server and a client on it, in synthetic time.
func inBubble(t *testing.T, config analytics.Config, f func(*testing.T, *analyticstest.Server, analytics.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := analyticstest.NewServer()
		defer srv.Close()
		config.Transport = srv.Client().Transport
		client, err := analytics.NewWithConfig("KEY", config)
		require.NoError(t, err)
		f(t, srv, client)
		if err := client.Close(); err != nil {
			require.ErrorIs(t, err, analytics.ErrClosed)
		}
	})
}

func track(id string) analytics.Track {
	return analytics.Track{UserId: "u-1", Event: "Signed Up", MessageId: id}
}

func TestEnqueue(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	context := &analytics.Context{
		App:      analytics.AppInfo{Name: "shop", Version: "1", Build: "2", Namespace: "com.example"},
		Campaign: analytics.CampaignInfo{Name: "n", Source: "s", Medium: "m", Term: "t", Content: "c"},
		Device:   analytics.DeviceInfo{Id: "d", Manufacturer: "m", Model: "o", Name: "n", Type: "ios", Version: "v", AdvertisingID: "a"},
		Library:  analytics.LibraryInfo{Name: "mine"},
		Location: analytics.LocationInfo{City: "Brno", Country: "CZ", Region: "JM", Latitude: 49.2, Longitude: 16.6, Speed: 1.5},
		Network:  analytics.NetworkInfo{Bluetooth: true, WIFI: true, Carrier: "c"},
		OS:       analytics.OSInfo{Name: "Linux", Version: "6"},
		Page:     analytics.PageInfo{Hash: "#h", Path: "/p", Referrer: "r", Search: "?s", Title: "t", URL: "u"},
		Referrer: analytics.ReferrerInfo{Type: "t", Name: "n", URL: "u", Link: "l"},
		Screen:   analytics.ScreenInfo{Density: 2, Width: 320, Height: 640},
		IP:       net.IPv4(203, 0, 113, 7), Direct: true, Locale: "cs-CZ", GroupID: "g", Timezone: "Europe/Prague", UserAgent: "curl",
		Traits: analytics.Traits{"plan": "pro"}, Extra: map[string]any{"x": 1, "ip": "lost", "device": map[string]any{"id": "lost", "token": "kept"}},
	}
	const onWire = `{"app":{"name":"shop","version":"1","build":"2","namespace":"com.example"},
		"campaign":{"name":"n","source":"s","medium":"m","term":"t","content":"c"},
		"device":{"id":"d","manufacturer":"m","model":"o","name":"n","type":"ios","version":"v","advertisingId":"a","token":"kept"},
		"location":{"city":"Brno","country":"CZ","region":"JM","latitude":49.2,"longitude":16.6,"speed":1.5},
		"network":{"bluetooth":true,"wifi":true,"carrier":"c"},"os":{"name":"Linux","version":"6"},
		"page":{"hash":"#h","path":"/p","referrer":"r","search":"?s","title":"t","url":"u"},
		"referrer":{"type":"t","name":"n","url":"u","link":"l"},"screen":{"density":2,"width":320,"height":640},
		"ip":"203.0.113.7","direct":true,"locale":"cs-CZ","groupId":"g","timezone":"Europe/Prague","userAgent":"curl","traits":{"plan":"pro"},"x":1}`
	tests := []struct {
		message analytics.Message
		want    string // less context.library
	}{
		{analytics.Track{UserId: "u", AnonymousId: "a", Event: "e", MessageId: "m", Timestamp: at, Properties: analytics.NewProperties().SetRevenue(1.5)},
			`{"type":"track","messageId":"m","timestamp":"2026-11-24T08:00:00Z","userId":"u","anonymousId":"a","event":"e","properties":{"revenue":1.5},"context":{}}`},
		{&analytics.Track{UserId: "u", Event: "e", MessageId: "m", Timestamp: at},
			`{"type":"track","messageId":"m","timestamp":"2026-11-24T08:00:00Z","userId":"u","event":"e","context":{}}`},
		{analytics.Identify{UserId: "u", MessageId: "m", Timestamp: at, Traits: analytics.NewTraits().SetAge(42)},
			`{"type":"identify","messageId":"m","timestamp":"2026-11-24T08:00:00Z","userId":"u","traits":{"age":42},"context":{}}`},
		{&analytics.Page{AnonymousId: "a", Name: "Home", MessageId: "m", Timestamp: at, Properties: analytics.Properties{"a": 1}, Integrations: analytics.NewIntegrations().DisableAll().Enable("Mixpanel").Set("Braze", "yes")},
			`{"type":"page","messageId":"m","timestamp":"2026-11-24T08:00:00Z","anonymousId":"a","name":"Home","properties":{"a":1},"integrations":{"All":false,"Braze":true,"Mixpanel":true},"context":{}}`},
		{analytics.Screen{AnonymousId: "a", Name: "Main", MessageId: "m", Timestamp: at, Properties: analytics.Properties{"products": []analytics.Product{{SKU: "s"}}}, Integrations: analytics.Integrations{"all": true, "All": false}},
			`{"type":"screen","messageId":"m","timestamp":"2026-11-24T08:00:00Z","anonymousId":"a","name":"Main","properties":{"products":[{"sku":"s","price":0}]},"integrations":{"All":false},"context":{}}`},
		{analytics.Group{UserId: "u", GroupId: "g", MessageId: "m", Timestamp: at, Traits: analytics.Traits{"nested": analytics.Traits{"a": analytics.Properties{"b": 1}}}},
			`{"type":"group","messageId":"m","timestamp":"2026-11-24T08:00:00Z","userId":"u","groupId":"g","traits":{"nested":{"a":{"b":1}}},"context":{}}`},
		{&analytics.Alias{UserId: "u", PreviousId: "p", MessageId: "m", Timestamp: at, Context: context},
			`{"type":"alias","messageId":"m","timestamp":"2026-11-24T08:00:00Z","userId":"u","previousId":"p","context":` + onWire + `}`},
	}
	inBubble(t, analytics.Config{BatchSize: 1}, func(t *testing.T, srv *analyticstest.Server, client analytics.Client) {
		for i, tt := range tests {
			require.NoError(t, client.Enqueue(tt.message))
			calls, err := srv.WaitCalls(t.Context(), i+1)
			require.NoError(t, err)
			var got map[string]any
			require.NoError(t, json.Unmarshal(calls[i].Raw, &got))
			context := got["context"].(map[string]any)
			require.Equal(t, headwater.Version, context["library"].(map[string]any)["version"])
			delete(context, "library")
			doc, err := json.Marshal(got)
			require.NoError(t, err)
			require.JSONEq(t, tt.want, string(doc))
			require.True(t, calls[i].Accepted())
		}
	})
}

// What is wrong with a message is returned; nothing panics, and nothing is sent.
func TestEnqueueRefuses(t *testing.T) {
	t.Parallel()
	inBubble(t, analytics.Config{}, func(t *testing.T, srv *analyticstest.Server, client analytics.Client) {
		require.EqualError(t, client.Enqueue(nil), "analytics: the message is nil")
		require.EqualError(t, client.Enqueue((*analytics.Track)(nil)), "analytics: the message is a nil *analytics.Track")
		require.EqualError(t, client.Enqueue((*custom)(nil)), "messages with custom types cannot be enqueued: *analytics_test.custom")
		require.EqualError(t, client.Enqueue(&custom{errors.New("mine")}), "mine", "its own Validate comes first")
		require.Equal(t, analytics.FieldError{Type: "analytics.Track", Name: "Event", Value: ""}, client.Enqueue(analytics.Track{UserId: "u"}))

		m := track("")
		m.Context = &analytics.Context{IP: net.IP{1, 2, 3}}
		require.ErrorContains(t, client.Enqueue(m), "Context.IP")
		m = track(strings.Repeat("x", 100))
		require.ErrorContains(t, client.Enqueue(m), "messageId")
		m = track("")
		m.Integrations = analytics.Integrations{"Mixpanel": []int{7}}
		require.ErrorContains(t, client.Enqueue(m), "integrations.Mixpanel")
		require.NoError(t, client.Close())
		require.Empty(t, srv.Requests())
	})
}

type custom struct{ err error }

func (c *custom) Validate() error {
	if c == nil {
		return nil
	}
	return c.err
}

// What v3 tells the Callback later is told it, and returned besides.
func TestFailureOfWhatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	callback, logger := &told{}, &lines{}
	inBubble(t, analytics.Config{Callback: callback, Logger: logger}, func(t *testing.T, _ *analyticstest.Server, client analytics.Client) {
		m := track("m-1")
		m.Properties = analytics.Properties{"f": func() {}}
		err := client.Enqueue(m)
		require.IsType(t, new(json.UnsupportedTypeError), err)
		m.Properties = analytics.Properties{"long": strings.Repeat("x", 32_000)}
		require.Equal(t, analytics.ErrMessageTooBig, client.Enqueue(m))
		require.NoError(t, client.Close())
		require.ElementsMatch(t, []error{err, analytics.ErrMessageTooBig}, callback.errs)
		sent := callback.failure[0].(analytics.Track)
		require.Equal(t, "track", sent.Type)
		require.Equal(t, "m-1", sent.MessageId)
		require.False(t, sent.Timestamp.IsZero())
	})
}

func TestCallback(t *testing.T) {
	t.Parallel()
	callback := &told{}
	inBubble(t, analytics.Config{Callback: callback, BatchSize: 2, Logger: &lines{}}, func(t *testing.T, srv *analyticstest.Server, client analytics.Client) {
		require.NoError(t, client.Enqueue(track("same")))
		require.NoError(t, client.Enqueue(&analytics.Identify{UserId: "u", MessageId: "same"}))
		synctest.Wait()
		require.Len(t, callback.success, 2)
		require.IsType(t, analytics.Track{}, callback.success[0], "by value, in order, the id used twice")
		require.IsType(t, analytics.Identify{}, callback.success[1])

		require.NoError(t, client.Enqueue(track("")))
		require.NoError(t, client.Enqueue(track("")))
		synctest.Wait()
		require.Len(t, callback.success, 4)
		calls := srv.Calls()
		for i, m := range callback.success[2:] {
			require.Equal(t, calls[2+i].MessageID, m.(analytics.Track).MessageId)
			require.WithinDuration(t, calls[2+i].Time("timestamp"), m.(analytics.Track).Timestamp, 0)
		}

		srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Status(401) })
		require.NoError(t, client.Enqueue(track("m-5")))
		require.NoError(t, client.Enqueue(track("m-6")))
		synctest.Wait()
		require.Len(t, callback.failure, 2)
		var answer *headwater.ResponseError
		require.ErrorAs(t, callback.errs[0], &answer)
		require.Equal(t, 401, answer.StatusCode)
		require.Len(t, srv.Requests(), 3, "not ten times")
	})
}

// A Callback may use the client, close it, and panic.
func TestCallbackMayDoAnything(t *testing.T) {
	t.Parallel()
	callback := &told{}
	inBubble(t, analytics.Config{Callback: callback, BatchSize: 1, Logger: &lines{}}, func(t *testing.T, srv *analyticstest.Server, client analytics.Client) {
		callback.then = func(m analytics.Message, err error) {
			switch m.(analytics.Track).MessageId {
			case "again":
				require.NoError(t, client.Enqueue(track("next")))
			case "next":
				panic("of the user's")
			case "close":
				require.NoError(t, client.Close())
			}
		}
		bad := track("bad")
		bad.Properties = analytics.Properties{"f": func() {}}
		require.Error(t, client.Enqueue(bad))
		require.NoError(t, client.Enqueue(track("again")))
		synctest.Wait()
		require.NoError(t, client.Enqueue(track("close")))
		synctest.Wait()
		require.Equal(t, analytics.ErrClosed, client.Enqueue(track("late")))
		require.Equal(t, analytics.ErrClosed, client.Close())
		require.Len(t, callback.success, 3)
		require.Len(t, callback.failure, 1)
	})
}

// RetryAfter is asked with 0 first, and there are ten attempts.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	var asked []int
	callback := &told{}
	config := analytics.Config{Callback: callback, BatchSize: 1, Logger: &lines{}, RetryAfter: func(n int) time.Duration {
		asked = append(asked, n)
		return time.Millisecond
	}}
	inBubble(t, config, func(t *testing.T, srv *analyticstest.Server, client analytics.Client) {
		srv.Script(analyticstest.Status(500), analyticstest.CutBefore())
		require.NoError(t, client.Enqueue(track("m-1")))
		_, err := srv.WaitCalls(t.Context(), 1)
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, []int{0, 1}, asked)
		require.Len(t, callback.success, 1)

		asked = nil
		srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.CutBefore() })
		require.NoError(t, client.Enqueue(track("m-2")))
		time.Sleep(time.Hour) // synthetic
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8}, asked)
		require.Len(t, callback.failure, 1)
		require.IsType(t, new(url.Error), callback.errs[0])
	})
}

// Close delivers what failed before, and says what it could not deliver.
func TestClose(t *testing.T) {
	t.Parallel()
	callback := &told{}
	inBubble(t, analytics.Config{Callback: callback, Logger: &lines{}}, func(t *testing.T, srv *analyticstest.Server, client analytics.Client) {
		srv.Script(analyticstest.Status(503))
		require.NoError(t, client.Enqueue(track("m-1")))
		require.NoError(t, client.Close())
		require.Len(t, callback.success, 1)
		require.Equal(t, analytics.ErrClosed, client.Close())
	})
	callback = &told{}
	inBubble(t, analytics.Config{Callback: callback, Logger: &lines{}}, func(t *testing.T, srv *analyticstest.Server, client analytics.Client) {
		srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Hang() })
		require.NoError(t, client.Enqueue(track("m-1")))
		began := time.Now()
		var second error
		go func() { second = client.Close() }()
		err := client.Close()
		if errors.Is(err, analytics.ErrClosed) {
			err = second // the other goroutine was first
		}
		synctest.Wait()
		var left *headwater.ShutdownError
		require.ErrorAs(t, err, &left)
		require.Equal(t, []string{"m-1"}, left.MessageIDs)
		require.LessOrEqual(t, time.Since(began), 30*time.Second, "what Kubernetes grants")
		require.Len(t, callback.failure, 1)
	})
}

// A loop waits for room. While the API is away one call waits a second, and those after
// it do not wait.
func TestEnqueueWaitsForRoom(t *testing.T) {
	t.Parallel()
	callback := &told{}
	inBubble(t, analytics.Config{Callback: callback, Logger: &lines{}}, func(t *testing.T, srv *analyticstest.Server, client analytics.Client) {
		const many = 30_000
		for range many {
			require.NoError(t, client.Enqueue(track("")))
		}
		_, err := srv.WaitCalls(t.Context(), many)
		require.NoError(t, err)
		synctest.Wait()
		require.Len(t, callback.success, many)

		srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Status(503) })
		for err == nil {
			err = client.Enqueue(track(""))
		}
		require.Equal(t, analytics.ErrTooManyRequests, err)
		began := time.Now()
		require.Equal(t, analytics.ErrTooManyRequests, client.Enqueue(track("")))
		require.Zero(t, time.Since(began))
		time.Sleep(11 * time.Second) // synthetic
		began = time.Now()
		require.Equal(t, analytics.ErrTooManyRequests, client.Enqueue(track("")))
		require.Equal(t, time.Second, time.Since(began))
		synctest.Wait()
		require.Len(t, callback.failure, 3)

		srv.Respond(nil)
		require.NoError(t, client.Close())
	})
}

func TestUnwrap(t *testing.T) {
	t.Parallel()
	callback := &told{}
	inBubble(t, analytics.Config{Callback: callback}, func(t *testing.T, srv *analyticstest.Server, client analytics.Client) {
		modern := client.(interface{ Unwrap() *headwater.Client }).Unwrap()
		require.Same(t, modern, analytics.Unwrap(client))
		require.NoError(t, client.Enqueue(track("old")))
		require.NoError(t, modern.Track(t.Context(), headwater.Track{UserID: "u", Event: "New", MessageID: "new"}))
		require.NoError(t, modern.Flush(context.Background()))
		require.Len(t, srv.Requests(), 1, "one queue")
		synctest.Wait()
		require.Len(t, callback.success, 1)
	})
	require.Nil(t, analytics.Unwrap(struct{ analytics.Client }{}))
}

// What v3 finds out when it sends is told to every call, and logged once.
func TestUnusableConfig(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		key    string
		config analytics.Config
		want   string
		kind   error
	}{
		{name: "no write key", want: "write key"},
		{name: "endpoint", key: "KEY", config: analytics.Config{Endpoint: "://localhost:80"}, want: "Endpoint"},
		{name: "context", key: "KEY", config: analytics.Config{DefaultContext: &analytics.Context{Extra: map[string]any{"f": func() {}}}},
			want: "unsupported type", kind: new(json.MarshalerError)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			callback, logger := &told{}, &lines{}
			tt.config.Callback, tt.config.Logger = callback, logger
			client, err := analytics.NewWithConfig(tt.key, tt.config)
			require.NoError(t, err)
			require.Contains(t, logger.errs.String(), "no call can be sent")
			err = client.Enqueue(track(""))
			require.ErrorContains(t, err, tt.want)
			require.NoError(t, client.Close())
			require.Equal(t, []error{err}, callback.errs)
			if tt.kind != nil {
				require.IsType(t, tt.kind, err)
			}
			require.Error(t, analytics.Unwrap(client).Track(t.Context(), headwater.Track{UserID: "u", Event: "e"}))
		})
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for _, config := range []analytics.Config{{Interval: -1}, {BatchSize: -1}} {
		client, err := analytics.NewWithConfig("KEY", config)
		require.Nil(t, client)
		var bad analytics.ConfigError
		require.ErrorAs(t, err, &bad)
		require.ErrorContains(t, err, "analytics.NewWithConfig: negative")
	}
	client, err := analytics.NewWithConfig("KEY", analytics.Config{BatchSize: 100_000})
	require.NoError(t, err, "more than the API takes is what it takes")
	require.NoError(t, client.Close())
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	inBubble(t, analytics.Config{DefaultContext: &analytics.Context{Locale: "cs", Extra: map[string]any{"x": 1}}}, func(t *testing.T, srv *analyticstest.Server, client analytics.Client) {
		began := time.Now()
		m := track("m-1")
		m.Context = &analytics.Context{Locale: "sk"}
		require.NoError(t, client.Enqueue(m))
		calls, err := srv.WaitCalls(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, analytics.DefaultInterval, time.Since(began))
		require.Equal(t, "sk", calls[0].Str("context.locale"))
		require.EqualValues(t, 1, calls[0].Int("context.x"), "merged")
		for range analytics.DefaultBatchSize {
			require.NoError(t, client.Enqueue(track("")))
		}
		err = srv.WaitRequests(t.Context(), 2)
		require.NoError(t, err)
		require.Equal(t, analytics.DefaultInterval, time.Since(began), "a full batch does not wait")
		r := srv.Requests()[0]
		require.Equal(t, "gzip", r.Header.Get("Content-Encoding"))
	})
}

// Without a Transport it is http.DefaultTransport, as code that replaces that expects.
func TestDefaultTransport(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	var asked *http.Request
	http.DefaultTransport = roundTripper(func(r *http.Request) (*http.Response, error) {
		asked = r
		_, err := io.Copy(io.Discard, r.Body)
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, err
	})
	client := analytics.New("KEY")
	require.NoError(t, client.Enqueue(track("")))
	require.NoError(t, client.Close())
	require.Equal(t, analytics.DefaultEndpoint+"/v1/batch", asked.URL.String())
	user, _, _ := asked.BasicAuth()
	require.Equal(t, "KEY", user)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestLogger(t *testing.T) {
	t.Parallel()
	logger := &lines{}
	inBubble(t, analytics.Config{Logger: logger, Verbose: true}, func(t *testing.T, srv *analyticstest.Server, client analytics.Client) {
		srv.Script(analyticstest.CutBefore(), analyticstest.Status(401))
		require.NoError(t, client.Enqueue(track("m-1")))
		require.NoError(t, client.Close())
		require.Contains(t, logger.errs.String(), "calls are being lost")
		require.Regexp(t, `^msg="no answer" bytes=\d+ after=0s err=.*\nmsg=answer bytes=\d+ after=0s status=401\n$`, logger.logs.String())
		for _, secret := range []string{"KEY", "Signed Up", "time=", "level="} {
			require.NotContains(t, logger.errs.String()+logger.logs.String(), secret)
		}
	})
	var out bytes.Buffer
	std := analytics.StdLogger(log.New(&out, "x ", 0))
	std.Logf("%d", 1)
	std.Errorf("%d", 2)
	require.Equal(t, "x INFO: 1\nx ERROR: 2\n", out.String())
}
