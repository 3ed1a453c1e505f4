// The cache and the one request: expiry in virtual time, herds, and callers who leave.

package oauth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/oauth"
)

// Each step passes some time and asks once.
func TestTokenIsKeptAndReplaced(t *testing.T) {
	t.Parallel()
	type step struct {
		pass time.Duration
		want string
	}
	for name, tt := range map[string]struct {
		life  any
		steps []step
	}{
		"a day": {86400, []step{{0, "token-1"}, {23*time.Hour - time.Second, "token-1"}, {time.Second, "token-2"},
			{23*time.Hour - time.Second, "token-2"}}},
		"an hour":    {3600, []step{{0, "token-1"}, {54*time.Minute - 1, "token-1"}, {1, "token-2"}}},
		"a minute":   {"60", []step{{0, "token-1"}, {54*time.Second - 1, "token-1"}, {1, "token-2"}}},
		"fractions":  {1.5, []step{{0, "token-1"}, {1350*time.Millisecond - 1, "token-1"}, {1, "token-2"}}},
		"not said":   {nil, []step{{0, "token-1"}, {54*time.Minute - 1, "token-1"}, {1, "token-2"}}},
		"none":       {0, []step{{0, "token-1"}, {0, "token-2"}}},
		"negative":   {-5, []step{{0, "token-1"}, {0, "token-2"}}},
		"a thousand": {1e12, []step{{0, "token-1"}, {(30*24 - 1) * time.Hour, "token-2"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				auth := newAuthServer()
				auth.life = tt.life
				s := newSource(t, config(auth))
				for i, step := range tt.steps {
					time.Sleep(step.pass)
					require.Equal(t, step.want, token(t, s, false), "step %d", i)
				}
			})
		})
	}
}

// The time on the way counts: a token may be as old as its request.
func TestLifeBeginsWithTheRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		auth := newAuthServer()
		auth.next(after(8*time.Second, answer(200, `{"access_token":"slow","expires_in":60}`)))
		s := newSource(t, config(auth))
		require.Equal(t, "slow", token(t, s, false))
		time.Sleep(46 * time.Second)
		require.Equal(t, "token-1", token(t, s, false))
	})
}

// While the old token serves, a dead auth server costs one caller a minute two
// seconds at most, and the others nothing.
func TestAuthServerDownBeforeExpiry(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]http.HandlerFunc{
		"503": refuse(503, "", ""), "401": refuse(401, "invalid_client", ""), "hangs": hang,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				auth := newAuthServer()
				auth.life = 3600
				s := newSource(t, config(auth))
				require.Equal(t, "token-1", token(t, s, false))
				time.Sleep(54 * time.Minute)
				for minute := range 5 {
					auth.next(down)
					began := time.Now()
					leader := make(chan string)
					go func() { leader <- token(t, s, false) }()
					synctest.Wait()
					require.Equal(t, "token-1", token(t, s, false))
					require.Zero(t, time.Since(began), "only one waits")
					require.Equal(t, "token-1", <-leader)
					require.LessOrEqual(t, time.Since(began), 2*time.Second)
					require.Equal(t, minute+2, auth.requests())
					time.Sleep(time.Minute)
				}
				auth.next(refuse(503, "", ""))
				time.Sleep(time.Minute)
				_, err := s.Token(t.Context(), false)
				require.EqualError(t, err, "oauth: auth.test answered 503")
				require.Equal(t, "token-2", token(t, s, false))
			})
		})
	}
}

func TestOneRequestForAll(t *testing.T) {
	t.Parallel()
	for _, renew := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			auth := newAuthServer()
			s := newSource(t, config(auth))
			if renew {
				token(t, s, false)
				time.Sleep(24 * time.Hour) // it has ended, so that not even the others take it
			}
			before := auth.requests()
			auth.next(after(time.Second, answer(200, `{"access_token":"shared","expires_in":86400}`)))
			var group sync.WaitGroup
			for i := range 50 {
				group.Go(func() { require.Equal(t, "shared", token(t, s, renew && i%2 == 0)) })
			}
			group.Wait()
			require.Equal(t, before+1, auth.requests())
		})
	}
}

// Batches under way meet the refusal one after the other. The first renews;
// those who come later saw the same token.
func TestHerdOfRenewals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		auth := newAuthServer()
		s := newSource(t, config(auth))
		require.Equal(t, "token-1", token(t, s, false))
		require.Equal(t, "token-2", token(t, s, true), "the first token may be refused at once")
		for range 9 {
			time.Sleep(time.Second)
			require.Equal(t, "token-2", token(t, s, true))
		}
		time.Sleep(time.Second)
		require.Equal(t, "token-3", token(t, s, true), "ten seconds later it is about this token")
		time.Sleep(time.Hour)
		require.Equal(t, "token-3", token(t, s, false))
	})
}

