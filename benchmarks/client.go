// The seam of the benchmark: what is measured takes events and delivers them; a driver only builds the messages.

package main

import (
	"runtime"
	"time"
)

// client is one of the things measured.
type client interface {
	// send builds a message of the event, which costs the driver as much, and
	// hands it over. It returns how long that took when timed.
	send(e *event, timed bool) (time.Duration, error)

	// close returns when everything has been delivered, or cannot be.
	close() error
}

// opener makes a client that sends to an endpoint.
type opener func(endpoint string) (client, error)

// calls is a client whose messages are of type M.
type calls[M any] struct {
	build func(*event) M // keeps nothing of the event
	hand  func(M) error
	end   func() error
}

func (c calls[M]) send(e *event, timed bool) (time.Duration, error) {
	m := c.build(e)
	if !timed {
		return 0, c.hand(m)
	}
	began := time.Now()
	err := c.hand(m)
	return time.Since(began), err
}

func (c calls[M]) close() error { return c.end() }

// drive opens a driver: it builds messages and drops them, which a measured
// process does before any library has begun.
func drive[M any](build func(*event) M) opener {
	return func(string) (client, error) {
		return calls[M]{
			build: build,
			hand: func(m M) error {
				runtime.KeepAlive(m)
				return nil
			},
			end: func() error { return nil },
		}, nil
	}
}
