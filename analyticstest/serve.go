// One request's way through the server, the same from memory and from a socket.

package analyticstest

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// errCut is a connection that breaks without an answer, errLeft a request whose
// context or server ended before its answer.
var (
	errCut  = errors.New("analyticstest: connection cut")
	errLeft = errors.New("analyticstest: request ended before its answer")
)

// serve takes a request from arrival to the reply that goes out. The error is
// errCut, errLeft, or what reading the body failed with. The caller has called
// begin and calls active.Done when the reply is written.
func (s *Server) serve(ctx context.Context, r *http.Request) (reply, error) {
	rec, answer, scripted, respond := s.arrive(r)
	if answer.Cut == BeforeRead {
		s.complete(rec, content{})
		if err := s.pause(ctx, answer); err != nil {
			return reply{}, err
		}
		return reply{}, errCut
	}
	in, err := readContent(r, rec.at)
	s.complete(rec, in)
	if err != nil {
		return reply{}, err
	}
	if !scripted && respond != nil {
		request := s.copyOf(rec)
		answer = respond(&request)
	}
	if answer.Store || answer.Cut == AfterStore {
		s.store(rec)
	}
	if err := s.pause(ctx, answer); err != nil {
		return reply{}, err
	}
	// BeforeRead from Respond comes too late to leave the body unread; what it
	// promises, that nothing is received, still holds.
	if answer.Cut == AfterStore || answer.Cut == BeforeRead {
		return reply{}, errCut
	}
	out := answer.reply(in.refusal)
	s.answered(rec, out.status)
	return out, nil
}

// arrive records the request and takes its answer from the script, in one step,
// so that the order of the script is the order of Requests.
func (s *Server) arrive(r *http.Request) (rec *record, answer Answer, scripted bool, respond func(*Request) Answer) {
	rec = newRecord(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	rec.index, rec.generation = len(s.records), s.generation
	s.records = append(s.records, rec)
	if len(s.script) > 0 {
		answer, scripted = s.script[0], true
		s.script = s.script[1:]
	}
	return rec, answer, scripted, s.respond
}

// complete counts a request whose body is read, or never will be.
func (s *Server) complete(rec *record, in content) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec.content = in
	if rec.generation == s.generation {
		s.read++
		s.notify()
	}
}

// store receives the calls of rec, once.
func (s *Server) store(rec *record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.storeLocked(rec)
}

func (s *Server) storeLocked(rec *record) {
	if rec.stored || rec.decoded == nil || rec.generation != s.generation {
		return
	}
	rec.stored = true
	for i := range rec.decoded.Calls {
		s.calls = append(s.calls, stored{rec.decoded.Calls[i], rec.decoded.WriteKey, rec.index})
	}
	s.notify()
}

// answered records the status of the answer, and the calls if it is a 2xx.
func (s *Server) answered(rec *record, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec.status = status
	if status >= 200 && status < 300 {
		s.storeLocked(rec)
	}
}

func (s *Server) copyOf(rec *record) Request {
	s.mu.Lock()
	snapshot := *rec
	s.mu.Unlock()
	return snapshot.request()
}

// pause waits out the answer's Delay, or for ever when it hangs.
func (s *Server) pause(ctx context.Context, a Answer) error {
	var elapsed <-chan time.Time
	switch {
	case a.Hang: // a nil channel
	case a.Delay > 0:
		timer := time.NewTimer(a.Delay)
		defer timer.Stop()
		elapsed = timer.C
	default:
		return nil
	}
	select {
	case <-elapsed:
		return nil
	case <-ctx.Done():
	case <-s.closing:
	}
	return errLeft
}
