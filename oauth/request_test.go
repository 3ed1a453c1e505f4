// One token request: what is made of each answer, and of a clock that is wrong.

package oauth_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/oauth"
)

func TestAnswersThatAreNoToken(t *testing.T) {
	t.Parallel()
	const hint = ": check that ClientID, KeyID and PrivateKey belong together, that the app is registered for this key, " +
		"that AuthServer is that of the app's region, and the clock of this machine"
	noToken := "oauth: the answer of auth.test holds no access_token: is AuthServer an OAuth server?"
	date := time.Date(2000, 1, 1, 0, 1, 0, 0, time.UTC).Format(http.TimeFormat) // a bubble's clock begins a minute before
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   string
		judged int           // status of the wrapped ResponseError; 0 when there is none
		pause  time.Duration // its RetryAfter
	}{
		"bad request":     {refuse(400, "invalid_request", "Token is expired"), "oauth: auth.test answered 400 invalid_request (Token is expired)" + hint, 401, 0},
		"bad client":      {refuse(401, "invalid_client", ""), "oauth: auth.test answered 401 invalid_client" + hint, 401, 0},
		"bad scope":       {refuse(400, "invalid_scope", ""), "oauth: auth.test answered 400 invalid_scope: check Scope, and that the app has been given it", 401, 0},
		"no JSON":         {answer(403, "<html>no</html>"), "oauth: auth.test answered 403" + hint, 401, 0},
		"odd JSON":        {answer(415, `{"error":7}`), "oauth: auth.test answered 415" + hint, 401, 0},
		"not there":       {answer(404, ""), "oauth: auth.test answered 404: check AuthServer", 401, 0},
		"redirect":        {answer(307, "", "Location", "https://elsewhere.example/token?x=y"), "oauth: auth.test answered 307: it redirects to https://elsewhere.example: set AuthServer to where the auth server is", 401, 0},
		"odd redirect":    {answer(302, "", "Location", ":"), "oauth: auth.test answered 302" + hint, 401, 0},
		"limited":         {answer(429, "", "Retry-After", "30"), "oauth: auth.test answered 429", 429, 30 * time.Second},
		"limited, a date": {answer(429, "", "Retry-After", date), "oauth: auth.test answered 429", 429, time.Minute},
		"limited, reset":  {answer(429, "", "X-RateLimit-Reset", "7"), "oauth: auth.test answered 429", 429, 7 * time.Second},
		"limited, both":   {answer(429, "", "Retry-After", "3", "X-RateLimit-Reset", "7"), "oauth: auth.test answered 429", 429, 3 * time.Second},
		"limited, long":   {answer(429, "", "Retry-After", "86400"), "oauth: auth.test answered 429", 429, 300 * time.Second},
		"limited, absurd": {answer(429, "", "Retry-After", "99999999999999999999"), "oauth: auth.test answered 429", 0, 0},
		"limited, zero":   {answer(429, "", "Retry-After", "0"), "oauth: auth.test answered 429", 0, 0},
		"limited only":    {answer(429, ""), "oauth: auth.test answered 429", 0, 0},
		"timeout":         {answer(408, ""), "oauth: auth.test answered 408", 0, 0},
		"down":            {refuse(500, "server_error", "later"), "oauth: auth.test answered 500 server_error (later)", 0, 0},
		"not implemented": {answer(501, ""), "oauth: auth.test answered 501", 0, 0},
		"maintenance":     {answer(503, "", "Retry-After", "60"), "oauth: auth.test answered 503", 429, time.Minute},
		"empty":           {answer(200, ""), noToken, 0, 0},
		"a page":          {answer(200, "<html>login</html>"), noToken, 0, 0},
		"no token":        {answer(200, `{"token_type":"Bearer"}`), noToken, 0, 0},
		"token of number": {answer(200, `{"access_token":7}`), noToken, 0, 0},
		"two lines":       {answer(200, `{"access_token":"a\r\nX: y"}`), noToken, 0, 0},
		"expiry of words": {answer(200, `{"access_token":"t","expires_in":"soon"}`), noToken, 0, 0},
		"another type":    {answer(200, `{"access_token":"t","token_type":"mac"}`), "oauth: the answer of auth.test holds a token that is no Bearer token", 0, 0},
		"too long":        {answer(200, `{"access_token":"`+strings.Repeat("t", 64<<10)+`"}`), "oauth: the answer of auth.test is longer than 65536 bytes", 0, 0},
		"too long and no": {answer(401, `{"error":"invalid_client","x":"`+strings.Repeat("t", 64<<10)+`"}`), "oauth: auth.test answered 401" + hint, 401, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				auth := newAuthServer()
				auth.next(tt.answer)
				s := newSource(t, config(auth))
				text, err := s.Token(t.Context(), false)
				require.EqualError(t, err, tt.want)
				require.Empty(t, text)
				var judged *analytics.ResponseError
				require.Equal(t, tt.judged != 0, errors.As(err, &judged))
				if judged != nil {
					require.Equal(t, []any{tt.judged, tt.pause}, []any{judged.StatusCode, judged.RetryAfter})
				}
				require.Equal(t, 1, auth.requests())
				require.Equal(t, "token-1", token(t, s, false), "a failure is not kept")
			})
		})
	}
}

