// Config: what New refuses, and what a zero value stands for.

package analytics_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

func TestBadConfig(t *testing.T) {
	for name, test := range map[string]struct {
		config analytics.Config
		field  string
	}{
		"negative batch size":        {analytics.Config{BatchSize: -1}, "BatchSize"},
		"batch size over the API's":  {analytics.Config{BatchSize: 2501}, "BatchSize"},
		"negative batch bytes":       {analytics.Config{MaxBatchBytes: -1}, "MaxBatchBytes"},
		"batch bytes over the API's": {analytics.Config{MaxBatchBytes: 500_001}, "MaxBatchBytes"},
		"batch smaller than nothing": {analytics.Config{MaxBatchBytes: 10}, "MaxBatchBytes"},
		"negative interval":          {analytics.Config{FlushInterval: -1}, "FlushInterval"},
		"negative queue events":      {analytics.Config{MaxQueueEvents: -1}, "MaxQueueEvents"},
		"negative queue bytes":       {analytics.Config{MaxQueueBytes: -1}, "MaxQueueBytes"},
		"unknown WhenFull":           {analytics.Config{WhenFull: 3}, "WhenFull"},
		"negative WhenFull":          {analytics.Config{WhenFull: -1}, "WhenFull"},
		"retries below NoRetries":    {analytics.Config{MaxRetries: -2}, "MaxRetries"},
		"negative timeout":           {analytics.Config{RequestTimeout: -1}, "RequestTimeout"},
		"negative uploads":           {analytics.Config{MaxConcurrentUploads: -1}, "MaxConcurrentUploads"},
		"negative shutdown timeout":  {analytics.Config{ShutdownTimeout: -1}, "ShutdownTimeout"},
		"unknown compression":        {analytics.Config{Compression: 2}, "Compression"},
		"unknown role":               {analytics.Config{Role: 3}, "Role"},
		"produce without a queue":    {analytics.Config{Role: analytics.Produce}, "Role"},
		"deliver without a queue":    {analytics.Config{Role: analytics.Deliver}, "Role"},
		"receipts for a producer": {analytics.Config{
			Role: analytics.Produce, Queue: analytics.NewMemoryQueue(0, 0), OnReceipt: func(analytics.Receipt) {},
		}, "OnReceipt"},
		"default context": {analytics.Config{DefaultContext: &analytics.Context{
			Extra: map[string]any{"ratio": math.NaN()},
		}}, "DefaultContext.ratio"},
		"endpoint without scheme":   {analytics.Config{Endpoint: "api.segment.io"}, "Endpoint"},
		"endpoint of another world": {analytics.Config{Endpoint: "ftp://api.segment.io"}, "Endpoint"},
		"endpoint without host":     {analytics.Config{Endpoint: "https://"}, "Endpoint"},
		"endpoint that is none":     {analytics.Config{Endpoint: "http://[::1"}, "Endpoint"},
		"endpoint with a query":     {analytics.Config{Endpoint: "https://x.example?a=b"}, "Endpoint"},
		"endpoint with a password":  {analytics.Config{Endpoint: "https://user:secret@x.example"}, "Endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			before := test.config
			_, err := analytics.New("WRITE_KEY", &test.config)
			var field *analytics.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, "config", field.Call)
			require.Equal(t, test.field, field.Field)
			require.NotContains(t, err.Error(), "secret")
			require.Equal(t, before.BatchSize, test.config.BatchSize)
		})
	}
}

func TestBadWriteKey(t *testing.T) {
	for name, key := range map[string]string{"empty": "", "colon": "a:b", "space": "a b", "line": "a\n"} {
		t.Run(name, func(t *testing.T) {
			_, err := analytics.New(key, nil)
			var field *analytics.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, "WriteKey", field.Field)
		})
	}
}

func TestConfigIsCopied(t *testing.T) {
	where := &analytics.Context{Locale: "cs-CZ", Extra: map[string]any{"tenant": "t"}}
	config := analytics.Config{DefaultContext: where, Transport: &tape{}}
	before := config
	first, err := analytics.New("WRITE_KEY", &config)
	require.NoError(t, err)
	second, err := analytics.New("WRITE_KEY", &config)
	require.NoError(t, err)
	require.Equal(t, before.BatchSize, config.BatchSize)
	require.Equal(t, before.FlushInterval, config.FlushInterval)
	require.Nil(t, config.Now)
	require.Same(t, where, config.DefaultContext)
	require.Equal(t, analytics.Library{}, where.Library)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			where.Locale = "de-DE"
			where.Extra["tenant"] = "other"
		}
	}()
	for range 100 {
		m := event("E")
		m.Context = &analytics.Context{IP: "203.0.113.7"}
		require.NoError(t, first.Track(t.Context(), m))
		require.NoError(t, second.Track(t.Context(), m))
	}
	<-done
	require.NoError(t, first.Close())
	require.NoError(t, second.Close())
}

func TestNilConfigIsTheDefault(t *testing.T) {
	client, err := analytics.New("WRITE_KEY", nil)
	require.NoError(t, err)
	require.NoError(t, client.Close())
}

func TestDefaultsByWhatTheyDo(t *testing.T) {
	sent := &tape{}
	client := newClient(t, sent, analytics.Config{})
	track(t, client, 0, 500)
	require.NoError(t, client.Close())
	require.Equal(t, []int{250, 250}, sent.sizes())

	full := newClient(t, &tape{answer: hang}, analytics.Config{})
	refused := 0
	for range 10_100 {
		if full.Track(t.Context(), event("E")) != nil {
			refused++
		}
	}
	require.Equal(t, 100, refused, "10 000 events, dropped beyond")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.Error(t, full.Shutdown(ctx))
}
