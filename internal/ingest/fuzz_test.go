// Whatever arrives, it is refused or decoded, and what is decoded can be stored.

package ingest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/internal/ingest"
)

func FuzzReceive(f *testing.F) {
	routes := []string{"batch", "identify", "track", "page", "screen", "group", "alias"}
	f.Add(byte(0), "", []byte(`{"batch":[{"type":"track","userId":"u","event":"E"},3],"context":{"a":{"b":1}},"sentAt":"2026-03-04T05:06:07Z"}`))
	f.Add(byte(2), "", []byte(`{"userId":"u","event":"E","timestamp":"0000-01-01T00:00:00Z","sentAt":"9999-12-31T23:59:59Z"}`))
	f.Add(byte(0), "", []byte(`{"batch":[{"type":"page","context":{"consent":{"categoryPreferences":{"x":1}}}}],"writeKey":"k"}`))
	f.Add(byte(1), "gzip", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, route byte, encoding string, body []byte) {
		r, err := http.NewRequest(http.MethodPost, "http://x/v1/"+routes[int(route)%len(routes)], bytes.NewReader(body))
		require.NoError(t, err)
		r.Header = http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {encoding}}
		req, err := ingest.Receive(r, received)
		if err != nil {
			var refused *ingest.Error
			require.True(t, errors.As(err, &refused) || encoding != "", "plain bytes cannot fail to be read")
			require.GreaterOrEqual(t, ingest.Status(err), 400)
			require.True(t, json.Valid(ingest.Reply(err)))
			return
		}
		require.NotEmpty(t, req.Verdict)
		require.LessOrEqual(t, len(req.Calls), ingest.MaxEvents)
		for _, c := range req.Calls {
			require.NotEmpty(t, c.Verdict)
			require.NotEmpty(t, c.MessageID)
			require.True(t, json.Valid(c.Raw))
			require.Equal(t, received, c.ReceivedAt)
			_, err := json.Marshal(c.Message())
			require.NoError(t, err)
			_, err = c.Timestamp.MarshalJSON()
			require.NoError(t, err)
		}
	})
}
