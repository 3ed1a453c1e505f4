// Config: every field, its default, and the one place that refuses a bad one.

package analytics

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The regions of the Tracking API. A write key belongs to one of them, and data
// sent to the other is refused or silently lost.
const (
	EndpointUS = "https://api.segment.io"
	EndpointEU = "https://events.eu1.segmentapis.com"
)

// Limits of the Tracking API that a Config cannot exceed.
const (
	maxBatchEvents = 2500    // Tracking API: of a larger batch it answers 200 and rejects the rest
	maxBatchBytes  = 500_000 // Tracking API: 500 KB a batch; it never says which KB, so the smaller
)

// NoRetries as Config.MaxRetries means one request per batch and no more.
const NoRetries = -1

// Config configures a Client. Its zero value, like a nil *Config, is the
// default; New copies it, checks it and never writes to it. Negative values are
// errors, but for NoRetries.
type Config struct {
	// Endpoint is the base URL of the Tracking API, http or https, with or
	// without a trailing slash or /v1. Default EndpointUS.
	Endpoint string

	// BatchSize is the number of calls that makes a batch full. Default 250, at
	// most 2500. 1 sends every call by itself.
	BatchSize int

	// MaxBatchBytes bounds the uncompressed body of a batch, envelope and commas
	// included. Default and maximum 500 000. A message that does not
	// fit into a batch of its own is refused with ErrMessageTooLarge.
	MaxBatchBytes int

	// FlushInterval is how long the oldest waiting call waits for its batch to
	// fill. Default 5 s.
	FlushInterval time.Duration

	// MaxQueueEvents and MaxQueueBytes bound what the client holds: waiting, in
	// flight, retrying, or its Receipt not yet taken. Defaults 10 000 and 32 MiB.
	// With Queue they bound what is leased from it.
	MaxQueueEvents int
	MaxQueueBytes  int

	// WhenFull says what a call does when the queue is full. Default Drop in
	// memory, Block on a durable queue.
	WhenFull WhenFull

	// MaxRetries is how often a batch is sent again after the first attempt
	// failed, waits asked for by Retry-After not counted. Default 10; NoRetries
	// for none.
	MaxRetries int

	// Backoff returns the wait before the attempt-th retry, 1 being the first.
	// Default 500 ms doubling to at most 60 s, less up to half at random. A
	// negative result counts as zero.
	Backoff func(attempt int) time.Duration

	// RequestTimeout bounds one attempt, connecting and reading the answer
	// included. Default 10 s. Set it lower where a Flush has less time than that,
	// as in a function that is frozen between invocations, or a hanging attempt
	// leaves no time for a second.
	RequestTimeout time.Duration

	// MaxConcurrentUploads is how many batches are in flight at once. Default 4.
	// With 1, calls arrive in the order in which they were accepted.
	MaxConcurrentUploads int

	// ShutdownTimeout bounds Close. Default 75 s, which outlives one
	// Retry-After of a minute; 20 s with a durable queue, which loses nothing.
	// Keep it below what the platform grants: Kubernetes kills 30 s after
	// SIGTERM unless terminationGracePeriodSeconds says more. A Queue of the
	// user's that hangs in Done or Close may add two seconds for each.
	ShutdownTimeout time.Duration

	// HTTPClient sends the requests: set it for a proxy, a custom CA or HTTP/2
	// settings. It is copied, and the copy follows no redirects. Default a client
	// of our own that keeps MaxConcurrentUploads idle connections and uses the
	// proxy of the environment.
	HTTPClient *http.Client

	// TokenSource gives OAuth 2.0 access tokens; requests then carry a Bearer
	// token, and the write key in the body. Default none: Basic authentication
	// with the write key.
	TokenSource TokenSource

	// Logger gets one record when calls begin to be lost, given up or refused by
	// a full queue, and one when nothing has been lost for a minute and a batch is
	// delivered; both count. With or without OnReceipt, and never a payload or the
	// write key. Default silence.
	Logger *slog.Logger

	// DefaultContext is merged into the Context of every call, which wins.
	DefaultContext *Context

	// OnReceipt is told what became of every accepted call, exactly once each,
	// on a goroutine of its own: it may block, call the client and panic without
	// holding up delivery. Under Block give a call made in it a deadline: on a full
	// queue it waits for room that its own batch still takes. Default none.
	OnReceipt func(Receipt)

	// BeforeEnqueue sees every call before it is encoded, as a pointer to a
	// private copy with id, timestamp and Context filled in, whose Properties or
	// Traits are maps. It may change it. Returning ErrDropped drops the call,
	// any other error refuses it; the call returns either. Default none, and
	// then nothing is copied.
	BeforeEnqueue func(ctx context.Context, m Message) error

	// Compression of the request bodies. Default Gzip.
	Compression Compression

	// Queue holds accepted calls. Default a queue in memory bounded by
	// MaxQueueEvents and MaxQueueBytes. It belongs to the client, which closes
	// it; when New fails it stays with the caller.
	Queue Queue

	// Role says which side of the queue the client plays. Default Both.
	// Produce and Deliver need a Queue.
	Role Role

	// Transport sends the batches. It replaces Endpoint, HTTPClient,
	// TokenSource, Compression and RequestTimeout. Default NewHTTPTransport.
	Transport Transport

	// Now stamps timestamps and, at each attempt anew, sentAt. Waiting never uses
	// it. Both are what it says, whatever it said before: when a clock is set
	// between a call and its attempt, the API dates the call wrong by as much.
	// Default time.Now.
	Now func() time.Time

	// NewID makes message ids: unique world-wide, not empty, at most
	// MaxMessageIDLength characters. Default a UUID of version 7, which begins with the
	// time of the call.
	NewID func() string

	// Disabled makes every call validate, encode and forget: nothing is sent and
	// no Receipt comes.
	Disabled bool
}

