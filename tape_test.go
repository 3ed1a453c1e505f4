// tape: a Transport in memory that records what is sent and answers as told.

package analytics_test

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// tape records the batches it is sent. answer, when set, is what Send returns
// for the n-th of them, 0 being the first.
type tape struct {
	answer func(ctx context.Context, n int, b *analytics.Batch) error

	mu      sync.Mutex
	sent    []sentBatch
	inAir   int
	mostAir int
}

type sentBatch struct {
	ids     []string
	bodies  []map[string]any
	attempt int
	sentAt  time.Time
	at      time.Time
	bytes   int
}

func (t *tape) Send(ctx context.Context, b *analytics.Batch) error {
	s := sentBatch{attempt: b.Attempt, sentAt: b.SentAt, at: time.Now(), bytes: len(b.AppendTo(nil))}
	for _, e := range b.Entries {
		var body map[string]any
		if err := json.Unmarshal(e.Body, &body); err != nil {
			panic(err)
		}
		s.ids = append(s.ids, string(e.ID))
		s.bodies = append(s.bodies, body)
	}
	t.mu.Lock()
	n := len(t.sent)
	t.sent = append(t.sent, s)
	t.inAir++
	t.mostAir = max(t.mostAir, t.inAir)
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.inAir--
		t.mu.Unlock()
	}()
	if t.answer == nil {
		return nil
	}
	return t.answer(ctx, n, b)
}

func (t *tape) batches() []sentBatch {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]sentBatch(nil), t.sent...)
}

// bodies are all messages sent, in order, retries included.
func (t *tape) bodies() (all []map[string]any) {
	for _, b := range t.batches() {
		all = append(all, b.bodies...)
	}
	return all
}

// status answers every batch alike.
func status(code int) func(context.Context, int, *analytics.Batch) error {
	return func(context.Context, int, *analytics.Batch) error {
		return &analytics.ResponseError{StatusCode: code}
	}
}

// statuses answers the first batches with the codes given, 200 being a success,
// and the rest with success.
func statuses(codes ...int) func(context.Context, int, *analytics.Batch) error {
	return func(_ context.Context, n int, _ *analytics.Batch) error {
		if n >= len(codes) || codes[n] == http.StatusOK {
			return nil
		}
		return &analytics.ResponseError{StatusCode: codes[n]}
	}
}

// hang answers nothing until the client gives the attempt up.
func hang(ctx context.Context, _ int, _ *analytics.Batch) error {
	<-ctx.Done()
	return ctx.Err()
}

// receipts collects what OnReceipt is told.
type receipts struct {
	mu  sync.Mutex
	all []analytics.Receipt
}

func (r *receipts) take(receipt analytics.Receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, receipt)
}

func (r *receipts) list() []analytics.Receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]analytics.Receipt(nil), r.all...)
}

// newClient returns a client that sends to the tape. The caller closes it.
func newClient(t testing.TB, tape *tape, config analytics.Config) *analytics.Client {
	t.Helper()
	config.Transport = tape
	client, err := analytics.New("WRITE_KEY", &config)
	require.NoError(t, err)
	return client
}

func event(name string) analytics.Track {
	return analytics.Track{UserID: "user_1", Event: name}
}
