// Package analytics is the API of segmentio/analytics-go v3 on the client of
// github.com/headwater-dev/analytics: to move a service, change the import path.
//
//	import "github.com/headwater-dev/analytics/segmentv3" // was github.com/segmentio/analytics-go/v3
//
//	client := analytics.New(writeKey)
//	defer client.Close()
//	client.Enqueue(analytics.Track{UserId: "u-1", Event: "Signed Up"})
//
// Bodies are then compressed, a call is encoded before Enqueue returns, what can
// never be accepted is not tried ten times, a Retry-After is heeded, and Close
// delivers what it holds. The README beside this file says what else a user may
// notice. From there, code can move to the modern client call by call: see
// [Unwrap].
package analytics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	headwater "github.com/headwater-dev/analytics"
)

// Version of the client.
const Version = headwater.Version

const (
	// attempts is how often v3 sends a batch in all.
	attempts = 10
	// closeTimeout bounds Close. Kubernetes kills 30 s after SIGTERM.
	closeTimeout = 20 * time.Second
	// maxWait is how long Enqueue waits for room, and waitAgain how long none does
	// after one waited in vain: a loop that is faster than the network is slowed
	// down, and a handler is not while the API is away.
	maxWait   = time.Second
	waitAgain = 10 * time.Second
)

// Client is what New and NewWithConfig return. It is safe for concurrent use. It
// also has a method Unwrap; see the function of that name.
type Client interface {
	// Close delivers what was accepted, and then releases the client. It waits 20 s
	// at most, and returns a *ShutdownError of the modern client if something was
	// left by then, which Callback.Failure has been told as well. A second Close
	// waits for the first and returns ErrClosed.
	io.Closer

	// Enqueue accepts one of the six messages, by value or by pointer. Nil means
	// that the Callback will be told what became of it, once. It keeps nothing of
	// the message but what it shows to the Callback.
	//
	// What is wrong with the message is returned: what its Validate says, an error
	// of encoding/json, ErrMessageTooBig. So are ErrTooManyRequests, when the queue
	// had no room for a second, and ErrClosed. All of these but Validate's and
	// ErrClosed are told to Callback.Failure too, as v3 does.
	Enqueue(Message) error
}

// client translates.
type client struct {
	modern *headwater.Client
	known  *pending        // nil without a Callback
	ended  context.Context // a call with it waits for nothing

	full    atomic.Int64 // until when, in Unix nanoseconds, no call waits for room
	closing atomic.Bool
	closed  chan struct{}
}

// New returns a client for the source that writeKey belongs to, with the default
// Config.
func New(writeKey string) Client {
	c, _ := NewWithConfig(writeKey, Config{}) // this Config is always accepted
	return c
}

// NewWithConfig returns a client for the source that writeKey belongs to. The error
// is a ConfigError, and the client then nil, for a negative Interval or BatchSize.
// As in v3, nothing else is an error here: an Endpoint or a DefaultContext that
// cannot be used, or an empty writeKey, is logged, and told to every Enqueue and to
// Callback.Failure.
func NewWithConfig(writeKey string, config Config) (Client, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	ended, end := context.WithCancel(context.Background())
	end()
	c := &client{ended: ended, closed: make(chan struct{})}
	if config.Callback != nil {
		c.known = newPending(config.Callback)
	}
	logger := newLogger(config)
	modern, err := config.modern(c.known, logger)
	if err == nil {
		c.modern, err = headwater.New(writeKey, modern)
	}
	if err != nil {
		logger.Error("analytics: no call can be sent", "err", err)
		c.modern, err = headwater.New("none", unusable(err))
	}
	return c, err
}

// Unwrap returns the modern client below one made by this package, nil for another.
// Both feed the same queue, so that code can move call by call:
//
//	analytics.Unwrap(client).Track(ctx, headwater.Track{UserID: "u-1", Event: "Signed Up"})
//
// The Callback is told of calls that were accepted through this package only. Close
// either client, once. The client also has Unwrap as a method, for code that does
// not import this package.
func Unwrap(c Client) *headwater.Client {
	if u, ok := c.(interface{ Unwrap() *headwater.Client }); ok {
		return u.Unwrap()
	}
	return nil
}

// Unwrap returns the modern client.
func (c *client) Unwrap() *headwater.Client { return c.modern }

// Enqueue implements Client.
func (c *client) Enqueue(m Message) error {
	m, err := valueOf(m)
	if err != nil {
		return err
	}
	if err := m.Validate(); err != nil {
		return err
	}
	own, ok := m.(message)
	if !ok {
		return fmt.Errorf("messages with custom types cannot be enqueued: %T", m)
	}
	if c.known == nil {
		return c.enqueue(own)
	}
	own = own.stamped(time.Now())
	c.known.add(own)
	if err := c.enqueue(own); err != nil {
		c.known.refuse(own, err)
		return err
	}
	return nil
}

func (c *client) enqueue(m message) error {
	modern, err := m.modern()
	if err != nil {
		return err
	}
	err = c.modern.Enqueue(c.ended, modern)
	if errors.Is(err, context.Canceled) {
		err = c.wait(modern)
	}
	return cause(err)
}

// wait waits for room, unless somebody has just waited in vain.
func (c *client) wait(m headwater.Message) error {
	if time.Now().UnixNano() < c.full.Load() {
		return ErrTooManyRequests
	}
	ctx, cancel := context.WithTimeout(context.Background(), maxWait)
	defer cancel()
	err := c.modern.Enqueue(ctx, m)
	if errors.Is(err, context.DeadlineExceeded) {
		c.full.Store(time.Now().Add(waitAgain).UnixNano())
		return ErrTooManyRequests
	}
	return err
}

// Close implements io.Closer.
func (c *client) Close() error {
	if c.closing.Swap(true) {
		<-c.closed
		return ErrClosed
	}
	defer close(c.closed)
	err := c.modern.Close()
	if c.known != nil {
		c.known.close()
	}
	return err
}
