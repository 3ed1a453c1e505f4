// The HTTP transport and the network around it: proxies, HTTP/2, certificates, refused connections.

package analytics_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

func newProxy(t *testing.T, seen *atomic.Int64) *httptest.Server {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		if r.Method != http.MethodConnect {
			out := r.Clone(r.Context())
			out.RequestURI = ""
			resp, err := http.DefaultTransport.RoundTrip(out)
			if err != nil {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			defer resp.Body.Close()
			w.WriteHeader(resp.StatusCode)
			_, _ = io.Copy(w, resp.Body)
			return
		}
		there, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer there.Close()
		here, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			_, _ = io.Copy(there, bufio.NewReader(buffered))
			there.Close()
		}()
		_, _ = io.Copy(here, there)
	}))
	t.Cleanup(proxy.Close)
	return proxy
}

func TestProxyThroughHTTPClient(t *testing.T) {
	for name, start := range map[string]func(http.Handler) *httptest.Server{"http": httptest.NewServer, "https": httptest.NewTLSServer} {
		t.Run(name, func(t *testing.T) {
			var seen, got atomic.Int64
			server := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if l := readLetter(r); l.path == "/v1/batch" && strings.Contains(string(l.body), `{"n":1}`) {
					got.Add(1)
				}
			}))
			defer server.Close()
			proxy := newProxy(t, &seen)
			roots := x509.NewCertPool()
			if name == "https" {
				roots.AddCert(server.Certificate())
			}
			through := &http.Transport{Proxy: http.ProxyURL(mustURL(t, proxy.URL)), TLSClientConfig: &tls.Config{RootCAs: roots}}
			defer through.CloseIdleConnections()
			transport := newTransport(t, &analytics.Config{Endpoint: server.URL, HTTPClient: &http.Client{Transport: through}})
			require.NoError(t, transport.Send(t.Context(), newBatch(`{"n":1}`)))
			require.Equal(t, int64(1), got.Load())
			require.Equal(t, int64(1), seen.Load())
			through.CloseIdleConnections() // or the tunnel stays
			http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		})
	}
}

func TestHTTP2AndCustomCA(t *testing.T) {
	var protocols sync.Map
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := readLetter(r)
		protocols.Store(r.Proto, l.length == int64(len(l.wire)))
		_, _ = io.WriteString(w, `{"success":true}`)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	client := server.Client()
	defer client.CloseIdleConnections()
	transport := newTransport(t, &analytics.Config{Endpoint: server.URL, HTTPClient: client})
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 10 {
				if err := transport.Send(t.Context(), largeBatch(worker*10+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	whole, ok := protocols.Load("HTTP/2.0")
	require.True(t, ok)
	require.Equal(t, true, whole)
	_, ok = protocols.Load("HTTP/1.1")
	require.False(t, ok)
}

func TestCertificateErrorsFailAtOnce(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	receipt := sendOne(t, &analytics.Config{Endpoint: server.URL}, nil)
	var verification *tls.CertificateVerificationError
	require.ErrorAs(t, receipt.Err, &verification)
	require.Equal(t, 1, receipt.Attempts)
}

func TestConnectionRefusedIsRetried(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	receipt := sendOne(t, &analytics.Config{Endpoint: closed.URL, MaxRetries: 2}, nil)
	require.ErrorIs(t, receipt.Err, syscall.ECONNREFUSED)
	require.Equal(t, 3, receipt.Attempts)
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	require.NoError(t, err)
	return u
}
