// Canaries: secrets and personal data are put into everything that goes in, and looked for in everything that comes out.

package reliability_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

const (
	canaryKey   = "cAnArYwRiTeKeY7f3a9"
	canaryToken = "cAnArYtOkEn91be44"
	canaryEmail = "canary.person@example.com"
)

// canaries are what must not come out, in lower case. A base64 is cut where its
// end depends on what follows.
var canaries = map[string]string{
	"the write key":           strings.ToLower(canaryKey),
	"base64 of the key":       strings.ToLower(base64.StdEncoding.EncodeToString([]byte(canaryKey + ":"))[:24]),
	"the token":               strings.ToLower(canaryToken),
	"the e-mail address":      canaryEmail,
	"half the e-mail address": "canary.person",
}

// found returns the canaries that are in a text.
func found(text string) (names []string) {
	text = strings.ToLower(text)
	for name, canary := range canaries {
		if strings.Contains(text, canary) {
			names = append(names, name)
		}
	}
	return names
}

// said is what the library said: logs, errors, receipts, numbers.
type said struct {
	mu    sync.Mutex
	text  bytes.Buffer
	parts int
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts++
	return s.text.Write(p)
}

// note writes v down in every form that a program might print it in.
func (s *said) note(v any) {
	fmt.Fprintf(s, "%v\n%+v\n%s\n%q\n", v, v, v, v)
	if err, ok := v.(error); ok {
		for e := err; e != nil; e = errors.Unwrap(e) {
			fmt.Fprintf(s, "%v %+v\n", e, e)
		}
		slog.New(slog.NewJSONHandler(s, nil)).Info("as a program logs it", "err", err)
	}
}

// logger writes all there is, as JSON or as text.
func (s *said) logger(asJSON bool) *slog.Logger {
	all := &slog.HandlerOptions{Level: slog.LevelDebug - 100, AddSource: true}
	if asJSON {
		return slog.New(slog.NewJSONHandler(s, all))
	}
	return slog.New(slog.NewTextHandler(s, all))
}

func (s *said) requireClean(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(s.text.String()) {
		require.Empty(t, found(line), "%s", line)
	}
}

// cannedToken is a TokenSource with a canary.
type cannedToken struct{}

func (cannedToken) Token(context.Context, bool) (string, error) { return canaryToken, nil }

// echo answers with all that came in the request, in the body and a header.
func echo(a analyticstest.Answer, r *analyticstest.Request) analyticstest.Answer {
	header := http.Header{"X-Echo": {r.Header.Get("Authorization"), canaryKey, canaryEmail}}
	maps.Copy(header, a.Header)
	a.Header = header
	a.Body = fmt.Sprint(r.Header.Get("Authorization"), canaryKey, canaryToken, canaryEmail, string(r.Body))
	return a
}

// failures are the answers of all kinds, some with secrets in their headers.
func failures() []analyticstest.Answer {
	var all []analyticstest.Answer
	for _, code := range []int{200, 400, 401, 403, 404, 408, 413, 429, 500, 501, 503, 511, 599} {
		all = append(all, analyticstest.Status(code), analyticstest.CutAnswer(code))
	}
	for _, code := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{
			"https://u:" + canaryToken + "@elsewhere.example/?key=" + canaryKey, "http://[" + canaryKey, "/v1/" + canaryKey,
		} {
			all = append(all, analyticstest.Answer{Status: code, Header: http.Header{"Location": {to}}})
		}
	}
	return append(all,
		analyticstest.RetryAfter(429, time.Minute), analyticstest.Answer{Status: 503, RetryAfter: canaryKey},
		analyticstest.CutBefore(), analyticstest.CutAfter(), analyticstest.Hang())
}

func TestCanaries(t *testing.T) {
	out := new(said)
	met := 0
	for name, tokens := range map[string]analytics.TokenSource{"write key": nil, "token": cannedToken{}} {
		for _, asJSON := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, JSON %v", name, asJSON), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { met += canaryRun(t, out, tokens, asJSON) })
			})
		}
	}
	canaryRefusals(t, out)
	canaryNetwork(t, out)
	require.NotEmpty(t, out.text.String())
	out.requireClean(t)
	proved(t, "T43", "%d canaries not found in %d records, errors and receipts (%d KiB) of %d failing requests", len(canaries), out.parts, out.text.Len()>>10, met)
}

