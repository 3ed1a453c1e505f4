// End to end: a client, the Tracking API and the auth server in one bubble.

package oauth_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
	"github.com/headwater-dev/analytics/oauth"
)

// house is a client between both servers.
type house struct {
	*analytics.Client
	auth     *authServer
	api      *analyticstest.Server
	receipts chan analytics.Receipt
}

func newHouse(t *testing.T, change func(c *analytics.Config)) *house {
	t.Helper()
	h := &house{auth: newAuthServer(), api: analyticstest.NewServer(), receipts: make(chan analytics.Receipt, 100)}
	c := analytics.Config{
		Endpoint: h.api.URL, HTTPClient: h.api.Client(), TokenSource: newSource(t, config(h.auth)),
		BatchSize: 2, OnReceipt: func(r analytics.Receipt) { h.receipts <- r },
	}
	if change != nil {
		change(&c)
	}
	client, err := analytics.New("KEY", &c)
	require.NoError(t, err)
	h.Client = client
	return h
}

// deliver sends one batch of two and returns the errors of its receipts.
func (h *house) deliver(t *testing.T) []error {
	t.Helper()
	for range 2 {
		require.NoError(t, h.Track(t.Context(), analytics.Track{UserID: "u", Event: "E"}))
	}
	return []error{(<-h.receipts).Err, (<-h.receipts).Err}
}

// bearers are the Authorization headers that the API saw.
func (h *house) bearers() (bearers []string) {
	for _, r := range h.api.Requests() {
		bearers = append(bearers, r.Header.Get("Authorization"))
	}
	return bearers
}

func (h *house) close(t *testing.T) {
	t.Helper()
	require.NoError(t, h.Close())
	h.api.Close()
}

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 511} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, nil)
			defer h.close(t)
			h.api.Script(analyticstest.Status(status))
			began := time.Now()
			require.Equal(t, []error{nil, nil}, h.deliver(t))
			require.Zero(t, time.Since(began), "without a wait")
			require.Equal(t, []error{nil, nil}, h.deliver(t))
			require.Equal(t, []string{"Bearer token-1", "Bearer token-2", "Bearer token-2"}, h.bearers())
			require.Equal(t, 2, h.auth.requests())
			require.Len(t, h.api.Delivered(), 4)
			require.Equal(t, "KEY", h.api.Calls()[0].WriteKey, "the body carries it")
			require.Zero(t, h.Stats().Retries)
		})
	}
}

func TestTokenRefusedTwice(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 511} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, nil)
			defer h.close(t)
			h.api.Script(analyticstest.Status(status), analyticstest.Status(status))
			for _, err := range h.deliver(t) {
				var answer *analytics.ResponseError
				require.ErrorAs(t, err, &answer)
				require.Equal(t, status, answer.StatusCode)
			}
			require.Equal(t, []string{"Bearer token-1", "Bearer token-2"}, h.bearers())
			require.Equal(t, uint64(2), h.Stats().Failed.Rejected)
			require.Empty(t, h.api.Calls())
		})
	}
}

// Batches under way when a token is revoked: each is refused, all are delivered,
// and the auth server is asked once.
func TestRevocationUnderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(c *analytics.Config) { c.MaxConcurrentUploads = 4 })
		defer h.close(t)
		require.Equal(t, []error{nil, nil}, h.deliver(t))
		var late atomic.Int64
		h.api.Respond(func(r *analyticstest.Request) analyticstest.Answer {
			if r.Header.Get("Authorization") == "Bearer token-1" { // each refusal comes a second later
				return analyticstest.Answer{Status: 401, Delay: time.Duration(late.Add(1)) * time.Second}
			}
			return analyticstest.Answer{}
		})
		for range 8 {
			require.NoError(t, h.Track(t.Context(), analytics.Track{UserID: "u", Event: "E"}))
		}
		for range 8 {
			require.NoError(t, (<-h.receipts).Err)
		}
		require.Equal(t, int64(4), late.Load())
		require.Equal(t, 2, h.auth.requests())
		require.Len(t, h.api.Delivered(), 10)
	})
}

// A refusal of the auth server is final and costs no split, whatever its status.
func TestAuthServerRefuses(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 413} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, nil)
			defer h.close(t)
			h.auth.next(refuse(status, "invalid_client", ""))
			for _, err := range h.deliver(t) {
				var e *oauth.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, status, e.StatusCode)
				require.ErrorContains(t, err, "analytics: token: oauth: auth.test answered ")
			}
			require.Empty(t, h.api.Requests())
			stats := h.Stats()
			require.Equal(t, []uint64{0, 0, 2}, []uint64{stats.Retries, stats.Splits, stats.Failed.Rejected})
			require.Equal(t, []error{nil, nil}, h.deliver(t), "the next batch asks anew")
		})
	}
}

func TestAuthServerFailsForNow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer      http.HandlerFunc
		least, most time.Duration
	}{
		"503":             {refuse(503, "", ""), 250 * time.Millisecond, 500 * time.Millisecond},
		"501":             {refuse(501, "", ""), 250 * time.Millisecond, 500 * time.Millisecond},
		"429":             {refuse(429, "", ""), 250 * time.Millisecond, 500 * time.Millisecond},
		"429 and a pause": {answer(429, "", "Retry-After", "30"), 30 * time.Second, 30 * time.Second},
		"500 and a pause": {answer(500, "", "Retry-After", "30"), 30 * time.Second, 30 * time.Second},
		"hangs":           {hang, 10250 * time.Millisecond, 10500 * time.Millisecond},
		"no OAuth server": {answer(200, "<html>"), 250 * time.Millisecond, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, nil)
				defer h.close(t)
				h.auth.next(tt.answer)
				began := time.Now()
				require.Equal(t, []error{nil, nil}, h.deliver(t))
				require.GreaterOrEqual(t, time.Since(began), tt.least)
				require.LessOrEqual(t, time.Since(began), tt.most)
				require.Equal(t, 2, h.auth.requests())
				require.Len(t, h.api.Requests(), 1)
			})
		})
	}
}

// A certificate that does not verify is not tried again.
func TestAuthServerOfAnUnknownAuthority(t *testing.T) {
	t.Parallel()
	auth := newAuthServer()
	socket := httptest.NewUnstartedServer(auth)
	socket.Config.ErrorLog = log.New(io.Discard, "", 0)
	socket.StartTLS()
	defer socket.Close()
	tokens := newSource(t, oauth.Config{ClientID: clientID, KeyID: keyID, PrivateKey: pkcs8(firstKey()), AuthServer: socket.URL})
	h := newHouse(t, func(c *analytics.Config) { c.TokenSource = tokens })
	defer h.close(t)
	for _, err := range h.deliver(t) {
		require.ErrorContains(t, err, "certificate")
	}
	require.Zero(t, h.Stats().Retries)
	require.Zero(t, auth.requests())
}
