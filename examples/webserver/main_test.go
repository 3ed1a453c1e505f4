// The web server as a process of its own: SIGTERM loses no call.

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// asProgram makes the test binary the program itself, so that a test can send
// it a signal.
const asProgram = "WEBSERVER_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestHandler(t *testing.T) {
	t.Parallel()
	srv := analyticstest.NewServer()
	defer srv.Close()
	client, err := analytics.New("KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	require.NoError(t, err)
	handler := newHandler(client)

	for form, status := range map[string]int{"user=u-1&product=p-1": 201, "user=u-1": 400} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/orders", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("User-Agent", "Firefox")
		r.RemoteAddr = "203.0.113.7:4711"
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Equal(t, status, w.Code, form)
	}
	require.NoError(t, client.Close())

	calls := srv.Calls()
	require.Len(t, calls, 1)
	require.Equal(t, "203.0.113.7", calls[0].Str("context.ip"))
	require.Equal(t, "Firefox", calls[0].Str("context.userAgent"))
}

// TestSIGTERM asks for orders from all sides while the process is told to stop:
// every order that was confirmed has its call at the far end.
func TestSIGTERM(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this platform has no SIGTERM to send")
	}
	t.Parallel()
	srv := analyticstest.NewServer()
	defer srv.Close()
	endpoint, err := srv.Listen("127.0.0.1:0")
	require.NoError(t, err)

	server := start(t, "--addr", "127.0.0.1:0", "--endpoint", endpoint)
	const customers, before = 8, 400
	var confirmed sync.Map
	orders := make(chan struct{}, 1<<16)
	var customer sync.WaitGroup
	for c := range customers {
		customer.Go(func() {
			for n := 0; ; n++ {
				product := fmt.Sprintf("p-%d-%d", c, n)
				r, err := http.PostForm(server.url+"/orders", url.Values{"user": {"u"}, "product": {product}})
				if err != nil {
					return // closed
				}
				_ = r.Body.Close()
				if r.StatusCode == http.StatusCreated {
					confirmed.Store(product, true)
					orders <- struct{}{}
				}
			}
		})
	}
	for range before {
		<-orders
	}
	require.NoError(t, server.cmd.Process.Signal(syscall.SIGTERM))
	customer.Wait()
	require.NoError(t, server.cmd.Wait(), "%s", &server.stderr)

	received := map[any]bool{}
	for _, c := range srv.Events("Order Completed") {
		received[c.Str("properties.product_id")] = true
	}
	confirmed.Range(func(product, _ any) bool {
		require.True(t, received[product], "%s was confirmed and its call is lost", product)
		return true
	})
	require.GreaterOrEqual(t, len(received), before)
}

// process is the program under test.
type process struct {
	cmd    *exec.Cmd
	url    string
	stderr bytes.Buffer
}

// start runs the program and waits until it listens.
func start(t *testing.T, args ...string) *process {
	p := &process{cmd: exec.CommandContext(t.Context(), os.Args[0], args...)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	_, p.url, _ = strings.Cut(strings.TrimSpace(line), "listening on ")
	require.NotEmpty(t, p.url)
	return p
}
