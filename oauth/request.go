// One token request: the assertion, the form, the answer.

package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/headwater-dev/analytics"
)

const (
	requestTimeout = 10 * time.Second
	maxAnswer      = 64 << 10 // bytes of an answer that are read

	// An assertion is dated back a little, for clocks that differ a little, and
	// lives for 55 s. OAuth API: less than 60.
	assertionBack = 5 * time.Second
	assertionLife = 55 * time.Second

	// unsaidLife is for an answer without expires_in: the API's choices begin at
	// a day, and a token that ends earlier is refused and renewed.
	unsaidLife = time.Hour
	// maxLife bounds what an answer can say. OAuth API: the longest choice is 30 days.
	maxLife = 30 * 24 * time.Hour
)

// fetch asks for a token. Where the auth server refuses and its Date shows that
// the two clocks differ by more than an assertion bears, it asks once more by
// the server's clock, and goes on by that clock if it helped.
func (s *TokenSource) fetch(ctx context.Context) (*token, error) {
	t, err := s.ask(ctx)
	var refusal *Error
	if !errors.As(err, &refusal) || !refusal.aboutClock() {
		return t, err
	}
	before, skew := s.skew, refusal.date.Sub(s.now())
	if (skew - before).Abs() <= assertionBack {
		return nil, err
	}
	s.skew = skew
	if t, err = s.ask(ctx); err != nil {
		s.skew = before // it was not the clock
	}
	return t, err
}

// ask makes one request.
func (s *TokenSource) ask(ctx context.Context) (*token, error) {
	assertion, err := s.assertion()
	if err != nil {
		return nil, err
	}
	form := url.Values{
		"grant_type":            {"client_credentials"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
		"scope":                 {s.scope},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.server.String()+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("oauth: request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "headwater-go/"+analytics.Version)
	asked := time.Now() // the token is at least as young as this says
	// Past http.Client: it would follow a redirect with the assertion, or quote
	// one that it cannot parse.
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("oauth: asking %s for a token: %w", s.server.Host, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, newError(s.server, resp, body) // the status is known, whatever became of the body
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("oauth: reading the answer of %s: %w", s.server.Host, err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("oauth: the answer of %s is longer than %d bytes", s.server.Host, maxAnswer)
	}
	return s.readToken(body, asked)
}

// assertion returns a new signed JWT.
//
// A map instead of jwt.RegisteredClaims, which would write a list for aud; the
// API shows a string. iss is the client as RFC 7523 wants it and the API's own
// clients send it; the API's documentation calls it optional, and the auth
// server.
func (s *TokenSource) assertion() (string, error) {
	now := s.now().Add(s.skew)
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": s.clientID,
		"sub": s.clientID,
		"aud": s.server.String(),
		"iat": now.Add(-assertionBack).Unix(),
		"exp": now.Add(assertionLife - assertionBack).Unix(),
		"jti": uuid.NewString(),
	})
	t.Header["kid"] = s.keyID
	text, err := t.SignedString(s.key)
	if err != nil {
		return "", fmt.Errorf("oauth: signing: %w", err)
	}
	return text, nil
}

// readToken reads a 2xx. Nothing of body may get into an error: it is, or may be
// part of, a token.
func (s *TokenSource) readToken(body []byte, asked time.Time) (*token, error) {
	var answer struct {
		AccessToken string      `json:"access_token"`
		TokenType   string      `json:"token_type"`
		ExpiresIn   json.Number `json:"expires_in"` // seconds, quoted or not
	}
	if err := json.Unmarshal(body, &answer); err != nil || !headerSafe(answer.AccessToken) {
		return nil, fmt.Errorf("oauth: the answer of %s holds no access_token: is AuthServer an OAuth server?", s.server.Host)
	}
	if answer.TokenType != "" && !strings.EqualFold(answer.TokenType, "bearer") {
		return nil, fmt.Errorf("oauth: the answer of %s holds a token that is no Bearer token", s.server.Host)
	}
	life := unsaidLife
	if answer.ExpiresIn != "" {
		seconds, err := answer.ExpiresIn.Float64()
		if err != nil { // out of range
			seconds = maxLife.Seconds()
		}
		life = time.Duration(min(max(seconds, 0), maxLife.Seconds()) * float64(time.Second))
	}
	return newToken(answer.AccessToken, life, asked), nil
}

// headerSafe tells whether a token fits into a header: net/http would refuse the
// request, and retrying it would be of no use.
func headerSafe(token string) bool {
	for _, r := range token {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return token != ""
}