// A renewal that fails is not forgotten: the next token replaces the refused one.
func TestHerdAfterAFailedRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		auth := newAuthServer()
		s := newSource(t, config(auth))
		token(t, s, false)
		auth.next(refuse(503, "", ""))
		_, err := s.Token(t.Context(), true)
		require.Error(t, err)
		require.Equal(t, "token-2", token(t, s, false), "the refused token is given up")
		require.Equal(t, "token-2", token(t, s, true))
		require.Equal(t, 3, auth.requests())
	})
}

// A renewal that comes while the next token is asked for ahead of time waits for it.
func TestRenewalJoinsAnEarlyRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		auth := newAuthServer()
		s := newSource(t, config(auth))
		token(t, s, false)
		time.Sleep(23 * time.Hour)
		auth.next(after(time.Second, answer(200, `{"access_token":"next","expires_in":86400}`)))
		var group sync.WaitGroup
		group.Go(func() { require.Equal(t, "next", token(t, s, false)) })
		synctest.Wait()
		group.Go(func() { require.Equal(t, "next", token(t, s, true)) })
		synctest.Wait()
		group.Go(func() { require.Equal(t, "next", token(t, s, false)) })
		group.Wait()
		require.Equal(t, 2, auth.requests())
	})
}

func TestCallersWhoLeave(t *testing.T) {
	t.Parallel()
	t.Run("the one who asks", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			auth := newAuthServer()
			auth.next(hang)
			s := newSource(t, config(auth))
			ctx, leave := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() {
				_, err := s.Token(ctx, true)
				failed <- err
			}()
			synctest.Wait()
			var group sync.WaitGroup
			for i := range 10 {
				group.Go(func() { require.Equal(t, "token-1", token(t, s, i%2 == 0)) })
			}
			synctest.Wait()
			leave()
			require.ErrorIs(t, <-failed, context.Canceled)
			group.Wait()
			require.Equal(t, 2, auth.requests(), "one of the others has asked for all of them")
			require.Equal(t, 1, auth.most)
		})
	})
	t.Run("one who waits", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			auth := newAuthServer()
			auth.next(after(5*time.Second, answer(200, `{"access_token":"slow"}`)))
			s := newSource(t, config(auth))
			var group sync.WaitGroup
			group.Go(func() { require.Equal(t, "slow", token(t, s, false)) })
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			_, err := s.Token(ctx, false)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Second, time.Since(began))
			group.Wait()
		})
	})
}

// Nobody waits for longer than ten seconds, or the client's own timeout.
func TestHangingServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ timeout, want time.Duration }{
		{0, 10 * time.Second}, {3 * time.Second, 3 * time.Second}, {time.Hour, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			auth := newAuthServer()
			auth.next(hang)
			c := config(auth)
			c.HTTPClient.Timeout = tt.timeout
			s := newSource(t, c)
			began := time.Now()
			var group sync.WaitGroup
			for range 3 {
				group.Go(func() {
					_, err := s.Token(t.Context(), false)
					require.ErrorIs(t, err, context.DeadlineExceeded)
					require.ErrorContains(t, err, "oauth: asking auth.test for a token: ")
				})
			}
			group.Wait()
			require.Equal(t, tt.want, time.Since(began))
			require.Equal(t, 1, auth.requests())
		})
	}
}

type panicking struct{}

func (panicking) RoundTrip(*http.Request) (*http.Response, error) { panic("broken RoundTripper") }

// A panic of somebody's RoundTripper is theirs; those after it are not locked out.
func TestPanicLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	c := config(nil)
	c.HTTPClient.Transport = panicking{}
	s := newSource(t, c)
	for range 2 {
		require.PanicsWithValue(t, "broken RoundTripper", func() { _, _ = s.Token(t.Context(), false) })
	}
}

func TestNilContext(t *testing.T) {
	t.Parallel()
	s := newSource(t, config(newAuthServer()))
	var none context.Context
	text, err := s.Token(none, false)
	require.NoError(t, err)
	require.Equal(t, "token-1", text)
}

// Everything at once, for the race detector.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	auth := newAuthServer()
	auth.life = 0.01
	socket := httptest.NewServer(auth)
	defer socket.Close()
	auth.audience = socket.URL
	s := newSource(t, oauth.Config{ClientID: clientID, KeyID: keyID, PrivateKey: pkcs8(firstKey()), AuthServer: socket.URL})
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			for round := range 10 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+round)%5 == 0 {
					cancel()
				}
				_, err := s.Token(ctx, (i+round)%3 == 0)
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	group.Wait()
	require.Equal(t, 1, auth.most, "never two requests at once")
}
