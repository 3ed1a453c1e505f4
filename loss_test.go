// Loss: one record when calls begin to be lost, one when that ends, and nothing in any of them to hide.

package analytics_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// logbook keeps what is logged, down to the debug level.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// entry is one record, less its time.
type entry map[string]any

func (l *logbook) entries(t *testing.T) (entries []entry) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(l.text.Bytes()) {
		var e entry
		require.NoError(t, json.Unmarshal(line, &e))
		delete(e, "time")
		entries = append(entries, e)
	}
	return entries
}

// begun is the record of a loss that begins with n calls.
func begun(n int, reason string, status int) entry {
	e := entry{"level": "WARN", "msg": "analytics: calls are being lost", "calls": float64(n), "reason": reason}
	if status > 0 {
		e["status"] = float64(status)
	}
	return e
}

const (
	lossOver   = "analytics: calls are delivered again"
	lossClosed = "analytics: client closed after losing calls"
)

// over is the record of a loss that ends, of n calls for one reason.
func over(message string, n int, reason string) entry {
	return entry{"level": "WARN", "msg": message, "lost": float64(n), "reasons": map[string]any{reason: float64(n)}}
}

func TestLossIsLoggedOnceAndSoIsItsEnd(t *testing.T) {
	tests := map[string]struct {
		config analytics.Config
		script []analyticstest.Answer
		fine   bool // the calls after these are delivered
		want   []entry
	}{
		"nothing lost": {script: []analyticstest.Answer{after(429, "1"), analyticstest.Status(500), analyticstest.CutBefore()}, fine: true},
		"rejected": {script: answers(401, 403, 404), fine: true,
			want: []entry{begun(3, "rejected", 401), over(lossOver, 9, "rejected")}},
		"rejected to the end": {script: answers(401, 403, 404),
			want: []entry{begun(3, "rejected", 401), over(lossClosed, 9, "rejected")}},
		"retries exhausted": {config: analytics.Config{MaxRetries: 1}, script: answers(500, 503, 500, 503, 500, 503), fine: true,
			want: []entry{begun(3, "retries exhausted", 503), over(lossOver, 9, "retries exhausted")}},
		"unreachable": {config: analytics.Config{MaxRetries: analytics.NoRetries}, script: analyticstest.Repeat(3, analyticstest.CutBefore()), fine: true,
			want: []entry{begun(3, "retries exhausted", 0), over(lossOver, 9, "retries exhausted")}},
	}
	for name, test := range tests {
		for _, deaf := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", without OnReceipt ", deaf), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var log logbook
					test.config.Logger = log.logger()
					start := newRig
					if deaf {
						start = newDeafRig
					}
					r := start(t, test.config)
					r.api.Script(test.script...)
					for i := range 3 {
						track(t, r.Client, 3*i, 3)
						require.NoError(t, r.Flush(t.Context()))
					}
					time.Sleep(time.Minute)
					for i := 3; i < 6 && test.fine; i++ {
						track(t, r.Client, 3*i, 3)
						require.NoError(t, r.Flush(t.Context()))
					}
					require.NoError(t, r.Close())
					require.Equal(t, test.want, log.entries(t))
				})
			})
		}
	}
}

func TestLossAtShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logbook
		r := newDeafRig(t, analytics.Config{Logger: log.logger(), BatchSize: 10})
		r.api.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Hang() })
		track(t, r.Client, 0, 100)
		synctest.Wait()
		require.Error(t, r.Shutdown(ended()))
		require.Equal(t, []entry{begun(10, "shutdown", 0), over(lossClosed, 100, "shutdown")}, log.entries(t))
	})
}

func TestKeptIsNeitherLostNorDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logbook
		r := newRig(t, analytics.Config{
			Logger: log.logger(), Queue: durable{analytics.NewMemoryQueue(0, 0)}, MaxRetries: analytics.NoRetries, FlushInterval: time.Second,
		})
		r.api.Script(answers(500, 500, 401, 500, 500)...)
		track(t, r.Client, 0, 10)
		time.Sleep(90 * time.Second) // tried twice
		require.Equal(t, uint64(20), r.Stats().GivenBack)
		require.Empty(t, log.entries(t), "what is kept is not lost")
		time.Sleep(time.Minute) // rejected
		lost := []entry{begun(10, "rejected", 401)}
		require.Equal(t, lost, log.entries(t))
		time.Sleep(2 * time.Minute)
		track(t, r.Client, 10, 10)
		time.Sleep(90 * time.Second) // tried twice
		require.Equal(t, uint64(40), r.Stats().GivenBack)
		require.Equal(t, lost, log.entries(t), "and not delivered")
		require.EqualError(t, r.Close(), "analytics: shutdown: 0 calls not delivered, 10 kept")
		require.Equal(t, append(lost, over(lossClosed, 10, "rejected")), log.entries(t))
	})
}

