// The HTTP transport and its connections: reuse, buffers, timeouts.

package analytics_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// countingServer starts a server and counts the connections made to it and the most
// that were open at once.
func countingServer(t *testing.T, handler http.HandlerFunc) (server *httptest.Server, made, most *atomic.Int64) {
	made, most = new(atomic.Int64), new(atomic.Int64)
	var open atomic.Int64
	server = httptest.NewUnstartedServer(handler)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			made.Add(1)
			now := open.Add(1)
			for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
			}
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server, made, most
}

func TestConnectionsAreReused(t *testing.T) {
	for name, body := range map[string]string{
		"empty":    "",
		"success":  `{"success":true}`,
		"60 KB":    strings.Repeat("x", 60_000),
		"no UTF-8": "\xff\xfe",
	} {
		for _, status := range []int{200, 400, 401, 429, 500, 503} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				server, made, _ := countingServer(t, func(w http.ResponseWriter, r *http.Request) {
					readLetter(r)
					w.WriteHeader(status)
					_, _ = io.WriteString(w, body)
				})
				transport := newTransport(t, &analytics.Config{Endpoint: server.URL})
				for range 10 {
					require.Equal(t, status == 200, transport.Send(t.Context(), newBatch(`{}`)) == nil)
				}
				require.Equal(t, int64(1), made.Load())
			})
		}
	}
}

func TestConnectionsOfConcurrentUploads(t *testing.T) {
	const uploads = 4
	var requests atomic.Int64
	server, made, most := countingServer(t, func(w http.ResponseWriter, r *http.Request) {
		readLetter(r)
		if requests.Add(1)%10 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = io.WriteString(w, `{"success":true}`)
	})
	client, err := analytics.New(secretKey, &analytics.Config{
		Endpoint: server.URL, BatchSize: 1, MaxConcurrentUploads: uploads,
		Backoff: func(int) time.Duration { return 0 },
	})
	require.NoError(t, err)
	for range 200 {
		require.NoError(t, client.Track(t.Context(), analytics.Track{UserID: "u", Event: "e"}))
	}
	require.NoError(t, client.Close())
	require.Equal(t, uint64(200), client.Stats().Delivered)
	require.Greater(t, requests.Load(), int64(200))
	// One dial of each upload may be overtaken by a connection that came free.
	require.LessOrEqual(t, made.Load(), int64(2*uploads), "for %d requests", requests.Load())
	require.LessOrEqual(t, most.Load(), int64(2*uploads))
}

// largeBatch is a batch whose bodies all carry its number.
func largeBatch(n int) *analytics.Batch {
	b := &analytics.Batch{WriteKey: secretKey, SentAt: when}
	body := fmt.Appendf(nil, `{"n":%d,"pad":%q}`, n, strings.Repeat(fmt.Sprintf("%04d", n), 4000))
	for range 20 {
		b.Entries = append(b.Entries, analytics.Entry{Body: body})
	}
	return b
}

// TestBodiesAreNotReusedTooEarly has a server answer before it has read the
// body, so that net/http still reads it when Send has returned, while the next
// batch is being encoded. Under the race detector a buffer reused too early
// fails by itself; what the server does read must be of one batch.
func TestBodiesAreNotReusedTooEarly(t *testing.T) {
	for name, compression := range map[string]analytics.Compression{"gzip": analytics.Gzip, "none": analytics.None} {
		t.Run(name, func(t *testing.T) {
			var n, whole atomic.Int64
			early := "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if order := n.Add(1) % 3; order != 0 {
					conn, buffered, err := http.NewResponseController(w).Hijack()
					if err != nil {
						return
					}
					defer conn.Close()
					_, _ = io.WriteString(conn, early)
					if order == 1 {
						return // with most of the body unread
					}
					_, _ = io.Copy(io.Discard, buffered) // while the next batch is encoded
					return
				}
				l := readLetter(r)
				sent, _, _ := strings.Cut(string(l.body), `],"sentAt"`)
				first, _, _ := strings.Cut(strings.TrimPrefix(sent, `{"batch":[`), `,{`)
				if sent != `{"batch":[`+strings.Repeat(first+",", 19)+first {
					t.Errorf("a request carries a mixture, beginning %.60q", l.body)
				}
				whole.Add(1)
			}))
			defer server.Close()
			transport := newTransport(t, &analytics.Config{Endpoint: server.URL, Compression: compression})
			var wg sync.WaitGroup
			for worker := range 4 {
				wg.Go(func() {
					for i := range 25 {
						_ = transport.Send(context.Background(), largeBatch(worker*25+i))
					}
				})
			}
			wg.Wait()
			require.GreaterOrEqual(t, whole.Load(), int64(33), "one in three")
		})
	}
}

