// What a batch costs to read and to take apart.

package ingest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/internal/ingest"
)

// typicalBatch returns a batch of n messages of about 750 bytes, as libraries send them.
func typicalBatch(n int) string {
	var b strings.Builder
	b.WriteString(`{"batch":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"type":"track","messageId":"5f0d2f4e-9f0e-4a3a-8d3b-0c1d2e%06d","userId":"user-%d","anonymousId":"d7a1b2c3-0000-4444-8888-%012d",`+
			`"event":"Order Completed","timestamp":"2026-03-04T05:06:07.123Z","properties":{"order_id":"order-%d","total":129.95,"revenue":119.9,"currency":"EUR",`+
			`"coupon":"SPRING","products":[{"product_id":"p-1","sku":"G-32","name":"Monopoly: 3rd Edition","price":19,"quantity":1,"category":"Games"},`+
			`{"product_id":"p-2","sku":"F-17","name":"Uno Card Game","price":8.5,"quantity":2,"category":"Games"}]},`+
			`"context":{"app":{"name":"shop","version":"4.2.1"},"locale":"en-GB","library":{"name":"analytics-go","version":"0.2.0"},`+
			`"userAgent":"Mozilla/5.0 (X11; Linux x86_64)","page":{"path":"/checkout","url":"https://shop.example.org/checkout"}},"integrations":{"All":true}}`, i, i, i, i)
	}
	b.WriteString(`],"sentAt":"2026-03-04T05:06:07.456Z","context":{"ip":"203.0.113.9"}}`)
	return b.String()
}

func BenchmarkDecode(b *testing.B) {
	const events = 250
	for name, body := range map[string]string{
		"batch":  typicalBatch(events),
		"nested": `{"batch":[` + strings.Repeat(`{"type":"track","properties":`+strings.Repeat(`{"a":`, 90)+`0`+strings.Repeat(`}`, 90)+`},`, events-1) + `0]}`,
	} {
		b.Run(name, func(b *testing.B) {
			h := post("/v1/batch", "").Header
			raw := []byte(body)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				req, err := ingest.Decode("batch", h, raw, received)
				require.NoError(b, err)
				require.Len(b, req.Calls, events)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
	}
}

func BenchmarkReadBody(b *testing.B) {
	const events = 250
	plain := typicalBatch(events)
	packed := deflate(b, plain)
	for name, body := range map[string][]byte{"gzip": packed, "plain": []byte(plain)} {
		b.Run(name, func(b *testing.B) {
			h := http.Header{"Content-Length": {strconv.Itoa(len(body))}}
			wire := bytes.NewReader(nil)
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				wire.Reset(body)
				got, err := ingest.ReadBody(h, wire, ingest.MaxBatchBytes)
				require.NoError(b, err)
				require.Len(b, got, len(plain))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
	}
}

func BenchmarkMessage(b *testing.B) {
	req, err := ingest.Decode("batch", http.Header{}, []byte(typicalBatch(1)), received)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		require.NotNil(b, req.Calls[0].Message())
	}
}
