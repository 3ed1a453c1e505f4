// Mishaps: the ways in which a request of these tests goes wrong.

package reliability_test

import (
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// mishap is what becomes of a request. The zero value is none: 200.
type mishap struct {
	name   string
	status int           // instead of 200
	after  time.Duration // Retry-After
	err    error         // what the client meets instead of an answer
	stall  bool          // the client meets nothing, until it gives up
	cut    bool          // the answer's body breaks off
	stored bool          // the calls are received all the same
}

// mishaps are one of each of the nine kinds.
var mishaps = []mishap{
	{name: "500", status: 500},
	{name: "502", status: 502},
	{name: "503", status: 503},
	{name: "504", status: 504},
	{name: "429", status: 429, after: 7 * time.Second},
	{name: "reset", err: &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}},
	{name: "stall", stall: true},
	{name: "EOF", err: io.EOF},
	{name: "cut body", status: 500, cut: true},
}

// silent reports whether the client cannot know if its calls were received.
func (m mishap) silent() bool { return m.err != nil || m.stall }

// stores reports whether the calls are received.
func (m mishap) stores() bool { return m.stored || m.status == 0 && !m.silent() }

// answer is how the request ends for the client.
func (m mishap) answer(req *http.Request) (*http.Response, error) {
	switch {
	case m.stall:
		<-req.Context().Done()
		return nil, req.Context().Err()
	case m.err != nil:
		return nil, m.err
	}
	text := `{"success":true}`
	answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: req, ContentLength: int64(len(text))}
	if m.status != 0 {
		answer.StatusCode = m.status
	}
	if m.after > 0 {
		answer.Header.Set("Retry-After", strconv.Itoa(int(m.after/time.Second)))
	}
	answer.Body = io.NopCloser(strings.NewReader(text))
	if m.cut {
		answer.Body = io.NopCloser(io.MultiReader(strings.NewReader(text[:5]), brokenBody{}))
	}
	return answer, nil
}

// brokenBody is the rest of a body whose connection broke.
type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// luck picks a mishap for a share of the requests, from a seed. Where the client
// cannot know, half of the time the calls are received.
type luck struct {
	share float64
	of    []mishap

	mu     sync.Mutex
	random *rand.Rand
	met    map[string]int
}

func newLuck(seed uint64, share float64, of []mishap) *luck {
	return &luck{share: share, of: of, random: rand.New(rand.NewPCG(seed, 1)), met: make(map[string]int)}
}

// pick is an oracle's mishap.
func (l *luck) pick(int, *carried) mishap {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.random.Float64() >= l.share {
		return mishap{}
	}
	m := l.of[l.random.IntN(len(l.of))]
	m.stored = m.silent() && l.random.IntN(2) == 0
	l.met[m.name]++
	return m
}
