// The HTTP transport: one request's exact shape, and what it makes of every answer.

package analytics_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

const secretKey = "s3cr3t-write-key"

// letter is a request as a server got it.
type letter struct {
	method, path string
	header       http.Header
	length       int64
	wire, body   []byte // as sent, and inflated
}

// readLetter reads a whole request. It fails no test: it runs on a server.
func readLetter(r *http.Request) letter {
	l := letter{method: r.Method, path: r.URL.Path, header: r.Header.Clone(), length: r.ContentLength}
	l.wire, _ = io.ReadAll(r.Body)
	l.body = l.wire
	if r.Header.Get("Content-Encoding") == "gzip" {
		if z, err := gzip.NewReader(bytes.NewReader(l.wire)); err == nil {
			l.body, _ = io.ReadAll(z)
		}
	}
	return l
}

// mailbox is a server that keeps all it gets. answer may be nil.
type mailbox struct {
	*httptest.Server
	mu      sync.Mutex
	letters []letter
}

func newMailbox(t *testing.T, answer http.HandlerFunc) *mailbox {
	m := new(mailbox)
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := readLetter(r)
		m.mu.Lock()
		m.letters = append(m.letters, l)
		m.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *mailbox) got() []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]letter(nil), m.letters...)
}

// newTransport returns a transport whose connections end with the test.
func newTransport(t *testing.T, c *analytics.Config) *analytics.HTTPTransport {
	t.Helper()
	transport, err := analytics.NewHTTPTransport(c)
	require.NoError(t, err)
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func newBatch(bodies ...string) *analytics.Batch {
	b := &analytics.Batch{WriteKey: secretKey, SentAt: when}
	for _, body := range bodies {
		b.Entries = append(b.Entries, analytics.Entry{Call: "track", Body: []byte(body)})
	}
	return b
}

func TestRequestShape(t *testing.T) {
	for name, compression := range map[string]analytics.Compression{"gzip": analytics.Gzip, "none": analytics.None} {
		t.Run(name, func(t *testing.T) {
			server := newMailbox(t, nil)
			transport := newTransport(t, &analytics.Config{Endpoint: server.URL, Compression: compression})
			for attempt := range 4 {
				batch := newBatch(`{"n":1}`, `{"n":2}`)
				batch.Attempt = attempt
				require.NoError(t, transport.Send(t.Context(), batch))
			}
			for attempt, l := range server.got() {
				want := http.Header{
					"Authorization":  {"Basic " + base64.StdEncoding.EncodeToString([]byte(secretKey+":"))},
					"Content-Type":   {"application/json"},
					"User-Agent":     {"headwater-go/" + analytics.Version},
					"Content-Length": {strconv.Itoa(len(l.wire))},
				}
				if compression == analytics.Gzip {
					want.Set("Content-Encoding", "gzip")
				}
				if attempt > 0 {
					want.Set("X-Retry-Count", strconv.Itoa(attempt))
				}
				require.Equal(t, want, l.header)
				require.Equal(t, "POST", l.method)
				require.Equal(t, "/v1/batch", l.path)
				require.Equal(t, int64(len(l.wire)), l.length)
				require.Equal(t, `{"batch":[{"n":1},{"n":2}],"sentAt":"2026-01-02T03:04:05.678Z"}`, string(l.body))
			}
			require.Len(t, server.got(), 4)
		})
	}
}

func TestEndpointForms(t *testing.T) {
	server := newMailbox(t, nil)
	for suffix, path := range map[string]string{
		"": "/v1/batch", "/": "/v1/batch", "/v1": "/v1/batch", "/v1/": "/v1/batch", "//": "/v1/batch",
		"/proxy": "/proxy/v1/batch", "/proxy/": "/proxy/v1/batch", "/a/b/v1/": "/a/b/v1/batch",
	} {
		transport := newTransport(t, &analytics.Config{Endpoint: server.URL + suffix})
		require.NoError(t, transport.Send(t.Context(), newBatch(`{}`)))
		got := server.got()
		require.Equal(t, path, got[len(got)-1].path, "endpoint with %q", suffix)
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	var followed atomic.Int64
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer trap.Close()
	for name, location := range map[string]string{
		"another host":   "http://elsewhere.example/v1/batch",
		"sub-domain":     "http://eu.api.example/v1/batch",
		"another port":   "https://api.example:8443/v1/batch",
		"downgrade":      "http://api.example/v1/batch",
		"same place":     "https://api.example/v1/batch",
		"with a user":    "https://user:pass@elsewhere.example/",
		"to a script":    "javascript:alert(1)",
		"unreadable":     "http://[::1",
		"not even there": "",
	} {
		for _, status := range []int{300, 301, 302, 303, 304, 307, 308, 399} {
			client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.String() != "https://api.example/v1/batch" || r.Method != "POST" {
					followed.Add(1)
				}
				header := http.Header{}
				if location != "" {
					header.Set("Location", location)
				}
				_, _ = io.Copy(io.Discard, r.Body)
				r.Body.Close()
				return &http.Response{StatusCode: status, Header: header, Body: http.NoBody, Request: r}, nil
			})}
			transport := newTransport(t, &analytics.Config{Endpoint: "https://api.example", HTTPClient: client})
			err := transport.Send(t.Context(), newBatch(`{}`))
			var answer *analytics.ResponseError
			require.ErrorAs(t, err, &answer, "%s, %d", name, status)
			require.Equal(t, status, answer.StatusCode)
			switch name {
			case "another host", "sub-domain", "another port", "downgrade", "same place":
				require.Contains(t, err.Error(), "redirected to "+strings.TrimSuffix(location, "/v1/batch")+": set Config.Endpoint")
			case "with a user":
				require.Contains(t, err.Error(), "redirected to https://elsewhere.example: set")
			}
			require.NotContains(t, err.Error(), "pass")
		}
	}
	require.Zero(t, followed.Load())

	// The same over real connections.
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := newMailbox(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", trap.URL+"/v1/batch")
			w.WriteHeader(status)
		})
		for _, client := range []*http.Client{nil, {Transport: &http.Transport{DisableKeepAlives: true}}} {
			transport := newTransport(t, &analytics.Config{Endpoint: server.URL, HTTPClient: client})
			err := transport.Send(t.Context(), newBatch(`{}`))
			require.ErrorContains(t, err, "redirected to "+trap.URL+": set Config.Endpoint")
		}
		require.Len(t, server.got(), 2)
	}
	require.Zero(t, followed.Load())
}