// A call refused by a full queue is lost to whoever ignores the error.
func TestFullQueueIsALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logbook
		r := newRig(t, analytics.Config{Logger: log.logger(), MaxQueueEvents: 20, BatchSize: 5})
		r.api.Respond(func(*analyticstest.Request) analyticstest.Answer { return analyticstest.Delay(time.Second) })
		for range 60 { // far more than it can take: batches are delivered all the while
			for range 100 {
				_ = r.Track(t.Context(), event("E"))
			}
			time.Sleep(time.Second)
		}
		require.Greater(t, r.Stats().Delivered, uint64(500))
		require.NoError(t, r.Flush(t.Context()))
		require.Equal(t, []entry{begun(1, "queue full", 0)}, log.entries(t))
		time.Sleep(time.Minute)
		track(t, r.Client, 0, 5)
		require.NoError(t, r.Flush(t.Context()))
		require.Equal(t, []entry{
			begun(1, "queue full", 0), over(lossOver, int(r.Stats().Refused.QueueFull), "queue full"),
		}, log.entries(t))
		require.NoError(t, r.Close())
	})
}

func TestPoisonInEachBatchIsOneLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logbook
		r := newRig(t, analytics.Config{Logger: log.logger(), BatchSize: 4})
		r.api.Respond(func(request *analyticstest.Request) analyticstest.Answer {
			for _, call := range request.Calls {
				if call.Event == "poison" {
					return analyticstest.Status(400)
				}
			}
			return analyticstest.Answer{}
		})
		for i := range 200 {
			name := "E"
			if i%4 == 1 {
				name = "poison"
			}
			require.NoError(t, r.Track(t.Context(), event(name)))
			if i%4 == 3 {
				synctest.Wait()
			}
		}
		require.Equal(t, uint64(150), r.Stats().Delivered)
		require.Equal(t, []entry{begun(1, "rejected", 400)}, log.entries(t))
		time.Sleep(time.Minute)
		track(t, r.Client, 0, 4)
		synctest.Wait()
		require.Equal(t, []entry{begun(1, "rejected", 400), over(lossOver, 50, "rejected")}, log.entries(t))
		require.NoError(t, r.Close())
	})
}

// Many goroutines lose calls for every reason at once: no loss goes uncounted.
func TestLossesAddUp(t *testing.T) {
	var log logbook
	srv := analyticstest.NewServer()
	defer srv.Close()
	srv.Script(analyticstest.Repeat(20, analyticstest.Status(401))...)
	client, err := analytics.New("WRITE_KEY", &analytics.Config{
		Endpoint: srv.URL, HTTPClient: srv.Client(), Logger: log.logger(), MaxQueueEvents: 50, BatchSize: 5, MaxRetries: analytics.NoRetries,
	})
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				_ = client.Track(context.Background(), event("E"))
			}
		})
	}
	all.Wait()
	require.NoError(t, client.Close())
	began, ended, lost := 0, 0, 0.0
	for _, e := range log.entries(t) {
		if e["msg"] == "analytics: calls are being lost" {
			began++
			continue
		}
		ended++
		lost += e["lost"].(float64)
	}
	require.Positive(t, began)
	require.Equal(t, began, ended, "each loss that begins ends")
	require.Equal(t, float64(client.Stats().Failed.Lost()+client.Stats().Refused.QueueFull), lost)
}

// talkative is a log handler that uses the client that logs.
type talkative struct {
	slog.Handler
	client func() *analytics.Client
}

func (h talkative) Handle(ctx context.Context, r slog.Record) error {
	_ = h.client().Track(ctx, event("logged"))
	return h.Handler.Handle(ctx, r)
}

func TestLoggerMayUseTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logbook
		var r *rig
		handler := talkative{log.logger().Handler(), func() *analytics.Client { return r.Client }}
		r = newDeafRig(t, analytics.Config{Logger: slog.New(handler), MaxQueueEvents: 1, BatchSize: 1, FlushInterval: time.Second})
		r.api.Script(analyticstest.Answer{Status: 401, Delay: time.Second})
		require.NoError(t, r.Track(t.Context(), event("E")))
		require.ErrorIs(t, r.Track(t.Context(), event("E")), analytics.ErrQueueFull)
		require.NoError(t, r.Flush(t.Context()))
		time.Sleep(2 * time.Minute)
		require.NoError(t, r.Track(t.Context(), event("E")))
		require.NoError(t, r.Flush(t.Context()))
		require.NoError(t, r.Close())
		require.Equal(t, begun(1, "queue full", 0), log.entries(t)[0])
	})
}

