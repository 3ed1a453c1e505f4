//go:build linux

// Abuse: bombs, slow connections and malformed requests, while others are served and the memory is measured.

package collector_test

import (
	"bytes"
	gz "compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/internal/ingest"
)

// mostMemory is what the collector may take under abuse: 256 requests being
// received, each with one body of half a megabyte in a buffer that grew by
// doubling and then copied, and the garbage of as much again; what the database
// caches, 96 MB; and as much for all else.
const mostMemory = 512 << 20

// slowConnections are open at once.
const slowConnections = 200

// TestAbuse does all of it at once, to one collector that also serves a client
// and somebody who looks at the pages.
func TestAbuse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	patience := 2 * time.Second
	if long() {
		patience = 0 // the server's own timeouts
	}
	p := start(t, options{Data: dir, Patience: patience})
	p.get("/")
	p.client.CloseIdleConnections()
	before := p.settled(1 << 20)

	pace := 20 * time.Millisecond
	if underRace() {
		pace *= 10
	}
	good := send(t, newTarget(p), "goodKey", pace)
	good.progress(t)
	pages := p.watch(5*pace, "/", "/sources/default", "/sources/default/debugger", "/api/sources/goodKey/overview")
	var slow, fast sync.WaitGroup
	done := make(chan struct{})
	for i := range slowConnections {
		slow.Go(func() { check(t, slowly[i%len(slowly)].again(p.addr, done)) })
	}
	fast.Go(func() { check(t, p.bombs()) })
	for worker := range 8 {
		fast.Go(func() { check(t, p.malformed(rand.New(rand.NewPCG(7, uint64(worker))), amount(10_000, 100_000)/8)) })
	}
	fast.Wait()
	during := p.state()
	close(done)
	slow.Wait()
	good.progress(t)
	times := pages()
	delivered := good.end(t)
	p.client.CloseIdleConnections()
	after := p.settled(before.Goroutines)

	require.GreaterOrEqual(t, during.Connections, int64(slowConnections*9/10), "those that were cut come back")
	require.Positive(t, after.Peak)
	t.Logf("%d calls delivered; at most %d MiB, at first %d; %d connections after the last malformed request",
		len(delivered), after.Peak>>20, before.Peak>>20, during.Connections)
	for path, list := range times {
		t.Logf("%-35s %s", path, spread(list))
	}
	if !underRace() {
		require.Less(t, after.Peak, int64(mostMemory))
	}
	require.Equal(t, len(delivered), p.overview("goodKey").Eligible)
	p.stop()
	require.NotContains(t, p.log.String(), "level=ERROR")
	requireStored(t, dir, "goodKey", delivered)
}

// settled waits until all connections are gone and no more than so many
// goroutines are left.
func (p *child) settled(goroutines int) state {
	p.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		s := p.state()
		if s.Connections == 0 && s.Goroutines <= goroutines {
			return s
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			require.Fail(p.t, "connections or goroutines stay", "%+v, not %d goroutines", s, goroutines)
		}
	}
}

// bombs sends bodies that grow when they are inflated: 480 MB in one piece, and
// 10 GB in two.
func (p *child) bombs() error {
	member := deflated(make([]byte, 10<<20))
	nested := deflated(bytes.Repeat(member, 1024))
	once := bytes.Repeat(member, 48)
	list := deflated([]byte(`{"batch":[` + strings.Repeat("{},", 1<<20) + `{}]}`))
	if len(once) > ingest.MaxWireBytes || len(nested) > ingest.MaxWireBytes {
		return fmt.Errorf("bombs of %d and %d bytes are too large to be read", len(once), len(nested))
	}
	for range size(3, 50) {
		for _, body := range [][]byte{once, nested, list} {
			for _, encoding := range []string{"gzip", "", "x-gzip", "gzip, gzip"} {
				h := hostile{path: "/v1/batch", body: string(body), headers: []string{"Content-Encoding", encoding}}
				if err := p.demand(h, http.StatusBadRequest, http.StatusUnsupportedMediaType); err != nil {
					return fmt.Errorf("a bomb of %d bytes as %q: %w", len(body), encoding, err)
				}
			}
		}
	}
	return nil
}

