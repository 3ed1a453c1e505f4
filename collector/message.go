// Messages: a stored call as the API would pass it on.

package collector

import (
	"encoding/json"

	"github.com/headwater-dev/analytics/collector/internal/store"
	"github.com/headwater-dev/analytics/internal/ingest"
)

// message returns a stored call with what its envelope says laid under it and
// its times corrected. A message that is no JSON object is the member "message"
// of one.
func message(s store.Stored) map[string]any {
	in := ingest.Call{
		Type: s.Type, MessageID: s.MessageID, Raw: s.Raw, ReceivedAt: s.Request.ReceivedAt,
		Envelope: &ingest.Envelope{Context: s.Request.Context, Integrations: s.Request.Integrations, SentAt: s.Request.SentAt},
	}
	m := in.Message()
	if m == nil {
		return map[string]any{"message": json.RawMessage(s.Raw)}
	}
	// A user agent is kept of users' own programs only: their calls all get it, and
	// the address. Of a server's calls those get the address that ask for it.
	if s.Request.UserAgent != "" || asksForIP(m) {
		ingest.Origin{IP: s.Request.IP, UserAgent: s.Request.UserAgent}.Fill(m)
	}
	return m
}

// asksForIP: Tracking API, "Collecting IP Address".
func asksForIP(m map[string]any) bool {
	c, _ := m["context"].(map[string]any)
	return c["direct"] == true
}
