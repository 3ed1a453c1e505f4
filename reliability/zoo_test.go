// The zoo: what can go wrong with a real connection, each kind once, and what the client makes of it.

package reliability_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// class is what becomes of the batch that meets a fault.
type class string

const (
	retried   class = "retried"        // in a second attempt, and delivered by it
	failed    class = "failed at once" // after one attempt
	delivered class = "delivered"      // by the first attempt
)

// fault is one inhabitant.
type fault struct {
	name  string
	class class
	conn  func(p *peer) // on the API's side of the first connection; nil for none
	warm  bool          // one call is delivered over the connection before
	large bool          // the batch has 450 KB, plain
	slow  bool          // ends with RequestTimeout, which is short then
	lost  bool          // no second connection could be better
	cross bool          // the end of the connection may cross the next request, which then needs a retry
	apart bool          // conn answers later requests itself, where nothing is recorded

	scheme  string        // "http" unless set
	roots   bool          // the client trusts the API's certificate authority
	host    string        // the endpoint's, in place of 127.0.0.1
	prepare func(z *cage) // before the client is made
	repair  func(z *cage) // between the two attempts
	dialer  *net.Dialer   // the client's
	err     any           // what the failure is, for errors.As
}

// cage is a listener whose first connection is the fault's, while all others
// are served as the API does.
type cage struct {
	*testing.T
	fault
	api    *analyticstest.Server
	server *http.Server
	queue  handed
	made   atomic.Int64
	addr   string

	mu     sync.Mutex
	listen net.Listener
	conns  []net.Conn
	wait   sync.WaitGroup
}

// peer is the API's side of a connection.
type peer struct {
	net.Conn
	in  *bufio.Reader
	api *analyticstest.Server
}

// request reads one request with its body; nil when none comes any more.
func (p *peer) request() *http.Request {
	r, err := http.ReadRequest(p.in)
	if err != nil {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}

// say writes raw bytes and reports whether they were taken.
func (p *peer) say(text string) bool {
	_, err := io.WriteString(p.Conn, text)
	return err == nil
}

// hold keeps the connection until the other side has gone.
func (p *peer) hold() { _, _ = io.Copy(io.Discard, p.in) }

// reset ends the connection with RST.
func (p *peer) reset() {
	if tcp, ok := p.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = p.Close()
}

// serve answers as the API does from here on.
func (p *peer) serve() {
	for r := p.request(); r != nil; r = p.request() {
		p.answer(r)
	}
}

func (p *peer) answer(r *http.Request) {
	w := httptest.NewRecorder()
	p.api.ServeHTTP(w, r)
	_ = w.Result().Write(p.Conn)
}

// handed is a listener of connections accepted elsewhere.
type handed struct {
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.ended:
		return nil, net.ErrClosed
	}
}

func (h *handed) Close() error {
	h.once.Do(func() { close(h.ended) })
	return nil
}

func (h *handed) Addr() net.Addr { return &net.TCPAddr{} }

func newCage(t *testing.T, f fault) *cage {
	z := &cage{T: t, fault: f, api: analyticstest.NewServer(), addr: "127.0.0.1:0"}
	z.queue = handed{conns: make(chan net.Conn), ended: make(chan struct{})}
	z.open()
	z.server = &http.Server{Handler: z.api, ErrorLog: log.New(io.Discard, "", 0)}
	if f.scheme == "https" {
		z.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificates().good}}
		z.wait.Go(func() { _ = z.server.ServeTLS(&z.queue, "", "") })
	} else {
		z.wait.Go(func() { _ = z.server.Serve(&z.queue) })
	}
	t.Cleanup(z.close)
	return z
}

// open listens, again on the same port when it did before.
func (z *cage) open() {
	listen, err := net.Listen("tcp", z.addr)
	require.NoError(z, err)
	z.mu.Lock()
	z.listen, z.addr = listen, listen.Addr().String()
	z.mu.Unlock()
	z.wait.Go(func() {
		for {
			conn, err := listen.Accept()
			if err != nil {
				return
			}
			z.mu.Lock()
			z.conns = append(z.conns, conn)
			z.mu.Unlock()
			if z.made.Add(1) == 1 && z.conn != nil {
				z.wait.Go(func() {
					defer conn.Close()
					z.conn(&peer{conn, bufio.NewReader(conn), z.api})
				})
				continue
			}
			select {
			case z.queue.conns <- conn:
			case <-z.queue.ended:
			}
		}
	})
}

