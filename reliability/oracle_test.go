// The oracle: a Tracking API in memory that keeps a few bytes for each call, so that millions fit.

package reliability_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// traced is the n-th call of a test. The oracle finds n in it three times.
// pad bytes more make it larger.
func traced(n, pad int) analytics.Track {
	p := analytics.Properties{"i": n, "text": textOf(n)}
	if pad > 0 {
		p["pad"] = strings.Repeat("x", pad)
	}
	return analytics.Track{UserID: "user_1", Event: "Numbered", MessageID: callID(n), Properties: p}
}

func textOf(n int) string { return "text " + strconv.Itoa(n) }

// numberOf returns n of callID, -1 for another id.
func numberOf(id string) int {
	digits, ok := strings.CutPrefix(id, "call-")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil {
		return -1
	}
	return n
}

// oracle is an http.RoundTripper and an http.Handler. Its fields are set before
// the first request.
type oracle struct {
	// mishap says what becomes of the n-th request, 0 being the first to arrive.
	// Nil answers 200 to all.
	mishap func(n int, r *carried) mishap
	// takes is what every answer takes.
	takes time.Duration

	seed maphash.Seed

	mu        sync.Mutex
	calls     []heard // by number
	requests  int
	mostBytes int // of a plain body received
	mostCalls int // of a request
	copies    int // calls received again
	wrong     []string
}

// heard is what the oracle keeps of a call.
type heard struct {
	times int32
	sum   uint64 // of its bytes
}

func newOracle(calls int) *oracle {
	return &oracle{seed: maphash.MakeSeed(), calls: make([]heard, calls)}
}

// config returns a Config that reaches the oracle through memory.
func (o *oracle) config() analytics.Config {
	return analytics.Config{Endpoint: "http://oracle.test", HTTPClient: &http.Client{Transport: o}, WhenFull: analytics.Block}
}

// newClient returns a client of c, which the test closes. Where it fails before
// that, the client gives up what it holds.
func newClient(t *testing.T, c analytics.Config) *analytics.Client {
	t.Helper()
	client, err := analytics.New("WRITE_KEY", &c)
	require.NoError(t, err)
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = client.Shutdown(ended)
	})
	return client
}

// RoundTrip implements http.RoundTripper.
func (o *oracle) RoundTrip(req *http.Request) (*http.Response, error) {
	in, err := o.read(req)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	n := o.requests
	o.requests++
	o.mu.Unlock()
	var m mishap
	if o.mishap != nil {
		m = o.mishap(n, in)
	}
	if m.stores() {
		o.receive(in)
	}
	if o.takes > 0 {
		select {
		case <-time.After(o.takes):
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}
	return m.answer(req)
}

// ServeHTTP implements http.Handler: over a socket everything goes well.
func (o *oracle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in, err := o.read(r)
	if err != nil {
		return // the client's connection broke
	}
	o.mu.Lock()
	o.requests++
	o.mu.Unlock()
	o.receive(in)
	_, _ = io.WriteString(w, `{"success":true}`)
}

// carried is what a request carries, decoded when somebody asks: most of the
// requests of an outage are not looked into.
type carried struct {
	o       *oracle
	body    []byte
	calls   []arrival
	decoded bool
}

// arrival is one call of a request.
type arrival struct {
	MessageID  string
	Properties struct {
		I    int
		Text string
	}
	raw json.RawMessage
}

// read takes a request in. An error is the connection's; a body that is not what
// a client should send goes into wrong.
func (o *oracle) read(r *http.Request) (*carried, error) {
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if r.Header.Get("Content-Encoding") == "gzip" {
		if body, err = inflate(body); err != nil {
			o.complain("gzip: %v", err)
		}
	}
	return &carried{o: o, body: body}, nil
}

func (c *carried) decode() []arrival {
	if c.decoded {
		return c.calls
	}
	var sent struct{ Batch []json.RawMessage }
	if err := json.Unmarshal(c.body, &sent); err != nil {
		c.o.complain("body: %v", err)
	}
	c.calls, c.decoded = make([]arrival, len(sent.Batch)), true
	for i, raw := range sent.Batch {
		if err := json.Unmarshal(raw, &c.calls[i]); err != nil {
			c.o.complain("call: %v", err)
		}
		c.calls[i].raw = raw
	}
	return c.calls
}

// numbers are those of the calls, in order.
func (c *carried) numbers() []int {
	calls := c.decode()
	numbers := make([]int, len(calls))
	for i := range calls {
		numbers[i] = numberOf(calls[i].MessageID)
	}
	return numbers
}

var inflaters sync.Pool

func inflate(body []byte) ([]byte, error) {
	z, ok := inflaters.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	defer inflaters.Put(z)
	if err := z.Reset(bytes.NewReader(body)); err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// receive takes the calls in and checks each: it is one of the test's, what it
// says is what it said when it was made, and a copy is the same byte for byte.
func (o *oracle) receive(in *carried) {
	arrived := in.decode()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mostBytes = max(o.mostBytes, len(in.body))
	o.mostCalls = max(o.mostCalls, len(arrived))
	for i := range arrived {
		a := &arrived[i]
		n := numberOf(a.MessageID)
		if n < 0 || n >= len(o.calls) {
			o.wrong = append(o.wrong, "nobody made "+a.MessageID)
			continue
		}
		h, sum := &o.calls[n], maphash.Bytes(o.seed, a.raw)
		switch {
		case a.Properties.I != n || a.Properties.Text != textOf(n):
			o.wrong = append(o.wrong, "corrupted: "+string(a.raw))
		case h.times > 0 && h.sum != sum:
			o.wrong = append(o.wrong, "not a copy: "+string(a.raw))
		}
		if h.times > 0 {
			o.copies++
		}
		h.times++
		h.sum = sum
	}
}

func (o *oracle) complain(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wrong = append(o.wrong, fmt.Sprintf(format, args...))
}

// received reports whether the n-th call has arrived.
func (o *oracle) received(n int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls[n].times > 0
}

// unheard returns how many of the oracle's calls have not arrived, and requires
// those that have to be intact.
func (o *oracle) unheard(t *testing.T) (missing int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	require.Empty(t, o.wrong[:min(len(o.wrong), 5)])
	for i := range o.calls {
		if o.calls[i].times == 0 {
			missing++
		}
	}
	return missing
}
