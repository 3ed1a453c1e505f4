// The recorder behind a client, and by itself.

package analyticstest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// recorded returns a client with its recorder, closed when the test ends.
func recorded(t *testing.T, config *analytics.Config) (*analytics.Client, *analyticstest.Recorder) {
	t.Helper()
	client, recorder, err := analyticstest.NewClient(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client, recorder
}

func TestRecorderKeepsEveryCall(t *testing.T) {
	t.Parallel()
	client, recorder := recorded(t, nil)
	ctx := t.Context()
	require.NoError(t, client.Identify(ctx, analytics.Identify{UserID: "u", Traits: analytics.NewTraits().SetEmail("a@b.co")}))
	require.NoError(t, client.Track(ctx, analytics.Track{UserID: "u", Event: "Signed Up", Properties: analytics.Properties{"plan": "pro"}}))
	require.NoError(t, client.Page(ctx, analytics.Page{UserID: "u", Name: "Home"}))
	require.NoError(t, client.Screen(ctx, analytics.Screen{UserID: "u", Name: "Start"}))
	require.NoError(t, client.Group(ctx, analytics.Group{UserID: "u", GroupID: "g"}))
	require.NoError(t, client.Alias(ctx, analytics.Alias{UserID: "u", PreviousID: "a"}))
	require.NoError(t, client.Flush(ctx))

	var all []string
	for i, c := range recorder.Calls() {
		require.True(t, c.Accepted(), c.Reason)
		require.Equal(t, i, c.Request, "each is sent by itself")
		require.Equal(t, "TEST", c.WriteKey)
		require.False(t, c.SentAt.IsZero())
		all = append(all, c.String())
	}
	require.Equal(t, []string{`identify of u`, `track "Signed Up" of u`, `page "Home" of u`, `screen "Start" of u`,
		`group "g" of u`, `alias "a" of u`}, all)
	require.Equal(t, "pro", recorder.Events("Signed Up")[0].Str("properties.plan"))
	require.Empty(t, recorder.Events("Other"))

	recorder.Reset()
	require.Empty(t, recorder.Calls())
}

func TestRecorderFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		config   analytics.Config
		failures []error
		want     error // in the receipt of the first call
		attempts int
		received int // of two calls
	}{
		"once":           {failures: []error{broken}, attempts: 2, received: 2},
		"not the first":  {failures: []error{nil, broken}, attempts: 1, received: 2},
		"for good":       {config: analytics.Config{MaxRetries: 2}, failures: []error{broken, broken, broken}, want: broken, attempts: 3, received: 1},
		"no retries":     {config: analytics.Config{MaxRetries: analytics.NoRetries}, failures: []error{broken}, want: broken, attempts: 1, received: 1},
		"a refusal":      {failures: []error{&analytics.ResponseError{StatusCode: 403}}, want: &analytics.ResponseError{StatusCode: 403}, attempts: 1, received: 1},
		"a pause":        {failures: []error{&analytics.ResponseError{StatusCode: 429, RetryAfter: time.Minute}}, attempts: 2, received: 2},
		"a large script": {failures: []error{broken, broken, broken, broken, broken, broken}, attempts: 7, received: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				receipts := make(chan analytics.Receipt, 2)
				tt.config.OnReceipt = func(r analytics.Receipt) { receipts <- r }
				client, recorder := recorded(t, &tt.config)
				recorder.Fail(tt.failures...)
				require.NoError(t, client.Track(t.Context(), analytics.Track{UserID: "u", Event: "E"}))
				first := <-receipts
				require.Equal(t, tt.want, first.Err)
				require.Equal(t, tt.attempts, first.Attempts)
				require.NoError(t, client.Track(t.Context(), analytics.Track{UserID: "u", Event: "E"}))
				require.NoError(t, (<-receipts).Err)
				require.Len(t, recorder.Calls(), tt.received)
			})
		})
	}
}

func TestRecorderResetForgetsFailures(t *testing.T) {
	t.Parallel()
	client, recorder := recorded(t, &analytics.Config{MaxRetries: analytics.NoRetries})
	recorder.Fail(errors.New("broken"))
	recorder.Reset()
	require.NoError(t, client.Track(t.Context(), analytics.Track{UserID: "u", Event: "E"}))
	calls, err := recorder.WaitCalls(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, calls, 1)
}