// Compression of request bodies.
type Compression int

// Gzip, the default, compresses every body; None sends plain JSON.
const (
	Gzip Compression = iota
	None
)

// Role is which side of its queue a client plays.
type Role int

const (
	Both    Role = iota // accept calls and deliver them
	Produce             // accept calls into Config.Queue; another process delivers
	Deliver             // deliver what others put into Config.Queue: a relay
)

// WhenFull is what a call does when the queue has no room.
type WhenFull int

const (
	Drop  WhenFull = iota + 1 // return ErrQueueFull at once
	Block                     // wait for room, first come first served, until ctx ends
)

const (
	defaultBatchSize      = 250
	defaultFlushInterval  = 5 * time.Second
	defaultQueueEvents    = 10_000
	defaultQueueBytes     = 32 << 20
	defaultMaxRetries     = 10
	defaultRequestTimeout = 10 * time.Second
	defaultUploads        = 4
	defaultShutdown       = 75 * time.Second
	durableShutdown       = 20 * time.Second
)

// withDefaults returns a checked copy of c in which no field is left to guess.
func (c *Config) withDefaults() (Config, error) {
	var out Config
	if c != nil {
		out = *c
	}
	if err := out.validate(); err != nil {
		return out, err
	}
	durable := out.Queue != nil && out.Queue.Stats().Durable
	fill(&out.BatchSize, defaultBatchSize)
	fill(&out.MaxBatchBytes, maxBatchBytes)
	fill(&out.FlushInterval, defaultFlushInterval)
	fill(&out.MaxQueueEvents, defaultQueueEvents)
	fill(&out.MaxQueueBytes, defaultQueueBytes)
	fill(&out.MaxRetries, defaultMaxRetries)
	fill(&out.RequestTimeout, defaultRequestTimeout)
	fill(&out.MaxConcurrentUploads, defaultUploads)
	if durable {
		fill(&out.WhenFull, Block)
		fill(&out.ShutdownTimeout, durableShutdown)
	}
	fill(&out.WhenFull, Drop)
	fill(&out.ShutdownTimeout, defaultShutdown)
	if out.MaxRetries == NoRetries {
		out.MaxRetries = 0
	}
	if out.Backoff == nil {
		out.Backoff = backoff
	}
	if out.Logger == nil {
		out.Logger = slog.New(slog.DiscardHandler)
	}
	out.DefaultContext = out.DefaultContext.clone()
	endpoint, err := parseEndpoint(out.Endpoint)
	out.Endpoint = endpoint
	return out, err
}

