// Connecting: a collector that runs already, such as a container of a CI job.

package collectortest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Connect returns a Server for the collector at address, such as
// "http://collector:8033", under any path. The password of a collector that has
// one stands in the address: "http://any:PASSWORD@collector:8033".
//
// A collector that is still coming up is waited for, until ctx ends, or ten
// seconds where it has no deadline. One that answers with an error is not.
//
// Tests that share a collector keep apart with a source each: see CreateSource.
func Connect(ctx context.Context, address string) (*Server, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		// Neither the address nor the error is shown: both may hold the password.
		return nil, errors.New("collectortest: connect: the address must look like http://collector:8033")
	}
	password, _ := u.User.Password()
	base := url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}
	s := &Server{URL: base.String()}
	s.api = newAPI(s.URL, password, nil)
	if err := s.connect(ctx); err != nil {
		s.api.client.CloseIdleConnections()
		return nil, err
	}
	return s, nil
}

// connect asks for the sources until there is an answer.
func (s *Server) connect(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	last := errors.New("it does not answer")
	for ctx.Err() == nil {
		src, err := s.first(ctx)
		var refused *Error
		switch {
		case err == nil:
			s.Source = src
			return nil
		case errors.As(err, &refused):
			return err
		case ctx.Err() == nil: // otherwise it says no more than ctx
			last = errors.Unwrap(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return fmt.Errorf("collectortest: connect: no collector at %s: %w: %w", s.URL, context.Cause(ctx), last)
}

// Error is an answer of a collector that is not what was asked for. Every method
// that asks one may return it.
type Error struct {
	Op         string // what was asked for: "list sources", "create source", "calls", "overview" or "reset"
	StatusCode int
	Message    string // the collector's own words
}

// Error reads "collectortest: calls: 404: no source has this write key".
func (e *Error) Error() string {
	message := e.Message
	if message == "" {
		message = http.StatusText(e.StatusCode)
	}
	return fmt.Sprintf("collectortest: %s: %d: %s", e.Op, e.StatusCode, message)
}
