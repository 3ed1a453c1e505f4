// Retry-After: every form a server or a proxy sends, sound and broken, as bytes on a connection.

package reliability_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// absent is the wait after an answer that asks for none: the Backoff of these
// tests, told apart from a pause of whole seconds.
const absent = 77 * time.Millisecond

// asking is one answer and the wait that it must lead to.
type asking struct {
	headers string // lines as they stand on the wire
	want    time.Duration
}

// bubble is when the clock of a synctest bubble begins.
var bubble = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// askings is the corpus.
func askings() []asking {
	const cap = 300 * time.Second
	after := func(v string, want time.Duration) asking { return asking{"Retry-After: " + v + "\r\n", want} }
	asked := []asking{
		{"", absent}, {"Retry-After:\r\n", absent}, after("", absent), after("   ", absent), after("\t", absent),
		after("1", time.Second), after("2", 2*time.Second), after("60", time.Minute), after("299", 299*time.Second),
		after("300", cap), after("301", cap), after("3600", cap), after("86400", cap),
		after("007", 7*time.Second), after(" 5", 5*time.Second), after("5 ", 5*time.Second), after("\t5\t", 5*time.Second),
		after("0", absent), after("00", absent), after("-0", absent), after("-1", absent), after("-60", absent),
		after("9223372036", cap), after("9223372037", cap), after("18446744074", cap), // times 1e9 they overflow
		after("9223372036854775807", cap), after("9223372036854775808", cap), after("18446744073709551617", cap),
		after("1"+strings.Repeat("0", 30), cap), after(strings.Repeat("9", 5000), cap), after(strings.Repeat("0", 5000)+"9", 9*time.Second),
		after("-9223372036854775808", absent), after("-"+strings.Repeat("9", 30), absent),
		after("+5", absent), after("5.0", absent), after("5,0", absent), after("1e3", absent), after("0x10", absent),
		after("1_000", absent), after("5s", absent), after("5 seconds", absent), after("five", absent), after("5;q=1", absent),
		after("5, 7", absent), after(`"5"`, absent), after("NaN", absent), after("inf", absent), after("null", absent),
		after("٥", absent), after("\xff\xfe", absent), after("1\u00a0", time.Second),
		{"retry-after: 5\r\n", 5 * time.Second}, {"RETRY-AFTER: 5\r\n", 5 * time.Second}, {"X-Retry-After: 5\r\n", absent},
		{"Retry-After: 5\r\nRetry-After: 50\r\n", 5 * time.Second}, {"Retry-After: soon\r\nRetry-After: 50\r\n", absent},
	}
	const rfc850, asctime = "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC
	for _, layout := range []string{http.TimeFormat, rfc850, asctime} {
		date := func(ahead time.Duration) string { return bubble.Add(ahead).Format(layout) }
		asked = append(asked,
			after(date(90*time.Second), 90*time.Second), after(date(time.Hour), cap), after(date(0), absent), after(date(-time.Hour), absent))
		// The server's clock is off by a day, and both its dates are.
		for _, skew := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
			served := "Date: " + bubble.Add(skew).Format(http.TimeFormat) + "\r\nRetry-After: "
			asked = append(asked,
				asking{served + date(skew+30*time.Second) + "\r\n", 30 * time.Second},
				asking{served + date(skew) + "\r\n", absent},
				asking{served + date(skew+48*time.Hour) + "\r\n", cap})
		}
	}
	asked = append(asked,
		after("Fri, 31 Dec 9999 23:59:59 GMT", cap), after("Mon, 01 Jan 0001 00:00:00 GMT", absent),
		after("Sat, 01 Jan 2000 00:01:00 PST", absent), after("Sat, 32 Jan 2000 00:01:00 GMT", absent),
		after("2000-01-01T00:01:00Z", absent), after("01 Jan 2000", absent), after("946684860", cap), // a Unix time is a long wait
		asking{"Date: yesterday\r\nRetry-After: " + bubble.Add(time.Minute).Format(http.TimeFormat) + "\r\n", time.Minute},
	)
	return asked
}

func TestRetryAfterOnTheWire(t *testing.T) {
	asked := askings()
	require.GreaterOrEqual(t, len(asked), 60)
	statuses := []string{"429 Too Many Requests", "503 Service Unavailable", "408 Request Timeout"}
	least, most := time.Hour, time.Duration(0)
	for i, a := range asked {
		wait := waitAfter(t, statuses[i%len(statuses)], a.headers)
		require.Equal(t, a.want, wait, "case %d: %.80q", i, a.headers)
		least, most = min(least, wait), max(most, wait)
	}
	random := rand.New(rand.NewPCG(seed(t), 19))
	noise := size(100, 5000)
	for range noise {
		header := "Retry-After: " + garbled(random) + "\r\n"
		wait := waitAfter(t, statuses[0], header)
		require.GreaterOrEqual(t, wait, absent, "%q", header)
		require.LessOrEqual(t, wait, 300*time.Second, "%q", header)
		least, most = min(least, wait), max(most, wait)
	}
	proved(t, "T19", "%d cases exact, %d garbled ones, waits from %v to %v", len(asked), noise, least, most)
}

// garbled makes a value out of what such values are made of.
func garbled(random *rand.Rand) string {
	parts := []string{"1", "9", "0", "99999", "-", "+", ".", " ", "e", ":", ",", "GMT", "Jan", "Sat", "01", "2000", "31-Dec-99", "24:00:00", "ÿ"}
	var b strings.Builder
	for range 1 + random.IntN(8) {
		b.WriteString(parts[random.IntN(len(parts))])
	}
	return b.String()
}

// waitAfter has one call answered with a status and headers, then accepted, and
// returns the time between its two requests.
func waitAfter(t *testing.T, status, headers string) (wait time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		wire := &wire{answers: []string{"HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: 0\r\n\r\n"}}
		defer wire.close()
		client, err := analytics.New("WRITE_KEY", &analytics.Config{
			Endpoint: "http://analytics.test", HTTPClient: &http.Client{Transport: &http.Transport{DialContext: wire.dial}},
			BatchSize: 1, Backoff: func(int) time.Duration { return absent },
		})
		require.NoError(t, err)
		accept(t, client, 0, 1)
		time.Sleep(10 * time.Minute) // Flush would cut a backoff short
		require.NoError(t, client.Close())
		require.Equal(t, uint64(1), client.Stats().Delivered, "%.80q", headers)
		require.Len(t, wire.at, 2, "%.80q", headers)
		wait = wire.at[1].Sub(wire.at[0])
	})
	return wait
}

// wire is the API at the other end of an in-memory connection: it answers with
// the bytes it was given, and with success when they are used up.
type wire struct {
	mu      sync.Mutex
	answers []string
	at      []time.Time // when each request had come
	conns   []net.Conn
	serving sync.WaitGroup
}

func (w *wire) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	w.mu.Lock()
	w.conns = append(w.conns, here, there)
	w.mu.Unlock()
	w.serving.Go(func() { w.serve(there) })
	return here, nil
}

func (w *wire) serve(conn net.Conn) {
	defer conn.Close()
	for in := bufio.NewReader(conn); ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		if _, err := io.WriteString(conn, w.answer()); err != nil {
			return
		}
	}
}

func (w *wire) answer() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = append(w.at, time.Now())
	if len(w.answers) == 0 {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", 2, "{}")
	}
	answer := w.answers[0]
	w.answers = w.answers[1:]
	return answer
}

func (w *wire) close() {
	w.mu.Lock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.serving.Wait()
}