// echoing answers with the next answer of script and all that came in the
// request; the returned function exchanges the script.
func echoing(srv *analyticstest.Server, script []analyticstest.Answer) (exchange func([]analyticstest.Answer)) {
	var mu sync.Mutex
	n := 0
	srv.Respond(func(r *analyticstest.Request) analyticstest.Answer {
		mu.Lock()
		defer mu.Unlock()
		a := script[n%len(script)]
		n++
		return echo(a, r)
	})
	return func(other []analyticstest.Answer) {
		mu.Lock()
		defer mu.Unlock()
		script = other
	}
}

// canaryRun is a client's life among failures of every kind. It returns how
// many requests it made.
func canaryRun(t *testing.T, out *said, tokens analytics.TokenSource, asJSON bool) int {
	ctx := context.Background()
	srv := analyticstest.NewServer()
	defer srv.Close()
	script := failures()
	exchange := echoing(srv, script)
	config := analytics.Config{
		Endpoint: srv.URL, HTTPClient: srv.Client(), TokenSource: tokens, Logger: out.logger(asJSON),
		BatchSize: 2, MaxRetries: 1, MaxConcurrentUploads: 2,
		OnReceipt: func(r analytics.Receipt) {
			out.note(r)
			out.note(r.Err)
			panic(r)
		},
		Backoff: func(attempt int) time.Duration { panic(fmt.Sprint("no backoff ", attempt)) },
	}
	client, err := analytics.New(canaryKey, &config)
	require.NoError(t, err)
	for i := range 4 * len(script) {
		require.NoError(t, client.Enqueue(ctx, canaryCall(i)))
		if i%10 == 0 {
			require.NoError(t, client.Flush(ctx))
			out.note(client.Stats())
		}
	}
	require.NoError(t, client.Flush(ctx))
	exchange([]analyticstest.Answer{{Hang: true}, {Status: 503}, {Status: 429, RetryAfter: "60"}})
	for i := range 20 {
		require.NoError(t, client.Enqueue(ctx, canaryCall(i)))
	}
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var e *analytics.ShutdownError
	require.ErrorAs(t, client.Shutdown(short), &e)
	out.note(e)
	out.note(*e)
	out.note(client.Stats())
	out.note(client)
	fmt.Fprintf(out, "%#v\n", client)
	batch := analytics.Batch{WriteKey: canaryKey, Entries: []analytics.Entry{{Body: []byte(canaryEmail)}}}
	out.note(batch)
	fmt.Fprintf(out, "%#v %v\n", batch, &batch)
	out.note(client.Track(ctx, analytics.Track{UserID: canaryEmail, Event: "late"}))
	s := client.Stats()
	require.Positive(t, s.Delivered)
	require.Positive(t, s.Failed.Rejected)
	require.Positive(t, s.Failed.Exhausted)
	require.Positive(t, s.Failed.Shutdown)

	// What was looked for was there to be found.
	sent := ""
	for _, r := range srv.Requests() {
		sent += fmt.Sprint(r.Header, string(r.Body))
	}
	want := []string{"base64 of the key", "half the e-mail address", "the e-mail address"}
	if tokens != nil {
		want = []string{"half the e-mail address", "the e-mail address", "the token", "the write key"}
	}
	require.ElementsMatch(t, want, found(sent))
	return int(s.Requests)
}

// canaryCall is a call with an e-mail address wherever one can be.
func canaryCall(i int) analytics.Message {
	who := &analytics.Context{Traits: analytics.Traits{"email": canaryEmail}, UserAgent: canaryEmail}
	traits := analytics.NewTraits().SetEmail(canaryEmail)
	return []analytics.Message{
		analytics.Track{UserID: canaryEmail, Event: canaryEmail, Properties: analytics.Properties{canaryEmail: canaryEmail}, Context: who},
		analytics.Identify{UserID: canaryEmail, Traits: traits, Context: who},
		analytics.Group{UserID: canaryEmail, GroupID: canaryEmail, Traits: traits},
		analytics.Alias{UserID: canaryEmail, PreviousID: canaryEmail},
		analytics.Page{AnonymousID: canaryEmail, Name: canaryEmail},
		analytics.Screen{UserID: canaryEmail, Name: canaryEmail},
	}[i%6]
}

