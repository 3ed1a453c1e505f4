// The HTTP transport and its secrets: tokens are renewed once, and neither they nor the write key get out.

package analytics_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// wallet is a TokenSource that counts renewals.
type wallet struct {
	renewed atomic.Int64
	err     error
}

func (w *wallet) Token(_ context.Context, renew bool) (string, error) {
	if renew {
		w.renewed.Add(1)
	}
	return "t0ken-" + strconv.FormatInt(w.renewed.Load(), 10), w.err
}

func TestTokenSource(t *testing.T) {
	for _, status := range []int{401, 511} {
		server := newMailbox(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer t0ken-1" {
				w.WriteHeader(status)
			}
		})
		tokens := new(wallet)
		transport := newTransport(t, &analytics.Config{Endpoint: server.URL, TokenSource: tokens})
		batch := newBatch(`{"n":1}`)
		batch.Attempt = 2
		require.NoError(t, transport.Send(t.Context(), batch))
		require.Equal(t, secretKey, batch.WriteKey, "the batch is not ours to change")
		got := server.got()
		require.Len(t, got, 2)
		for i, l := range got {
			require.Equal(t, "Bearer t0ken-"+strconv.Itoa(i), l.header.Get("Authorization"))
			require.Equal(t, "2", l.header.Get("X-Retry-Count"))
			require.JSONEq(t, `{"batch":[{"n":1}],"sentAt":"2026-01-02T03:04:05.678Z","writeKey":"`+secretKey+`"}`, string(l.body))
		}
	}
}

func TestTokenIsRenewedOnce(t *testing.T) {
	for _, status := range []int{401, 511} {
		server := newMailbox(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
		tokens := new(wallet)
		err := sendOne(t, &analytics.Config{Endpoint: server.URL, TokenSource: tokens}, nil)
		var answer *analytics.ResponseError
		require.ErrorAs(t, err.Err, &answer)
		require.Equal(t, status, answer.StatusCode)
		require.Equal(t, 1, err.Attempts)
		require.Equal(t, int64(1), tokens.renewed.Load())
		require.Len(t, server.got(), 2)

		server = newMailbox(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
		err = sendOne(t, &analytics.Config{Endpoint: server.URL}, nil)
		require.ErrorAs(t, err.Err, &answer)
		require.Equal(t, 1, err.Attempts)
		require.Len(t, server.got(), 1, "without a token source there is nothing to renew")
	}
}

func TestTokenErrorsAreRetried(t *testing.T) {
	server := newMailbox(t, nil)
	noToken := errors.New("no token today")
	receipt := sendOne(t, &analytics.Config{Endpoint: server.URL, TokenSource: &wallet{err: noToken}, MaxRetries: 2}, nil)
	require.ErrorIs(t, receipt.Err, noToken)
	require.Equal(t, 3, receipt.Attempts)
	require.Empty(t, server.got())
}

// sendOne sends one call through a client that waits for nothing, and returns
// its receipt. All that is logged goes to log, which may be nil.
func sendOne(t *testing.T, c *analytics.Config, log io.Writer) analytics.Receipt {
	t.Helper()
	receipts := make(chan analytics.Receipt, 1)
	c.OnReceipt = func(r analytics.Receipt) { receipts <- r }
	c.Backoff = func(int) time.Duration { return 0 }
	if log != nil {
		c.Logger = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	client, err := analytics.New(secretKey, c)
	require.NoError(t, err)
	require.NoError(t, client.Track(t.Context(), analytics.Track{UserID: "u", Event: "canary-event"}))
	require.NoError(t, client.Close())
	return <-receipts
}

func TestSecretsStayInside(t *testing.T) {
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, r.Header, secretKey)
		}
	}
	basic := base64.StdEncoding.EncodeToString([]byte(secretKey + ":"))
	for name, handler := range map[string]http.HandlerFunc{
		"echoed 400": echo(400), "echoed 401": echo(401), "echoed 500": echo(500),
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://u:"+secretKey+"@x.example/?key="+secretKey)
			w.WriteHeader(308)
		},
		"unreadable redirect": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://["+secretKey)
			w.WriteHeader(302)
		},
		"hang up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		for _, tokens := range []analytics.TokenSource{nil, new(wallet), &wallet{err: errors.New("no token")}} {
			t.Run(name, func(t *testing.T) {
				server := newMailbox(t, handler)
				var log bytes.Buffer
				receipt := sendOne(t, &analytics.Config{Endpoint: server.URL, TokenSource: tokens, MaxRetries: 1}, &log)
				require.Error(t, receipt.Err)
				require.NotEmpty(t, log.String())
				all := fmt.Sprintf("%v %+v %s %q %s", receipt.Err, receipt, receipt.Err, receipt.Err, log.String())
				for _, secret := range []string{secretKey, basic, "t0ken-", "canary-event"} {
					require.NotContains(t, all, secret)
				}
			})
		}
	}
}
