// Config: what NewWithConfig takes, and how it becomes the modern client's.

package analytics

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	headwater "github.com/headwater-dev/analytics"
)

const (
	// DefaultEndpoint is where the API is unless Config says otherwise.
	DefaultEndpoint = "https://api.segment.io"
	// DefaultInterval is how long a message waits for others to join its batch.
	DefaultInterval = 5 * time.Second
	// DefaultBatchSize is how many messages are sent in one request.
	DefaultBatchSize = 250
	// maxBatchSize is where the API stops reading a batch, and still answers 200.
	maxBatchSize = 2500
)

// Config says how a client works. The zero value is ready.
type Config struct {
	// Endpoint is where the API is, without /v1. Default DefaultEndpoint.
	Endpoint string

	// Interval is how long a message waits for others to join its batch. Default
	// DefaultInterval.
	Interval time.Duration

	// Transport makes the requests. Their bodies are compressed with gzip. Default
	// http.DefaultTransport.
	Transport http.RoundTripper

	// Logger is told of messages that are lost. Default StdLogger on standard error.
	Logger Logger

	// Callback is told what became of every message. Default none.
	Callback Callback

	// BatchSize is how many messages are sent in one request. Default
	// DefaultBatchSize; the API takes 2500, and more counts as that.
	BatchSize int

	// Verbose has the Logger told how every request ended.
	Verbose bool

	// DefaultContext is merged into the Context of every message, which wins.
	DefaultContext *Context

	// RetryAfter returns the wait before a batch is sent again, 0 for the first
	// time, after a failure that another attempt may mend. There are ten attempts in
	// all. Default 500 ms doubling to a minute, less up to half at random. A
	// Retry-After of the API comes first and is not counted.
	RetryAfter func(int) time.Duration
}

func (c *Config) validate() error {
	if c.Interval < 0 {
		return ConfigError{Reason: "negative time intervals are not supported", Field: "Interval", Value: c.Interval}
	}
	if c.BatchSize < 0 {
		return ConfigError{Reason: "negative batch sizes are not supported", Field: "BatchSize", Value: c.BatchSize}
	}
	return nil
}

// modern returns the Config of the modern client.
func (c *Config) modern(known *pending, logger *slog.Logger) (*headwater.Config, error) {
	transport := c.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	if c.Verbose {
		transport = talking{transport, logger}
	}
	modern := &headwater.Config{
		Endpoint:        c.Endpoint,
		BatchSize:       min(c.BatchSize, maxBatchSize),
		FlushInterval:   c.Interval,
		MaxRetries:      attempts - 1,
		WhenFull:        headwater.Block,
		ShutdownTimeout: closeTimeout,
		HTTPClient:      &http.Client{Transport: transport},
		Logger:          logger,
	}
	if c.RetryAfter != nil {
		modern.Backoff = func(attempt int) time.Duration { return c.RetryAfter(attempt - 1) }
	}
	if known != nil {
		modern.OnReceipt = known.settle
	}
	if _, err := json.Marshal(c.DefaultContext); err != nil {
		return nil, err
	}
	var err error
	modern.DefaultContext, err = c.DefaultContext.modern()
	return modern, err
}

// unusable is the Config of a modern client that refuses every call with err.
func unusable(err error) *headwater.Config {
	return &headwater.Config{
		Disabled:      true,
		BeforeEnqueue: func(context.Context, headwater.Message) error { return configFault{err} },
	}
}

// configFault is an error of the Config that a call is refused with.
type configFault struct{ err error }

func (f configFault) Error() string { return fmt.Sprintf("analytics.NewWithConfig: %v", f.err) }
func (f configFault) Unwrap() error { return f.err }
