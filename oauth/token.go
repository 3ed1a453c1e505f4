// Token: what is kept, when it is asked for anew, and one request for all who wait.

package oauth

import (
	"context"
	"errors"
	"time"
)

const (
	// The next token is asked for in the last tenth of a token's life, at most an
	// hour; a token is not given out in its last ten seconds, or it might end on
	// the way.
	earlyPart = 10
	maxEarly  = time.Hour
	lastUse   = 10 * time.Second

	// earlyTimeout bounds what a caller waits for a new token while the old one
	// still serves, earlyPause how long nobody tries again after that failed.
	earlyTimeout = 2 * time.Second
	earlyPause   = time.Minute

	// renewWindow is how long after a renewal another one is taken to be about
	// the token before: the longest that a request of the client is under way by
	// default. Token is not told which token was refused.
	renewWindow = 10 * time.Second
)

// errPanicked is what those who waited get when the RoundTripper of the one who
// asked panicked.
var errPanicked = errors.New("oauth: token request panicked")

// token is one access token. The times carry the monotonic clock.
type token struct {
	text    string
	early   time.Time // the next one is asked for from here on
	end     time.Time // it is not given out from here on
	renewed time.Time // when it came, if it replaced a refused one
}

func newToken(text string, life time.Duration, asked time.Time) *token {
	return &token{
		text:  text,
		early: asked.Add(life - min(maxEarly, life/earlyPart)),
		end:   asked.Add(life - min(lastUse, life/earlyPart)),
	}
}

// flight is the one request under way. What it brought is written before done
// is closed and read after.
type flight struct {
	done  chan struct{}
	early bool // the old token still serves

	text      string
	err       error
	abandoned bool // its leader's ctx ended: the others have had no answer
}

// Token implements analytics.TokenSource. It blocks while a token is asked for,
// at most ten seconds and not beyond ctx; whatever happens to one caller's ctx,
// the others get their token. With renew the current token is given up, unless
// it replaced another one within the last ten seconds: then the refused one was
// that other, and the caller gets the current one.
//
// The error is an *Error when the auth server answered, ctx's own when ctx
// ended, and otherwise says what failed on the way. A nil ctx is Background.
func (s *TokenSource) Token(ctx context.Context, renew bool) (string, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	for {
		text, f, leads := s.join(renew)
		switch {
		case f == nil:
			return text, nil
		case leads:
			return s.lead(ctx, f)
		}
		select {
		case <-f.done:
			if !f.abandoned {
				return f.text, f.err
			}
			renew = false // join has given the refused token up
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// join returns the current token, or the flight that brings one and whether the
// caller has to fly it.
func (s *TokenSource) join(renew bool) (text string, f *flight, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	t := s.current
	switch {
	case t == nil:
	case renew && (t.renewed.IsZero() || now.Sub(t.renewed) >= renewWindow), !now.Before(t.end):
		t, s.current = nil, nil
	case now.Before(t.early), s.flight != nil:
		return t.text, nil, false
	}
	if s.flight == nil {
		s.flight = &flight{done: make(chan struct{}), early: t != nil}
		leads = true
	}
	// What the flight brings is newer than anything a caller has seen.
	s.refused = s.refused || renew
	return "", s.flight, leads
}

// lead makes the request on behalf of all who wait.
func (s *TokenSource) lead(ctx context.Context, f *flight) (text string, err error) {
	var t *token
	err = errPanicked // until the request has returned
	defer func() {
		s.land(f, t, err, ctx.Err())
		text, err = f.text, f.err
	}()
	timeout := s.timeout
	if f.early {
		timeout = min(timeout, earlyTimeout)
	}
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	t, err = s.fetch(within)
	return "", err
}

// land ends a flight: with a token, with the old one where that still serves,
// or with an error. ended is the error of the leader's own ctx.
func (s *TokenSource) land(f *flight, t *token, err, ended error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	old := s.current
	switch {
	case err == nil:
		if s.refused {
			t.renewed = now
		}
		s.current, s.refused = t, false
		f.text = t.text
	case ended != nil:
		f.err, f.abandoned = ended, true
	case old != nil && now.Before(old.end):
		old.early = now.Add(earlyPause)
		f.text = old.text
	default:
		f.err = err
	}
	s.flight = nil
	close(f.done)
}