// roundTrip makes a function a RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnySuccessIsDelivered(t *testing.T) {
	for _, status := range []int{200, 201, 202, 204, 206, 226, 299} {
		for _, body := range []string{"", `{"success":true}`, `{"success":false,"error":"no"}`, "<html>", "\xff\x00"} {
			server := newMailbox(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			})
			transport := newTransport(t, &analytics.Config{Endpoint: server.URL})
			require.NoError(t, transport.Send(t.Context(), newBatch(`{}`)), "status %d, body %q", status, body)
		}
	}
}

func TestResponseErrorKeepsAReadableBeginning(t *testing.T) {
	for name, body := range map[string]string{
		"empty":            "",
		"short":            `{"error":"no"}`,
		"long":             strings.Repeat("x", 100_000),
		"cut inside a é":   "x" + strings.Repeat("é", 10_000),
		"cut inside a 🌊":   "xy" + strings.Repeat("🌊", 10_000),
		"not text":         strings.Repeat("a\xff", 10_000),
		"not text at all":  strings.Repeat("\xff", 10_000),
		"half a character": "ok\xf0\x9f",
	} {
		t.Run(name, func(t *testing.T) {
			server := newMailbox(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = io.WriteString(w, body)
			})
			transport := newTransport(t, &analytics.Config{Endpoint: server.URL})
			var answer *analytics.ResponseError
			require.ErrorAs(t, transport.Send(t.Context(), newBatch(`{}`)), &answer)
			require.Equal(t, 503, answer.StatusCode)
			require.Equal(t, 7*time.Second, answer.RetryAfter)
			require.True(t, utf8.ValidString(answer.Body))
			require.LessOrEqual(t, len(answer.Body), 4096)
			if utf8.ValidString(body) {
				require.True(t, strings.HasPrefix(body, answer.Body))
				require.GreaterOrEqual(t, len(answer.Body), min(len(body), 4096)-8)
			}
		})
	}
}