// What must not be seen: the write key, alone and as it is sent, a token, and
// what the calls are about.
const (
	canaryKey   = "canary-WRITE-key"
	canaryToken = "canary-TOKEN"
	canaryMail  = "canary-MAIL@example.com"
)

// purseOf holds one token.
type purseOf struct{ token string }

func (p *purseOf) Token(context.Context, bool) (string, error) { return p.token, nil }

func TestNothingSecretIsSaid(t *testing.T) {
	canaries := []string{
		canaryKey, base64.StdEncoding.EncodeToString([]byte(canaryKey + ":")), base64.StdEncoding.EncodeToString([]byte(canaryKey)),
		canaryToken, canaryMail, "canary-MAIL",
	}
	echo := canaryKey + " " + canaryMail + " " + canaryToken // a server that repeats what it was sent
	for name, answer := range map[string]analyticstest.Answer{
		"rejected":   {Status: 400, Body: echo},
		"forbidden":  {Status: 403, Body: echo},
		"exhausted":  {Status: 500, Body: echo},
		"limited":    {Status: 429, Body: echo, RetryAfter: "5"},
		"hanging":    analyticstest.Hang(),
		"cut":        analyticstest.CutBefore(),
		"cut answer": {Status: 502, Body: echo, Cut: analyticstest.MidAnswer},
		"redirected": {Status: 307, Header: http.Header{"Location": {"https://user:" + canaryToken + "@elsewhere.example/" + canaryKey + "?e=" + canaryMail}}},
		"delivered":  {Status: 200, Body: echo},
	} {
		for _, tokens := range []analytics.TokenSource{nil, &purseOf{canaryToken}} {
			t.Run(fmt.Sprint(name, ", with tokens ", tokens != nil), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					said := sayEverything(t, answer, tokens)
					require.NotEmpty(t, said)
					for _, canary := range canaries {
						if i := strings.Index(said, canary); i >= 0 {
							t.Errorf("%s in: …%s…", canary, said[max(0, i-200):min(len(said), i+100)])
						}
					}
				})
			})
		}
	}
}

// sayEverything leads a client through everything it has words for and returns
// them: its log, and each value that it hands out in every way that they print.
func sayEverything(t *testing.T, answer analyticstest.Answer, tokens analytics.TokenSource) string {
	var log logbook
	var told receipts
	srv := analyticstest.NewServer()
	t.Cleanup(srv.Close)
	srv.Respond(func(*analyticstest.Request) analyticstest.Answer { return answer })
	config := analytics.Config{
		Endpoint: srv.URL, HTTPClient: srv.Client(), Logger: log.logger(), TokenSource: tokens,
		MaxQueueEvents: 4, BatchSize: 2, MaxRetries: 2, RequestTimeout: time.Second,
		OnReceipt: func(r analytics.Receipt) { told.take(r); panic("OnReceipt") },
		Backoff:   func(int) time.Duration { panic("Backoff") },
	}
	client, err := analytics.New(canaryKey, &config)
	require.NoError(t, err)
	var values []any
	say := func(v any) { values = append(values, v) }
	call := func(id string, traits analytics.Fields) {
		say(client.Identify(t.Context(), analytics.Identify{UserID: canaryMail, MessageID: id, Traits: traits}))
	}
	mail := analytics.Traits{"email": canaryMail}
	for i := range 6 { // two too many
		call(fmt.Sprint(i), mail)
	}
	call("unencodable", analytics.Traits{"email": canaryMail, "c": make(chan int)})
	call("too large", analytics.Traits{"email": strings.Repeat(canaryMail, 2000)})
	call(strings.Repeat("long", 50), mail)
	say(client.Flush(within(t, 3*time.Second)))
	call("late", mail)
	say(client.Shutdown(within(t, 3*time.Second)))
	call("closed", mail)
	synctest.Wait()
	for _, r := range told.list() {
		say(r)
		say(r.Err)
		for err := r.Err; err != nil; err = errors.Unwrap(err) {
			say(err)
		}
	}
	say(client.Stats())
	say(client)
	_, err = analytics.New(canaryKey+" with a space", nil)
	say(err)
	_, err = analytics.New(canaryKey, &analytics.Config{Endpoint: "https://u:" + canaryToken + "@host"})
	say(err)

	var said strings.Builder
	for _, v := range values {
		fmt.Fprintf(&said, "%v\n%+v\n", v, v)
	}
	slog.New(slog.NewJSONHandler(&said, nil)).Info("all of it", "values", fmt.Sprint(values...))
	log.mu.Lock()
	defer log.mu.Unlock()
	return said.String() + log.text.String()
}