// canaryRefusals are calls and clients that are refused.
func canaryRefusals(t *testing.T, out *said) {
	ctx := context.Background()
	client, err := analytics.New(canaryKey, &analytics.Config{
		Transport: transportFunc(func(context.Context, *analytics.Batch) error { return nil }), MaxQueueEvents: 1, Logger: out.logger(true),
	})
	require.NoError(t, err)
	for _, value := range []any{
		make(chan int), func() {}, strings.Repeat(canaryEmail, 2000), 1i,
		new(nilMarshaler), struct{ Email chan string }{},
	} {
		err := client.Track(ctx, analytics.Track{UserID: canaryEmail, Event: "E", Properties: analytics.Properties{"v": value}})
		require.Error(t, err, "%T", value)
		out.note(err)
	}
	for _, m := range []analytics.Message{
		analytics.Track{Event: canaryEmail}, analytics.Track{UserID: canaryEmail}, analytics.Alias{UserID: canaryEmail}, nil, (*analytics.Page)(nil),
		analytics.Track{UserID: "u", Event: "e", MessageID: strings.Repeat(canaryEmail, 10)},
	} {
		err := client.Enqueue(ctx, m)
		require.Error(t, err)
		out.note(err)
	}
	out.note(client.Stats())
	require.NoError(t, client.Close())
	for _, c := range []struct{ key, endpoint string }{
		{canaryKey + " ", ""}, {canaryKey + ":", ""}, {canaryKey + "\n", ""},
		{canaryKey, "https://u:" + canaryToken + "@api.example"}, {canaryKey, "https://api.example/?key=" + canaryKey},
		{canaryKey, "http://[" + canaryToken}, {canaryKey, canaryToken}, {canaryKey, "ftp://" + canaryToken}, {canaryKey, "https://api.example/#" + canaryKey},
	} {
		_, err := analytics.New(c.key, &analytics.Config{Endpoint: c.endpoint})
		require.Error(t, err)
		out.note(err)
	}
}

// nilMarshaler panics when it is asked for JSON.
type nilMarshaler struct{ email *string }

func (n *nilMarshaler) MarshalJSON() ([]byte, error) { return []byte(*n.email), nil }

// canaryNetwork meets the faults of the zoo that need no waiting, a proxy with a
// password that is not there, and a RoundTripper that breaks.
func canaryNetwork(t *testing.T, out *said) {
	nowhere, err := url.Parse("http://u:" + canaryToken + "@127.0.0.1:1")
	require.NoError(t, err)
	send := func(endpoint string, client *http.Client) {
		c, err := analytics.New(canaryKey, &analytics.Config{
			Endpoint: endpoint, HTTPClient: client, Logger: out.logger(true), MaxRetries: 1, BatchSize: 1,
			Backoff:   func(int) time.Duration { return 0 },
			OnReceipt: func(r analytics.Receipt) { out.note(r); out.note(r.Err) },
		})
		require.NoError(t, err)
		require.NoError(t, c.Enqueue(context.Background(), canaryCall(0)))
		require.NoError(t, c.Flush(context.Background()))
		require.NoError(t, c.Close())
	}
	send("http://analytics.test", &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(nowhere)}})
	send("https://analytics.test", &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(nowhere)}})
	send("http://analytics.test", &http.Client{Transport: breaking{}})
	for _, f := range append(plainFaults(), secureFaults()...) {
		if f.slow || f.warm || f.large || f.class == delivered {
			continue
		}
		z := newCage(t, f)
		config := z.config(new(ledger))
		send(config.Endpoint, config.HTTPClient)
	}
}

// breaking is a RoundTripper that puts the request's URL, secrets and all, into
// its error, as http.Client does.
type breaking struct{}

func (breaking) RoundTrip(r *http.Request) (*http.Response, error) {
	u := *r.URL
	u.User = url.UserPassword("u", canaryToken)
	u.RawQuery = "key=" + canaryKey
	return nil, &url.Error{Op: "Post", URL: u.String(), Err: errDown}
}