func TestBrokenAnswerBodyKeepsTheStatus(t *testing.T) {
	for name, raw := range map[string]string{
		"cut at once":  "HTTP/1.1 503 Down\r\nRetry-After: 9\r\nContent-Length: 100\r\n\r\n",
		"cut half-way": "HTTP/1.1 503 Down\r\nRetry-After: 9\r\nContent-Length: 100\r\n\r\nhalf",
		"bad chunk":    "HTTP/1.1 503 Down\r\nRetry-After: 9\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			transport := newTransport(t, &analytics.Config{Endpoint: rawServer(t, raw, false)})
			var answer *analytics.ResponseError
			require.ErrorAs(t, transport.Send(t.Context(), newBatch(`{}`)), &answer)
			require.Equal(t, 503, answer.StatusCode)
			require.Equal(t, 9*time.Second, answer.RetryAfter)
		})
	}
}

// rawServer answers every request with raw bytes, then closes the connection or
// holds it until the test ends. It returns its URL.
func rawServer(t *testing.T, raw string, hold bool) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				stop := context.AfterFunc(t.Context(), func() { conn.Close() })
				defer stop()
				// Read what comes, or closing would reset the connection.
				got := make([]byte, 1<<16)
				if _, err := conn.Read(got); err != nil {
					return
				}
				if _, err := io.WriteString(conn, raw); err == nil && hold {
					<-ended
				}
			})
		}
	})
	t.Cleanup(func() { close(ended); listener.Close(); wg.Wait() })
	return "http://" + listener.Addr().String()
}

func TestAnswerBombs(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := io.CopyN(z, zeros{}, 16<<20)
	require.NoError(t, err)
	require.NoError(t, z.Close())

	sent := new(atomic.Int64)
	endless := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			chunk := bytes.Repeat([]byte("x"), 32<<10)
			for {
				n, err := w.Write(chunk)
				sent.Add(int64(n))
				if err != nil || sent.Load() > 1<<30 {
					return
				}
			}
		}
	}
	inflated := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(status)
			n, _ := w.Write(bomb.Bytes())
			sent.Add(int64(n))
		}
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		status  int // 0: delivered
	}{
		"endless 200":   {endless(200), 0},
		"endless 500":   {endless(500), 500},
		"gzip bomb 200": {inflated(200), 0},
		"gzip bomb 400": {inflated(400), 400},
	} {
		for clientName, client := range map[string]*http.Client{"own client": nil, "client that inflates": {Transport: &http.Transport{}}} {
			t.Run(name+"/"+clientName, func(t *testing.T) {
				sent.Store(0)
				server := newMailbox(t, test.handler)
				transport := newTransport(t, &analytics.Config{Endpoint: server.URL, HTTPClient: client})
				err := transport.Send(t.Context(), newBatch(`{}`))
				var answer *analytics.ResponseError
				if test.status == 0 {
					require.NoError(t, err)
				} else {
					require.ErrorAs(t, err, &answer)
					require.Equal(t, test.status, answer.StatusCode)
					require.LessOrEqual(t, len(answer.Body), 4096)
				}
				if client != nil {
					client.CloseIdleConnections()
				}
				server.Close() // waits for the handler, whose writes fail by now
				require.Less(t, sent.Load(), int64(64<<20), "what the sockets hold at most")
			})
		}
	}

	t.Run("huge headers", func(t *testing.T) {
		server := newMailbox(t, func(w http.ResponseWriter, r *http.Request) {
			for i := range 100 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("y", 10_000))
			}
		})
		transport := newTransport(t, &analytics.Config{Endpoint: server.URL})
		require.ErrorContains(t, transport.Send(t.Context(), newBatch(`{}`)), "headers exceeded")
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestBatchSizes(t *testing.T) {
	batch := newBatch(`{"n":1}`)
	require.True(t, json.Valid(batch.AppendTo(nil)))
	require.Equal(t, "x", string(batch.AppendTo([]byte("x"))[:1]), "it appends")
	batch = &analytics.Batch{SentAt: when}
	require.JSONEq(t, `{"batch":[],"sentAt":"2026-01-02T03:04:05.678Z"}`, string(batch.AppendTo(nil)))
}