// now is the time to stamp: clock, the one just read, unless Now says otherwise. To
// read a clock twice for one call is a twentieth of what the call costs.
func (c *Config) now(clock time.Time) time.Time {
	if c.Now == nil {
		return clock
	}
	return c.Now()
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c *Config) validate() error {
	numbers := []struct {
		field    string
		value    int64
		min, max int64 // max 0: none
	}{
		{"BatchSize", int64(c.BatchSize), 0, maxBatchEvents},
		{"MaxBatchBytes", int64(c.MaxBatchBytes), 0, maxBatchBytes},
		{"FlushInterval", int64(c.FlushInterval), 0, 0},
		{"MaxQueueEvents", int64(c.MaxQueueEvents), 0, 0},
		{"MaxQueueBytes", int64(c.MaxQueueBytes), 0, 0},
		{"WhenFull", int64(c.WhenFull), 0, int64(Block)},
		{"MaxRetries", int64(c.MaxRetries), NoRetries, 0},
		{"RequestTimeout", int64(c.RequestTimeout), 0, 0},
		{"MaxConcurrentUploads", int64(c.MaxConcurrentUploads), 0, 0},
		{"ShutdownTimeout", int64(c.ShutdownTimeout), 0, 0},
		{"Compression", int64(c.Compression), 0, int64(None)},
		{"Role", int64(c.Role), 0, int64(Deliver)},
	}
	for _, n := range numbers {
		switch {
		case n.value < n.min:
			return badConfig(n.field, "must not be negative; leave it 0 for the default")
		case n.max > 0 && n.value > n.max:
			return badConfig(n.field, fmt.Sprintf("must be at most %d", n.max))
		}
	}
	if least := envelopeBytes + 2; c.MaxBatchBytes != 0 && c.MaxBatchBytes < least {
		return badConfig("MaxBatchBytes", fmt.Sprintf("must be at least %d, the envelope of a batch", least))
	}
	if c.Role != Both && c.Queue == nil {
		return badConfig("Role", "Produce and Deliver need a Queue that another process shares")
	}
	if c.Role == Produce && c.OnReceipt != nil {
		return badConfig("OnReceipt", "is never called in Role Produce: receipts belong to the process that delivers")
	}
	if c.DefaultContext != nil {
		if _, err := appendContext(nil, bounds{}, c.DefaultContext); err != nil {
			err = under(err, "DefaultContext")
			if e, ok := err.(*FieldError); ok {
				e.Call = "config"
			}
			return err
		}
	}
	return nil
}

func badConfig(field, reason string) error {
	return &FieldError{Call: "config", Field: field, Reason: reason}
}

// parseEndpoint returns the URL that batches are posted to. Its errors never
// repeat the endpoint, which may carry a password.
func parseEndpoint(endpoint string) (string, error) {
	if endpoint == "" {
		endpoint = EndpointUS
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return "", badConfig("Endpoint", "is not a URL, want something like "+EndpointUS)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", badConfig("Endpoint", "needs the scheme http or https, like "+EndpointUS)
	case u.Host == "":
		return "", badConfig("Endpoint", "has no host, want something like "+EndpointUS)
	case u.User != nil:
		return "", badConfig("Endpoint", "must not carry a user or password: the write key is the credential")
	case u.RawQuery != "" || u.Fragment != "":
		return "", badConfig("Endpoint", "must not have a query or a fragment")
	}
	path := strings.TrimRight(u.Path, "/")
	u.Path = strings.TrimSuffix(path, "/v1") + "/v1/batch"
	u.RawPath = ""
	return u.String(), nil
}

func validateWriteKey(key string) error {
	const field = "WriteKey"
	if key == "" {
		return badConfig(field, "is empty: pass the write key of your source to New")
	}
	for _, r := range key {
		if r <= ' ' || r == ':' || r == 0x7f {
			return badConfig(field, "has a space, a colon or a control character in it")
		}
	}
	return nil
}