// TestBodyHeldByARoundTripper reads a request body when Send has long returned.
func TestBodyHeldByARoundTripper(t *testing.T) {
	var held []io.ReadCloser
	client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		held = append(held, r.Body)
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
	})}
	transport := newTransport(t, &analytics.Config{Endpoint: "https://api.example", HTTPClient: client, Compression: analytics.None})
	for i := range 10 {
		require.NoError(t, transport.Send(t.Context(), newBatch(fmt.Sprintf(`{"n":%d}`, i))))
	}
	for i, body := range held {
		got, err := io.ReadAll(body)
		require.NoError(t, err)
		require.Contains(t, string(got), fmt.Sprintf(`{"batch":[{"n":%d}]`, i))
		require.NoError(t, body.Close())
		require.NoError(t, body.Close())
		_, err = body.Read(make([]byte, 1))
		require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
	}
}

// brittleConn is a connection that can die without anybody noticing.
type brittleConn struct {
	net.Conn
	dead *atomic.Bool
}

func (c brittleConn) Write(p []byte) (int, error) {
	if c.dead.Load() {
		return 0, syscall.EPIPE
	}
	return c.Conn.Write(p)
}

// TestDeadIdleConnection lets connections die while they are idle, which
// net/http finds out only when it writes: GetBody lets it try again at once on a
// new one.
func TestDeadIdleConnection(t *testing.T) {
	server, made, _ := countingServer(t, func(w http.ResponseWriter, r *http.Request) {
		if l := readLetter(r); !strings.HasSuffix(string(l.body), "}") {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	var last *atomic.Bool
	brittle := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		last = new(atomic.Bool)
		return brittleConn{conn, last}, err
	}}
	defer brittle.CloseIdleConnections()
	transport := newTransport(t, &analytics.Config{Endpoint: server.URL, HTTPClient: &http.Client{Transport: brittle}})
	for i := range 20 {
		require.NoError(t, transport.Send(t.Context(), largeBatch(i)), "batch %d", i)
		last.Store(true)
	}
	require.Equal(t, int64(20), made.Load())
}

// TestServerThatClosesIdleConnections closes each of them as soon as it is idle.
// Where that crosses a request half written the attempt fails, and is made again
// like any other.
func TestServerThatClosesIdleConnections(t *testing.T) {
	var mu sync.Mutex
	ids := map[string]bool{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := readLetter(r)
		var got struct{ Batch []struct{ MessageID string } }
		if json.Unmarshal(l.body, &got) != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, m := range got.Batch {
			ids[m.MessageID] = true
		}
	}))
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateIdle {
			c.Close()
		}
	}
	server.Start()
	defer server.Close()
	var failed []error // appended to on the one goroutine of OnReceipt
	client, err := analytics.New(secretKey, &analytics.Config{
		Endpoint: server.URL, BatchSize: 1, Backoff: func(int) time.Duration { return 0 },
		OnReceipt: func(r analytics.Receipt) {
			if r.Err != nil {
				failed = append(failed, r.Err)
			}
		},
	})
	require.NoError(t, err)
	for range 50 {
		require.NoError(t, client.Track(t.Context(), analytics.Track{UserID: "u", Event: "e"}))
	}
	require.NoError(t, client.Close())
	require.Empty(t, failed)
	require.Equal(t, uint64(50), client.Stats().Delivered)
	require.Len(t, ids, 50)
}