func TestErrorHasFields(t *testing.T) {
	t.Parallel()
	auth := newAuthServer()
	auth.next(answer(429, `{"error":"slow_down","error_description":"too many"}`, "Retry-After", "9"))
	_, err := newSource(t, config(auth)).Token(t.Context(), false)
	var e *oauth.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []any{429, "slow_down", "too many", 9 * time.Second}, []any{e.StatusCode, e.Code, e.Description, e.RetryAfter})
}

// Both clocks of a bubble are the same: ours is set wrong by Now.
func TestWrongClock(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		off      time.Duration
		requests int // for the first token
	}{
		"right":       {0, 1},
		"a bit ahead": {4 * time.Second, 1},
		"a bit slow":  {-40 * time.Second, 1},
		"ahead":       {10 * time.Minute, 2},
		"slow":        {-10 * time.Minute, 2},
		"years slow":  {-30 * 365 * 24 * time.Hour, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				auth := newAuthServer()
				c := config(auth)
				c.Now = func() time.Time { return time.Now().Add(tt.off) }
				s := newSource(t, c)
				require.Equal(t, "token-1", token(t, s, false))
				require.Equal(t, tt.requests, auth.requests())
				time.Sleep(25 * time.Hour)
				require.Equal(t, "token-2", token(t, s, false))
				require.Equal(t, tt.requests+1, auth.requests(), "the clock is known by then")
			})
		})
	}
}

// A Date that is wrong itself leads to one more request and is not remembered.
func TestWrongDate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		auth := newAuthServer()
		lie := answer(401, `{"error":"invalid_client"}`, "Date", "Fri, 31 Dec 2027 23:59:59 GMT")
		auth.next(lie, lie)
		s := newSource(t, config(auth))
		_, err := s.Token(t.Context(), false)
		require.ErrorContains(t, err, "401 invalid_client")
		require.Equal(t, 2, auth.requests())
		require.Equal(t, "token-1", token(t, s, false))
		require.Equal(t, 3, auth.requests())
	})
}

// endless is a body without end that counts what is taken of it.
type endless struct{ taken int }

func (e *endless) Read(p []byte) (int, error) {
	e.taken += len(p)
	return copy(p, bytes.Repeat([]byte{' '}, len(p))), nil
}
func (*endless) Close() error { return nil }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestAnswerIsBounded(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 401, 500} {
		body := &endless{}
		c := config(nil)
		c.HTTPClient.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: body}, nil
		})
		_, err := newSource(t, c).Token(t.Context(), false)
		require.Error(t, err)
		require.LessOrEqual(t, body.taken, 64<<10+1)
	}
}

func TestBrokenAnswer(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		200: "oauth: reading the answer of auth.test: unexpected EOF",
		503: "oauth: auth.test answered 503",
	} {
		c := config(nil)
		c.HTTPClient.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
			body := io.MultiReader(strings.NewReader(`{"access_token":"t"`), failing{})
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body)}, nil
		})
		_, err := newSource(t, c).Token(t.Context(), false)
		require.EqualError(t, err, want)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
