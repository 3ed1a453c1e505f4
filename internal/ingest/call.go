// One call as it was received.

package ingest

import (
	"bytes"
	"encoding/json"
	"maps"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Call is one message of a request and the verdict on it. Text fields are empty
// when the message does not have them or has them with another type.
type Call struct {
	Type        string // "track" …, from the path, else from the message; empty when it is none of the six
	MessageID   string // the message's, else a new one: the API assigns it on arrival
	UserID      string
	AnonymousID string
	PreviousID  string
	GroupID     string
	Event       string
	Name        string
	Category    string

	OriginalTimestamp time.Time // when the caller says it happened; zero when not said or not readable
	SentAt            time.Time // when the client says it sent it: the message's own, else the request's; zero likewise
	ReceivedAt        time.Time // one for all calls of a request
	Timestamp         time.Time // when it happened by the receiver's clock; see Timestamp

	Verdict Verdict
	Reason  string // why it is discarded, for a person, without the value itself; empty when accepted

	// Raw is the message byte for byte, never changed. In a request for a single
	// call that is the whole body, with the write key if the client put it there.
	Raw json.RawMessage

	from *shared
}

// shared is what a batch says for all its messages, as it stood in the body,
// and its context decoded, for reading only.
type shared struct {
	context, integrations, sentAt json.RawMessage

	decoded map[string]any
}

// Message returns the message as the API passes it on: inherited context and
// integrations laid under its own, type, messageId and the four times filled
// in, the write key taken out. Numbers are json.Number, digit for digit. Every
// call decodes anew, so the map belongs to the caller and a stored Call costs
// no more than its bytes. It is nil when Raw is not an object.
func (c *Call) Message() map[string]any {
	m := object(c.Raw)
	if m == nil {
		return nil
	}
	if c.from != nil {
		inherit(m, c.from)
	}
	delete(m, "writeKey")
	if c.Type != "" {
		m["type"] = c.Type
	}
	m["messageId"] = c.MessageID
	// On the wire a caller's timestamp is what is stored as originalTimestamp.
	if m["originalTimestamp"] == nil && m["timestamp"] != nil {
		m["originalTimestamp"] = m["timestamp"]
	}
	m["timestamp"] = c.Timestamp.UTC().Format(layoutOut)
	m["receivedAt"] = c.ReceivedAt.UTC().Format(layoutOut)
	return m
}

// decodeCall reads one message. callType is what the path says, "" in a batch,
// where the message says it; when both do, the path wins, as the documentation
// is silent and the path is what the client's author wrote last.
func decodeCall(callType string, raw json.RawMessage, from *shared, receivedAt time.Time) Call {
	c := Call{Type: callType, Raw: raw, from: from, ReceivedAt: receivedAt, Timestamp: receivedAt}
	m := object(raw)
	if m == nil {
		c.MessageID = uuid.NewString()
		c.Verdict, c.Reason = BadRequest, "the message is not an object"
		return c
	}
	if name := text(m, "type"); c.Type == "" && calls[name] {
		c.Type = name
	}
	c.MessageID = text(m, "messageId")
	if c.MessageID == "" {
		c.MessageID = uuid.NewString()
	}
	c.UserID, c.AnonymousID = text(m, "userId"), text(m, "anonymousId")
	c.PreviousID, c.GroupID = text(m, "previousId"), text(m, "groupId")
	c.Event, c.Name, c.Category = text(m, "event"), text(m, "name"), text(m, "category")

	c.OriginalTimestamp = ParseTime(text(m, "originalTimestamp"))
	if c.OriginalTimestamp.IsZero() {
		c.OriginalTimestamp = ParseTime(text(m, "timestamp"))
	}
	if c.SentAt = ParseTime(text(m, "sentAt")); m["sentAt"] == nil {
		c.SentAt = timeOf(from.sentAt)
	}
	c.Timestamp = Timestamp(c.OriginalTimestamp, c.SentAt, receivedAt)

	switch {
	case c.Type == "":
		c.Verdict, c.Reason = BadRequest, "type is not one of the six calls"
	case utf8.RuneCountInString(c.MessageID) > MaxIDChars:
		c.Verdict, c.Reason = BadRequest, "messageId is longer than 100 characters"
	default:
		c.Verdict, c.Reason = judge(c.Type, m, from.decoded)
	}
	return c
}

// inherit lays what the batch says under the message: its context and its
// integrations key by key, its sentAt whole. What the message says wins.
func inherit(m map[string]any, from *shared) {
	for key, under := range map[string]json.RawMessage{"context": from.context, "integrations": from.integrations} {
		if base := object(under); base != nil {
			m[key] = overlay(base, m[key])
		}
	}
	if sentAt := new(any); m["sentAt"] == nil && json.Unmarshal(from.sentAt, sentAt) == nil && *sentAt != nil {
		m["sentAt"] = *sentAt
	}
}

// overlay returns top laid over base: two objects are merged, deep, in a new
// map; otherwise it is top, or base when top is nil. Neither is changed.
func overlay(base, top any) any {
	under, isObject := base.(map[string]any)
	over, both := top.(map[string]any)
	switch {
	case top == nil:
		return base
	case !isObject || !both:
		return top
	}
	merged := maps.Clone(under)
	for key, value := range over {
		if value == nil { // null hides what is inherited
			merged[key] = nil
			continue
		}
		merged[key] = overlay(under[key], value)
	}
	return merged
}

// object decodes raw, nil when it is not a JSON object.
func object(raw json.RawMessage) map[string]any {
	if !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")) {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var m map[string]any
	if decoder.Decode(&m) != nil {
		return nil
	}
	return m
}

// text returns m[key] when it is a string.
func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}
