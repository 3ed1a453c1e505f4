// One call as the collector has it, and ways to ask it things.

package collectortest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/headwater-dev/analytics/internal/ingest"
)

// Call is one call.
type Call struct {
	Type       string    `json:"type"`  // "identify", "track", "page", "screen", "group", "alias"; "" when it is none of these
	Event      string    `json:"event"` // of a track
	MessageID  string    `json:"messageId"`
	Verdict    string    `json:"verdict"` // "ok", or the code it failed or was filtered with: "no_user_anon_id"
	Reason     string    `json:"reason"`  // the same in words; "" when it is ok
	ReceivedAt time.Time `json:"receivedAt"`

	// Raw is the message in JSON as the API passes it on, with what its batch says
	// for all messages merged in and the times filled in, or as it came when it is
	// not an object.
	Raw json.RawMessage `json:"raw"`
}

// Accepted reports whether the verdict is "ok".
func (c Call) Accepted() bool { return c.Verdict == "ok" }

// tracks reports whether c is a track call of an event name.
func (c Call) tracks(event string) bool { return c.Type == "track" && c.Event == event }

// String is what a failed assertion should show: `track "Order Completed"`, with
// the verdict when it is not ok.
func (c Call) String() string {
	var b strings.Builder
	b.WriteString(c.Type)
	if c.Type == "" {
		b.WriteString("unknown type")
	}
	if c.Event != "" {
		fmt.Fprintf(&b, " %q", c.Event)
	}
	if !c.Accepted() {
		fmt.Fprintf(&b, ": %s", c.Verdict)
	}
	return b.String()
}

// Get returns the value at a path of Raw, such as "userId", "context.app.name" or
// "properties.products.0.sku", nil when there is none. Numbers are json.Number,
// digit for digit. A key that itself contains a dot is reached through Raw.
func (c Call) Get(path string) any {
	value, _ := c.find(path)
	return value
}

// Has reports whether Raw has something at path, null included.
func (c Call) Has(path string) bool {
	_, ok := c.find(path)
	return ok
}

// Str returns the string at path, "" when it is missing or no string.
func (c Call) Str(path string) string {
	s, _ := c.Get(path).(string)
	return s
}

// Float returns the number at path, 0 when it is missing, no number or out of range.
func (c Call) Float(path string) float64 {
	n, _ := c.Get(path).(json.Number)
	f, err := n.Float64()
	if err != nil {
		return 0
	}
	return f
}

// Int returns the whole number at path, 0 when it is missing, not whole or out of range.
func (c Call) Int(path string) int64 {
	n, _ := c.Get(path).(json.Number)
	i, err := n.Int64()
	if err != nil {
		return 0
	}
	return i
}

// Bool returns the boolean at path, false when it is missing or none. Has tells
// false from missing.
func (c Call) Bool(path string) bool {
	b, _ := c.Get(path).(bool)
	return b
}

// find decodes Raw and walks along path.
func (c Call) find(path string) (any, bool) {
	decoder := json.NewDecoder(bytes.NewReader(c.Raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, false
	}
	return ingest.Find(value, path)
}