func (z *cage) close() {
	z.mu.Lock()
	_ = z.listen.Close()
	for _, c := range z.conns {
		_ = c.Close()
	}
	z.mu.Unlock()
	_ = z.queue.Close()
	_ = z.server.Close()
	z.api.Close()
	z.wait.Wait()
}

// config is the client's.
func (z *cage) config(told *ledger) *analytics.Config {
	scheme, host := "http", "127.0.0.1"
	if z.scheme != "" {
		scheme = z.scheme
	}
	if z.host != "" {
		host = z.host
	}
	_, port, _ := net.SplitHostPort(z.addr)
	c := &analytics.Config{
		Endpoint: scheme + "://" + net.JoinHostPort(host, port), MaxConcurrentUploads: 1, BatchSize: 1,
		OnReceipt: told.take, MaxRetries: 3, FlushInterval: time.Hour,
		Backoff: func(int) time.Duration {
			if z.repair != nil {
				z.repair(z)
			}
			return 0
		},
	}
	if z.slow {
		c.RequestTimeout = 700 * time.Millisecond
	}
	if z.large {
		c.BatchSize, c.Compression = largeCalls, analytics.None
	}
	if z.roots || z.dialer != nil {
		through := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: certificates().roots}}
		if z.dialer != nil {
			through.DialContext = z.dialer.DialContext
		}
		z.Cleanup(through.CloseIdleConnections)
		c.HTTPClient = &http.Client{Transport: through}
	}
	return c
}

const largeCalls = 15

// send makes n calls from from on, as one batch, and waits for it.
func (z *cage) send(client *analytics.Client, from, n int) {
	z.Helper()
	for i := from; i < from+n; i++ {
		m := numbered(i)
		if z.large && n > 1 {
			m.Properties = analytics.Properties{"pad": strings.Repeat("x", 30_000)}
		}
		require.NoError(z, client.Track(context.Background(), m))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	require.NoError(z, client.Flush(ctx), "a fault holds nothing up for long")
}

// meet has a client meet the fault and returns how many connections it made for
// the 10 batches after it.
func (f fault) meet(t *testing.T) (connections int64) {
	z := newCage(t, f)
	if f.prepare != nil {
		f.prepare(z)
	}
	var told ledger
	client, err := analytics.New("WRITE_KEY", z.config(&told))
	require.NoError(t, err)
	defer client.Close()
	calls, warm, carried := 0, 0, 1
	if f.warm {
		z.send(client, 0, 1)
		calls, warm = 1, 1
	}
	if f.large {
		carried = largeCalls
	}
	z.send(client, calls, carried)
	calls += carried
	before := z.made.Load()
	for range 10 {
		if f.lost {
			break
		}
		z.send(client, calls, 1)
		calls++
	}
	connections = z.made.Load() - before
	require.NoError(t, client.Close())
	times := reached(z.api)
	for id, r := range told.all(t, calls) {
		var i int
		_, err := fmt.Sscanf(id, "call-%d", &i)
		require.NoError(t, err)
		if i < warm || i >= warm+carried {
			require.NoError(t, r.Err, "%s is fine", id)
			if !f.cross || i > warm+carried {
				require.Equal(t, 1, r.Attempts, id)
			}
			require.True(t, times[id] == 1 || f.apart && times[id] == 0, id)
			continue
		}
		switch f.class {
		case retried:
			require.NoError(t, r.Err)
			require.Equal(t, 2, r.Attempts)
			require.True(t, times[id] == 1 || f.apart && times[id] == 0, "by the second attempt")
		case failed:
			require.Error(t, r.Err)
			require.Equal(t, 1, r.Attempts, "%v", r.Err)
			if f.err != nil {
				require.ErrorAs(t, r.Err, f.err)
			}
		case delivered:
			require.NoError(t, r.Err)
			if !f.cross {
				require.Equal(t, 1, r.Attempts)
			}
		}
	}
	require.LessOrEqual(t, connections, int64(1), "connections for the 10 batches after the fault")
	return connections
}

func TestTransportZoo(t *testing.T) {
	all := append(append(namesAndPorts(), plainFaults()...), secureFaults()...)
	byClass := map[class]int{}
	var made atomic.Int64
	t.Run("faults", func(t *testing.T) {
		for _, f := range all {
			byClass[f.class]++
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				made.Add(f.meet(t))
			})
		}
	})
	require.GreaterOrEqual(t, len(all), 24)
	proved(t, "T25", "%d faults (%d retried, %d failed at once, %d delivered); %d batches after them over %d new connections",
		len(all), byClass[retried], byClass[failed], byClass[delivered], 10*len(all), made.Load())
}
