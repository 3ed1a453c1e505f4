// Nothing secret is ever printed: key, assertion and token against every verb and every error.

package oauth_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
	"github.com/headwater-dev/analytics/oauth"
)

const secretToken = "canary-token-0123456789"

// prints is v under every verb that shows something, and as the loggers show it.
func prints(v any) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
	if err, ok := v.(error); ok {
		for ; err != nil; err = errors.Unwrap(err) {
			fmt.Fprintf(&b, "%v %+v %#v\n", err, err, err)
		}
	}
	return b.String()
}

// requireNoSecret looks for each secret and for pieces of it, in every form in
// which fmt could have put it.
func requireNoSecret(t *testing.T, printed string, assertions []string) {
	t.Helper()
	der := x509.MarshalPKCS1PrivateKey(firstKey())
	secrets := []string{
		secretToken, "-----BEGIN PRIVATE", firstKey().D.String(), firstKey().Primes[0].String(),
		base64.StdEncoding.EncodeToString(der[60:90]), fmt.Sprintf("%x", secretToken),
		strings.Trim(fmt.Sprint(pkcs8(firstKey())[30:50]), "[]"), fmt.Sprintf("%x", pkcs8(firstKey())[30:50]),
	}
	for _, line := range strings.Split(string(pkcs8(firstKey())), "\n") {
		if len(line) > 20 {
			secrets = append(secrets, line)
		}
	}
	for _, a := range assertions {
		secrets = append(secrets, strings.Split(a, ".")[1][:20], strings.Split(a, ".")[2][:20])
	}
	for _, secret := range secrets {
		require.NotContains(t, printed, secret)
	}
}

func TestNothingSecretIsPrinted(t *testing.T) {
	t.Parallel()
	auth := newAuthServer()
	c := config(auth)
	s := newSource(t, c)
	auth.next(answer(200, `{"access_token":"`+secretToken+`"}`))
	require.Equal(t, secretToken, token(t, s, false))

	printed := prints(c) + prints(&c) + prints(s) + prints([]any{c, s}) + prints(map[string]any{"a": s}) +
		prints(analytics.Config{TokenSource: s}) + prints(&analytics.Config{TokenSource: s}) + prints(struct{ hidden *oauth.TokenSource }{s})
	require.Contains(t, printed, `oauth.Config{ClientID: "app-1", KeyID: "key-1", AuthServer: "https://auth.test", Scope: ""}`)
	require.Contains(t, printed, "oauth.TokenSource(https://auth.test)")
	requireNoSecret(t, printed, auth.assertions)
	require.Contains(t, prints((*oauth.TokenSource)(nil)), "<nil>")
}

// echo answers with what it was sent, in every place that an error could quote.
func echo(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		assertion := r.PostFormValue("client_assertion")
		w.Header().Set("Location", "https://"+assertion+".example/"+assertion)
		w.Header().Set("Retry-After", assertion)
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"error": assertion, "error_description": "do not know " + assertion, "token_type": assertion,
			"access_token": secretToken, "expires_in": assertion,
		})
	}
}

func TestNoErrorQuotesASecret(t *testing.T) {
	t.Parallel()
	answers := []http.HandlerFunc{
		answer(200, secretToken), answer(200, `{"access_token":"`+secretToken+` `), answer(200, `{"access_token":"`+secretToken+`\u0000"}`),
		answer(200, `{"access_token":["`+secretToken+`"]}`), answer(200, `{"access_token":"`+secretToken+`","token_type":"`+secretToken+`"}`),
		answer(200, `{"access_token":"`+secretToken+`","expires_in":"`+secretToken+`"}`),
		refuse(400, "caf\u00e9", "not\nprintable"), refuse(400, strings.Repeat("a", 41), strings.Repeat("a ", 101)),
		func(w http.ResponseWriter, r *http.Request) {
			answer(302, "", "Location", "https://[::1%"+r.PostFormValue("client_assertion"))(w, r)
		},
	}
	for _, status := range []int{200, 201, 300, 301, 302, 307, 308, 400, 401, 403, 404, 408, 429, 500, 503} {
		answers = append(answers, echo(status))
	}
	for i, a := range answers {
		auth := newAuthServer()
		auth.next(a)
		_, err := newSource(t, config(auth)).Token(t.Context(), false)
		require.Error(t, err, i)
		requireNoSecret(t, prints(err), auth.assertions)
	}

	c := config(nil)
	for _, spoilt := range [][]byte{c.PrivateKey[:200], append([]byte("x"), c.PrivateKey...), bytes.ReplaceAll(c.PrivateKey, []byte("\n"), []byte(`\n`))} {
		c.PrivateKey = spoilt
		_, err := oauth.New(c)
		require.Error(t, err)
		requireNoSecret(t, prints(err), nil)
	}
}

// What a client logs and reports of a refused token.
func TestClientPrintsNoSecret(t *testing.T) {
	t.Parallel()
	auth := newAuthServer()
	auth.next(answer(200, `{"access_token":"`+secretToken+`"}`), echo(401))
	api := analyticstest.NewServer()
	defer api.Close()
	api.Script(analyticstest.Status(401))
	var log bytes.Buffer
	var receipts []string
	client, err := analytics.New("KEY", &analytics.Config{
		Endpoint: api.URL, HTTPClient: api.Client(), TokenSource: newSource(t, config(auth)), BatchSize: 1,
		Logger:    slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnReceipt: func(r analytics.Receipt) { receipts = append(receipts, prints(r)+prints(r.Err)) },
	})
	require.NoError(t, err)
	require.NoError(t, client.Track(t.Context(), analytics.Track{UserID: "u", Event: "E"}))
	require.NoError(t, client.Close())
	require.Len(t, receipts, 1)
	require.Contains(t, receipts[0], "analytics: token after status 401: oauth: auth.test answered 401")
	logged, err := io.ReadAll(&log)
	require.NoError(t, err)
	require.NotEmpty(t, logged)
	requireNoSecret(t, receipts[0]+string(logged), auth.assertions)
}