func deflated(plain []byte) []byte {
	var b bytes.Buffer
	w, _ := gz.NewWriterLevel(&b, gz.BestCompression)
	_, _ = w.Write(plain)
	_ = w.Close()
	return b.Bytes()
}

// slowness is a way to hold a connection: what is sent at first, and then again
// and again.
type slowness struct {
	name        string
	first, drop string
}

var slowly = []slowness{
	{"nothing", "", ""},
	{"headers", "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", "a"},
	{"body", "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n\r\n{\"batch\":[", " "},
	{"inflated body", "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" +
		chunk(unfinished(`{"batch":[`+strings.Repeat(" ", 499_000))), ""},
	{"answers", strings.Repeat("GET /assets/"+chart+" HTTP/1.1\r\nHost: localhost\r\n\r\n", 100), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
}

const chart = "vendor/chart-4.6.1.umd.min.js" // the largest file

// unfinished is plain deflated, without an end.
func unfinished(plain string) string {
	var b bytes.Buffer
	w := gz.NewWriter(&b)
	_, _ = io.WriteString(w, plain)
	_ = w.Flush()
	return b.String()
}

func chunk(data string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(data), data) }

// again holds one connection after the other, and the last one until it is cut.
func (s slowness) again(addr string, done <-chan struct{}) error {
	for {
		if err := s.connect(addr); err != nil {
			return err
		}
		select {
		case <-done:
			return nil
		default:
		}
	}
}

// connect holds a connection and returns when the collector has cut it.
func (s slowness) connect(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		return err
	}
	_, _ = io.WriteString(c, s.first) // a failure shows again
	cut := make(chan error, 1)
	if s.name != "answers" { // which are not read
		go func() {
			_, err := io.Copy(io.Discard, c)
			cut <- err
		}()
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case err = <-cut:
		case <-ticker.C:
			if _, err = io.WriteString(c, s.drop); err == nil {
				continue
			}
		}
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			return fmt.Errorf("a connection with slow %s is not cut", s.name)
		}
		return nil
	}
}

// hostile is a request.
type hostile struct {
	method, path, body string
	headers            []string // in pairs
}

// demand sends a request, whose answer must have one of these statuses.
func (p *child) demand(h hostile, want ...int) error {
	if h.method == "" {
		h.method = http.MethodPost
	}
	r, err := http.NewRequest(h.method, p.url()+h.path, strings.NewReader(h.body))
	if err != nil {
		return err
	}
	for i := 0; i < len(h.headers); i += 2 {
		if r.Header.Add(h.headers[i], h.headers[i+1]); h.headers[i] == "Host" {
			r.Host = h.headers[i+1]
		}
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if !slices.Contains(want, resp.StatusCode) {
		return fmt.Errorf("answered %d, want one of %v", resp.StatusCode, want)
	}
	return nil
}

// malformed sends n requests of all kinds.
func (p *child) malformed(random *rand.Rand, n int) error {
	var kinds []kind
	for _, k := range nonsense {
		kinds = append(kinds, slices.Repeat([]kind{k}, k.share)...)
	}
	for range n {
		k := kinds[random.IntN(len(kinds))]
		send := func() error { return p.sendRaw(k.raw(random)) }
		if k.raw == nil {
			send = func() error { return p.demand(k.request(random), k.want...) }
		}
		if err := send(); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

// sendRaw sends text that is hardly HTTP and waits until the connection is
// closed, with an answer or without.
func (p *child) sendRaw(text string) error {
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	_, _ = io.WriteString(c, text) // the collector may close before its end
	_ = c.(*net.TCPConn).CloseWrite()
	_, err = io.Copy(io.Discard, c)
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return nil
}