// Without Flush: a call is sent by itself, and a wait that is in vain says so.
func TestRecorderWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, recorder := recorded(t, nil)
		began := time.Now()
		go func() {
			time.Sleep(time.Second)
			_ = client.Track(t.Context(), analytics.Track{UserID: "u", Event: "E"})
		}()
		calls, err := recorder.WaitCalls(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, calls, 1)
		require.Equal(t, time.Second, time.Since(began), "it does not wait for FlushInterval")

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = recorder.WaitCalls(ctx, 2)
		require.EqualError(t, err, "analyticstest: 1 of 2 calls arrived: context deadline exceeded")
	})
}

// What config says is kept: a batch is a batch, and its fields are not written to.
func TestNewClientKeepsConfig(t *testing.T) {
	t.Parallel()
	config := &analytics.Config{BatchSize: 3, NewID: func() string { return "fixed" }}
	client, recorder := recorded(t, config)
	for range 3 {
		require.NoError(t, client.Track(t.Context(), analytics.Track{UserID: "u", Event: "E"}))
	}
	calls, err := recorder.WaitCalls(t.Context(), 3)
	require.NoError(t, err)
	require.Zero(t, calls[2].Request, "one batch")
	require.Equal(t, "fixed", calls[0].MessageID)
	require.Nil(t, config.Transport)
	require.Nil(t, config.Backoff)
	require.Zero(t, config.MaxConcurrentUploads)

	_, _, err = analyticstest.NewClient(&analytics.Config{Transport: recorder})
	require.EqualError(t, err, "analytics: config: Transport: must be nil: NewClient puts its Recorder there")
	_, _, err = analyticstest.NewClient(&analytics.Config{BatchSize: -1})
	var field *analytics.FieldError
	require.ErrorAs(t, err, &field)
	require.Equal(t, "BatchSize", field.Field)
}

// As a Transport by itself: the largest batch fits, and what the API would
// discard is told from what it takes.
func TestRecorderAlone(t *testing.T) {
	t.Parallel()
	recorder := analyticstest.NewRecorder()
	filler := strings.Repeat("x", 31_000)
	large := &analytics.Batch{WriteKey: "KEY", SentAt: time.Now()}
	for range 16 {
		large.Entries = append(large.Entries, analytics.Entry{Body: []byte(`{"type":"track","userId":"u","event":"E","properties":{"x":"` + filler + `"}}`)})
	}
	require.NoError(t, recorder.Send(t.Context(), large))
	require.Len(t, recorder.Events("E"), 16)

	require.NoError(t, recorder.Send(t.Context(), &analytics.Batch{WriteKey: "KEY", Entries: []analytics.Entry{{Body: []byte(`{"type":"track","event":"F"}`)}}}))
	require.Equal(t, "no_user_anon_id", recorder.Events("F")[0].Verdict)

	var answer *analytics.ResponseError
	require.ErrorAs(t, recorder.Send(t.Context(), &analytics.Batch{Entries: []analytics.Entry{{Body: []byte(`{`)}}}), &answer)
	require.Equal(t, 400, answer.StatusCode)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	recorder.Fail(errors.New("for the next one"))
	require.ErrorIs(t, recorder.Send(ctx, large), context.Canceled)
	require.EqualError(t, recorder.Send(t.Context(), large), "for the next one")
	require.Len(t, recorder.Calls(), 17)
}

// Everything at once, for the race detector.
func TestRecorderConcurrentUse(t *testing.T) {
	t.Parallel()
	client, recorder := recorded(t, &analytics.Config{BatchSize: 7, MaxConcurrentUploads: 4, WhenFull: analytics.Block, FlushInterval: time.Millisecond})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				recorder.Fail(nil, errors.New("broken"))
				_ = client.Track(t.Context(), analytics.Track{UserID: "u", Event: "E"})
				recorder.Calls()
			}
		})
	}
	group.Wait()
	require.NoError(t, client.Flush(t.Context()))
	require.Len(t, recorder.Calls(), int(client.Stats().Delivered), "an unlucky batch may use up its retries")
}
