// Config, what New refuses of it, and how a token source is made and printed.

// Package oauth is a TokenSource for sources that have OAuth switched on. Two
// lines plug it in:
//
//	tokens, err := oauth.New(oauth.Config{ClientID: "APP_ID", KeyID: "KEY_ID", PrivateKey: pem})
//	…
//	client, err := analytics.New("WRITE_KEY", &analytics.Config{TokenSource: tokens})
//
// How it works:
//
//   - A token is asked for when a batch needs one: a POST to the auth server with
//     an assertion, a JWT of 55 seconds that the private key signs. The private
//     key itself never leaves the process.
//   - The token is kept in memory and used until it ends. In the last tenth of
//     its life, at most an hour, one batch at a time asks for the next; when the
//     auth server is down then, the old one serves on.
//   - At most one request is under way, however many batches wait for it. It
//     runs on the goroutine of one of them: there is nothing to close.
//   - A token that the Tracking API refuses is renewed once and for everyone.
//   - The client does the retrying: a failure for now (a broken connection, 408,
//     429, 5xx) is retried like one of the Tracking API, a refusal ends in a
//     Receipt.
//
// To rotate keys register the second public key with the app, make a token
// source with the new KeyID and PrivateKey for a new client, and remove the old
// key when the old client is closed. OAuth API: an app has up to two keys.
//
// Tokens belong to a region: the AuthServer must be that of the Endpoint.
package oauth

import (
	"crypto/rsa"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/headwater-dev/analytics"
)

// The auth servers, one for each region of the Tracking API.
const (
	AuthServerUS = "https://oauth2.segment.io"
	AuthServerEU = "https://oauth2.eu1.segmentapis.com"
)

// TrackingScope is the scope that the Tracking API asks for.
const TrackingScope = "tracking_api:write"

// Config says who asks for tokens, and where. ClientID, KeyID and PrivateKey are
// required. Printed by fmt it does not show the key.
type Config struct {
	ClientID   string // id of the OAuth app
	KeyID      string // id under which the app knows the public key
	PrivateKey []byte // the RSA key itself, PEM, PKCS #1 or PKCS #8, at least 2048 bits; New keeps nothing of the slice

	// AuthServer is the base URL of the auth server, http or https, with or
	// without a trailing slash; /token is added. Default AuthServerUS.
	AuthServer string

	// Scope of the tokens. Default TrackingScope.
	Scope string

	// HTTPClient sends the requests: set it for a proxy or a custom CA. Of it
	// only Transport is used, and Timeout where that is below ten seconds. No
	// redirect is followed. Default one that keeps no connection open, since the
	// next request is hours away.
	HTTPClient *http.Client

	// Now stamps the assertions. Waiting and expiry never use it. Default time.Now.
	Now func() time.Time
}

// TokenSource gets access tokens and keeps the last one. New makes one. It is
// safe for concurrent use and may serve any number of clients of its region.
type TokenSource struct {
	clientID, keyID, scope string
	key                    *rsa.PrivateKey
	server                 *url.URL // without a trailing slash
	transport              http.RoundTripper
	timeout                time.Duration
	now                    func() time.Time

	mu      sync.Mutex
	current *token
	flight  *flight
	refused bool          // the Tracking API has refused a token since the last one came
	skew    time.Duration // what to add to now to have the auth server's time; used by the leader of the flight alone
}

var _ analytics.TokenSource = (*TokenSource)(nil)

// New returns a token source. What is wrong with config is an
// *analytics.FieldError that names the field. New does not connect.
func New(config Config) (*TokenSource, error) {
	for _, required := range []struct{ field, value string }{
		{"ClientID", config.ClientID}, {"KeyID", config.KeyID},
	} {
		switch {
		case required.value == "":
			return nil, bad(required.field, "is empty: take it from the settings of the OAuth app")
		case required.value != strings.TrimSpace(required.value):
			return nil, bad(required.field, "has white space around it")
		}
	}
	key, err := parseKey(config.PrivateKey)
	if err != nil {
		return nil, err
	}
	server, err := parseServer(config.AuthServer)
	if err != nil {
		return nil, err
	}
	s := &TokenSource{
		clientID: config.ClientID, keyID: config.KeyID, scope: config.Scope,
		key: key, server: server, timeout: requestTimeout, now: config.Now,
	}
	if s.scope == "" {
		s.scope = TrackingScope
	}
	if s.now == nil {
		s.now = time.Now
	}
	if c := config.HTTPClient; c != nil {
		s.transport = c.Transport
		if s.transport == nil {
			s.transport = http.DefaultTransport
		}
		if c.Timeout > 0 {
			s.timeout = min(s.timeout, c.Timeout)
		}
	} else {
		s.transport = ownRoundTripper()
	}
	return s, nil
}

func ownRoundTripper() http.RoundTripper {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: requestTimeout}).DialContext,
		TLSHandshakeTimeout:    requestTimeout,
		MaxResponseHeaderBytes: maxAnswer,
		DisableKeepAlives:      true,
		DisableCompression:     true, // what is read is bounded as it comes
	}
}

// parseServer checks the base URL. Its errors never repeat it, since it may
// carry a password.
func parseServer(text string) (*url.URL, error) {
	const field = "AuthServer"
	if text == "" {
		text = AuthServerUS
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, bad(field, "is not a URL, want something like "+AuthServerUS)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, bad(field, "needs the scheme http or https, like "+AuthServerUS)
	case u.Host == "":
		return nil, bad(field, "has no host, want something like "+AuthServerUS)
	case u.User != nil:
		return nil, bad(field, "must not carry a user or password: the private key is the credential")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, bad(field, "must not have a query or a fragment")
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	if strings.HasSuffix(u.Path, "/token") {
		return nil, bad(field, "must not end in /token: that is added")
	}
	return u, nil
}

func bad(field, reason string) error {
	return &analytics.FieldError{Call: "oauth", Field: field, Reason: reason}
}

// Format prints the ids and the server under every verb, and no secret.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "oauth.Config{ClientID: %q, KeyID: %q, AuthServer: %q, Scope: %q}", c.ClientID, c.KeyID, c.AuthServer, c.Scope)
}

// Format prints where tokens come from under every verb, and no secret.
func (s *TokenSource) Format(f fmt.State, _ rune) {
	if s == nil {
		_, _ = io.WriteString(f, "<nil>")
		return
	}
	_, _ = fmt.Fprintf(f, "oauth.TokenSource(%s)", s.server)
}
