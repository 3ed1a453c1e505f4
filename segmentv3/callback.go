// Callback: who is told what became of a message, and the messages of which nothing is known yet.

package analytics

import (
	"errors"
	"sync"
	"time"

	headwater "github.com/headwater-dev/analytics"
)

// callbackGrace is what a Callback gets to return before Close stops waiting for it.
const callbackGrace = time.Second

// Callback is told what became of each message, as Enqueue was given it, with its
// MessageId, Timestamp and Type filled in. It is called on goroutines of the client. It
// may block, call the client and panic without holding up delivery.
type Callback interface {
	// Success is called for a message that the API has accepted.
	Success(Message)

	// Failure is called for a message that is given up. The error is what v3 gives for
	// the same reason where it has one: a *url.Error, an error of encoding/json,
	// ErrMessageTooBig, ErrTooManyRequests. Another is the modern client's: find a
	// *ResponseError with errors.As.
	Failure(Message, error)
}

// pending are the messages of which nothing is known yet, by id. Two may have the same.
type pending struct {
	callback Callback
	refused  sync.WaitGroup // calls of Failure for messages that were never accepted

	mu     sync.Mutex
	byID   map[string][]message
	closed bool
}

func newPending(callback Callback) *pending {
	return &pending{callback: callback, byID: make(map[string][]message)}
}

// add must come before the message is accepted, or its Receipt could come first.
func (p *pending) add(m message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byID[m.id()] = append(p.byID[m.id()], m)
}

// take returns the oldest message with an id, and forgets it.
func (p *pending) take(id string) (message, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.byID[id]
	if len(list) == 0 {
		return nil, false
	}
	if len(list) == 1 {
		delete(p.byID, id)
	} else {
		p.byID[id] = list[1:]
	}
	return list[0], true
}

// settle is the OnReceipt of the modern client. What it does not know was accepted by
// that one.
func (p *pending) settle(r headwater.Receipt) {
	m, ok := p.take(r.MessageID)
	switch {
	case !ok:
	case r.Err == nil:
		p.callback.Success(m)
	default:
		p.callback.Failure(m, cause(r.Err))
	}
}

// refuse tells the Callback of a message that was not accepted. It does so on a
// goroutine of its own, since the caller may hold what the Callback waits for.
func (p *pending) refuse(m message, err error) {
	p.take(m.id())
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || errors.Is(err, ErrClosed) {
		return // nobody may be listening any more
	}
	p.refused.Go(func() {
		defer func() { _ = recover() }() // as the modern client does for OnReceipt
		p.callback.Failure(m, err)
	})
}

// close waits for the calls of Failure that are running, for a while.
func (p *pending) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.refused.Wait()
	}()
	timer := time.NewTimer(callbackGrace)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}