// TestReplaySendsTheWholeBody gives a RoundTripper's retry the body again.
func TestReplaySendsTheWholeBody(t *testing.T) {
	client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		_, _ = io.CopyN(io.Discard, r.Body, 5)
		r.Body.Close()
		again, err := r.GetBody()
		require.NoError(t, err)
		defer again.Close()
		got, err := io.ReadAll(again)
		require.NoError(t, err)
		require.Equal(t, r.ContentLength, int64(len(got)))
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
	})}
	transport := newTransport(t, &analytics.Config{Endpoint: "https://api.example", HTTPClient: client})
	require.NoError(t, transport.Send(t.Context(), largeBatch(1)))
}

func TestRequestTimeout(t *testing.T) {
	const timeout = 100 * time.Millisecond
	for name, test := range map[string]struct {
		raw       string
		delivered bool
		status    int
	}{
		"silent":              {"", false, 0},
		"half a status line":  {"HTTP/1.", false, 0},
		"half the headers":    {"HTTP/1.1 200 OK\r\nX-A: ", false, 0},
		"half a body of 200":  {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", true, 0},
		"half a body of 500":  {"HTTP/1.1 500 Oh\r\nContent-Length: 100\r\n\r\nhalf", false, 500},
		"switching protocols": {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", false, 101},
		"only informational":  {"HTTP/1.1 103 Early Hints\r\n\r\n", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport := newTransport(t, &analytics.Config{Endpoint: rawServer(t, test.raw, true), RequestTimeout: timeout})
			start := time.Now()
			err := transport.Send(t.Context(), newBatch(`{}`))
			require.Less(t, time.Since(start), 50*timeout)
			var answer *analytics.ResponseError
			switch {
			case test.delivered:
				require.NoError(t, err)
			case test.status != 0:
				require.ErrorAs(t, err, &answer)
				require.Equal(t, test.status, answer.StatusCode)
			default:
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
		})
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	transport := newTransport(t, &analytics.Config{Endpoint: rawServer(t, "", true)})
	ctx, cancel := context.WithCancel(t.Context())
	stop := time.AfterFunc(50*time.Millisecond, cancel)
	defer stop.Stop()
	require.ErrorIs(t, transport.Send(ctx, newBatch(`{}`)), context.Canceled)
}

func TestHTTPClientIsNotModified(t *testing.T) {
	server := newMailbox(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusFound) })
	redirected := func(*http.Request, []*http.Request) error { return errors.New("asked the user's client") }
	client := &http.Client{Timeout: time.Minute, CheckRedirect: redirected}
	before := *client
	transport := newTransport(t, &analytics.Config{Endpoint: server.URL, HTTPClient: client})
	var answer *analytics.ResponseError
	require.ErrorAs(t, transport.Send(t.Context(), newBatch(`{}`)), &answer)
	transport.CloseIdleConnections()
	require.Equal(t, before.Timeout, client.Timeout)
	require.Equal(t, before.Transport, client.Transport)
	require.Equal(t, before.Jar, client.Jar)
	require.Equal(t, reflect.ValueOf(redirected).Pointer(), reflect.ValueOf(client.CheckRedirect).Pointer())
}

func TestIdleConnectionsOfTheUserStay(t *testing.T) {
	server, made, _ := countingServer(t, func(w http.ResponseWriter, r *http.Request) { readLetter(r) })
	own := &http.Transport{}
	defer own.CloseIdleConnections()
	client, err := analytics.New(secretKey, &analytics.Config{Endpoint: server.URL, HTTPClient: &http.Client{Transport: own}})
	require.NoError(t, err)
	require.NoError(t, client.Track(t.Context(), analytics.Track{UserID: "u", Event: "e"}))
	require.NoError(t, client.Close())
	resp, err := (&http.Client{Transport: own}).Post(server.URL, "", nil)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, int64(1), made.Load())
}

// newProxy is a small proxy: CONNECT for https, absolute URLs for http.
