// One call as it was received, and ways to ask it things.

package analyticstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/headwater-dev/analytics/internal/ingest"
)

// Call is one message. Its text fields are empty when the message does not have
// them or has them with another type. It is a copy: its maps and bytes belong
// to whoever asked for it.
type Call struct {
	Type        string // "identify", "track", "page", "screen", "group" or "alias"
	MessageID   string // assigned on arrival when the message had none
	UserID      string
	AnonymousID string
	PreviousID  string
	GroupID     string
	Event       string // of a track
	Name        string // of a page or screen
	Category    string // of a page or screen

	Timestamp         time.Time // when it happened by the server's clock: receivedAt - (sentAt - originalTimestamp)
	OriginalTimestamp time.Time // when the client says it happened; zero when it does not
	SentAt            time.Time // when the client says it was sent; zero when it does not
	ReceivedAt        time.Time // when the request arrived; virtual in a bubble

	// Verdict is "accepted", or the code under which the API discards the call:
	// "no_user_anon_id", "event_not_defined", "id_not_string" and so on. Reason says
	// the same in words.
	Verdict string
	Reason  string

	WriteKey string // of the request
	Request  int    // index of the request in Server.Requests; of the batch, counted from Reset, with a Recorder

	// Message is the call as the API passes it on, with what its batch says for all
	// messages merged in, the times filled in and the write key taken out. Numbers
	// are json.Number, digit for digit. Nil when the message is not an object.
	Message map[string]any

	// Raw is the message byte for byte, which includes the write key if a request
	// for a single call had it in its body.
	Raw json.RawMessage
}

// stored is a call the server keeps, undecoded, and where it came from.
type stored struct {
	ingest.Call
	writeKey string
	request  int
}

func (s stored) call() Call {
	c := &s.Call
	return Call{
		Type: c.Type, MessageID: c.MessageID, UserID: c.UserID, AnonymousID: c.AnonymousID,
		PreviousID: c.PreviousID, GroupID: c.GroupID, Event: c.Event, Name: c.Name, Category: c.Category,
		Timestamp: c.Timestamp, OriginalTimestamp: c.OriginalTimestamp, SentAt: c.SentAt, ReceivedAt: c.ReceivedAt,
		Verdict: string(c.Verdict), Reason: c.Reason, WriteKey: s.writeKey, Request: s.request,
		Message: c.Message(), Raw: bytes.Clone(c.Raw),
	}
}

// Accepted reports whether the API would pass the call on.
func (c Call) Accepted() bool { return c.Verdict == string(ingest.Accepted) }

// String is what a failed assertion should show: `track "Order Completed" of u-1`,
// with the verdict when it is not accepted.
func (c Call) String() string {
	var b strings.Builder
	b.WriteString(c.Type)
	for _, name := range []string{c.Event, c.Category, c.Name, c.GroupID, c.PreviousID} {
		if name != "" {
			fmt.Fprintf(&b, " %q", name)
		}
	}
	if who := c.UserID + c.AnonymousID; c.UserID != "" && c.AnonymousID != "" {
		fmt.Fprintf(&b, " of %s (%s)", c.UserID, c.AnonymousID)
	} else if who != "" {
		fmt.Fprintf(&b, " of %s", who)
	}
	if !c.Accepted() {
		fmt.Fprintf(&b, ": %s", c.Verdict)
	}
	return b.String()
}

// Get returns the value at a path of Message, such as "context.app.name" or
// "properties.products.0.sku", nil when there is none. A key that itself
// contains a dot is reached through Message.
func (c Call) Get(path string) any {
	value, _ := c.find(path)
	return value
}

// Has reports whether Message has something at path, null included.
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

// Time returns the ISO 8601 time at path in UTC, zero when it is missing or no time.
func (c Call) Time(path string) time.Time { return ingest.ParseTime(c.Str(path)) }

// Decode stores the value at path into v, as json.Unmarshal does; an empty path
// is the whole Message. It is an error when there is nothing at path.
func (c Call) Decode(path string, v any) error {
	value, ok := c.find(path)
	if !ok {
		return fmt.Errorf("analyticstest: %s has no %s", c.Type, path)
	}
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("analyticstest: %s: %w", path, err)
	}
	return nil
}

// find walks Message along path.
func (c Call) find(path string) (any, bool) {
	if path == "" {
		return c.Message, c.Message != nil
	}
	return ingest.Find(c.Message, path)
}
