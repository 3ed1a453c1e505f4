// The message of a call as the API passes it on, built when it is asked for.

package ingest

import (
	"bytes"
	"encoding/json"
	"maps"
	"time"
)

// Message returns the message as the API passes it on: inherited context and
// integrations laid under its own, type, messageId and the four times filled in,
// the write key taken out. Numbers are json.Number, digit for digit.
//
// It needs Raw, Envelope, Type, MessageID and ReceivedAt, and no other
// field, so that a store need keep no more. Every call decodes anew: the map
// belongs to the caller and a stored Call costs no more than its bytes. It is nil
// when Raw is not an object.
func (c *Call) Message() map[string]any {
	m := object(c.Raw)
	if m == nil {
		return nil
	}
	if c.Envelope != nil {
		c.Envelope.layUnder(m)
	}
	delete(m, "writeKey")
	delete(m, "write_key")
	if c.Type != "" {
		m["type"] = c.Type
	}
	m["messageId"] = c.MessageID
	// On the wire a caller's timestamp is what is stored as originalTimestamp.
	if m["originalTimestamp"] == nil && m["timestamp"] != nil {
		m["originalTimestamp"] = m["timestamp"]
	}
	m["timestamp"] = timestampOf(m, c.ReceivedAt).UTC().Format(layoutOut)
	m["receivedAt"] = c.ReceivedAt.UTC().Format(layoutOut)
	return m
}

// timestampOf works out Call.Timestamp from a message with what it inherits.
func timestampOf(m map[string]any, receivedAt time.Time) time.Time {
	at := func(key string) time.Time {
		s, _ := m[key].(string)
		return ParseTime(s)
	}
	original := at("originalTimestamp")
	if original.IsZero() {
		original = at("timestamp")
	}
	return Timestamp(original, at("sentAt"), receivedAt)
}

// layUnder lays e under the message m: its context and its integrations key by
// key, its sentAt whole. What the message says wins.
func (e *Envelope) layUnder(m map[string]any) {
	if base := object(e.Context); base != nil {
		m["context"] = overlay(base, m["context"])
	}
	if base := object(e.Integrations); base != nil {
		m["integrations"] = overlay(base, m["integrations"])
	}
	if sentAt := new(any); m["sentAt"] == nil && json.Unmarshal(e.SentAt, sentAt) == nil && *sentAt != nil {
		m["sentAt"] = *sentAt
	}
}

// Origin is what a connection tells of who sent a call; "" is not known.
type Origin struct{ IP, UserAgent string }

// Fill puts o into the context of m, a Message, where ip and userAgent are
// missing. A context that is not an object stays what it is, and a nil m nil.
func (o Origin) Fill(m map[string]any) {
	context, isObject := m["context"].(map[string]any)
	if m == nil || o == (Origin{}) || m["context"] != nil && !isObject {
		return
	}
	if context == nil {
		context = map[string]any{}
		m["context"] = context
	}
	if o.IP != "" && context["ip"] == nil {
		context["ip"] = o.IP
	}
	if o.UserAgent != "" && context["userAgent"] == nil {
		context["userAgent"] = o.UserAgent
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
