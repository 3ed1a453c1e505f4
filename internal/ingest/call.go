// One call as it was received.

package ingest

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Call is one message of a request and the verdict on it. Text fields are empty
// when the message does not have them or has them with another type.
type Call struct {
	Type        string // "track" …, from the path, else from the message; empty when it is none of the six
	MessageID   string // the message's, else a new one: the API assigns it on arrival
	Assigned    bool   // MessageID is a new one
	UserID      string
	AnonymousID string
	PreviousID  string
	GroupID     string
	Event       string
	Name        string
	Category    string
	AppVersion  string // context.app.version, inherited or its own
	Direct      bool   // context.direct asks for the sender's IP, and there is no context.ip

	OriginalTimestamp time.Time // when the caller says it happened; zero when not said or not readable
	SentAt            time.Time // when the client says it sent it: the message's own, else the request's; zero likewise
	ReceivedAt        time.Time // one for all calls of a request
	Timestamp         time.Time // when it happened by the receiver's clock; see Timestamp

	Verdict Verdict
	Reason  string // why it is discarded, for a person, without the value itself; empty when accepted

	// Raw is the message byte for byte, never changed. In a request for a single
	// call that is the whole body, with the write key if the client put it there.
	// It shares memory with the body.
	Raw json.RawMessage

	// Envelope is what the batch says for all its messages, one for all its calls;
	// nil in a request for a single call.
	Envelope *Envelope
}

// Envelope is what a batch says for all its messages, as it stood in the body,
// with which it shares memory; a member is nil when it was missing. It is for
// reading only.
type Envelope struct{ Context, Integrations, SentAt json.RawMessage }

// fields are the members of a message that the receiver reads, as they stand in
// the text; nil when missing.
type fields struct {
	callType, messageID                      []byte
	userID, anonymousID, previousID, groupID []byte
	event, name, category                    []byte
	originalTimestamp, timestamp, sentAt     []byte
	properties, traits, context              []byte
}

// readFields reads the message raw, an object.
func readFields(raw []byte) fields {
	var f fields
	for key, value := range members(raw) {
		if at := f.at(key); at != nil {
			*at = value
		}
	}
	return f
}

func (f *fields) at(key []byte) *[]byte {
	switch string(key) {
	case "type":
		return &f.callType
	case "messageId":
		return &f.messageID
	case "userId":
		return &f.userID
	case "anonymousId":
		return &f.anonymousID
	case "previousId":
		return &f.previousID
	case "groupId":
		return &f.groupID
	case "event":
		return &f.event
	case "name":
		return &f.name
	case "category":
		return &f.category
	case "originalTimestamp":
		return &f.originalTimestamp
	case "timestamp":
		return &f.timestamp
	case "sentAt":
		return &f.sentAt
	case "properties":
		return &f.properties
	case "traits":
		return &f.traits
	case "context":
		return &f.context
	}
	return nil
}

// envelope is an Envelope read once for all calls; the zero value is none.
type envelope struct {
	*Envelope
	context contextFields
	sentAt  time.Time
}

// decodeCall reads one message, valid JSON. callType is what the path says, "" in
// a batch, where the message says it; when both do, the path wins, as the
// documentation is silent and the path is what the client's author wrote last.
func decodeCall(callType string, raw json.RawMessage, from *envelope, receivedAt time.Time) Call {
	c := Call{Type: callType, Raw: raw, Envelope: from.Envelope, ReceivedAt: receivedAt, Timestamp: receivedAt}
	if !isObject(raw[skipSpace(raw, 0):]) {
		c.assignID()
		c.Verdict, c.Reason = BadRequest, "the message is not an object"
		return c
	}
	m := readFields(raw)
	if c.Type == "" {
		c.Type = callName(m.callType)
	}
	if c.MessageID = text(m.messageID); c.MessageID == "" {
		c.assignID()
	}
	c.UserID, c.AnonymousID = text(m.userID), text(m.anonymousID)
	c.PreviousID, c.GroupID = text(m.previousID), text(m.groupID)
	c.Event, c.Name, c.Category = text(m.event), text(m.name), text(m.category)
	c.readTimes(&m, from)

	var context contextFields
	if absent(m.context) || isObject(m.context) {
		context = readContext(m.context)
		context.lay(&from.context)
	}
	c.AppVersion = text(context.appVersion)
	c.Direct = len(context.direct) > 0 && context.direct[0] == 't' && absent(context.ip)

	switch {
	case c.Type == "":
		c.Verdict, c.Reason = BadRequest, "type is not one of the six calls"
	case utf8.RuneCountInString(c.MessageID) > MaxIDChars:
		c.Verdict, c.Reason = BadRequest, "messageId is longer than 100 characters"
	default:
		c.Verdict, c.Reason = judge(c.Type, &m, &context)
	}
	return c
}

func (c *Call) assignID() { c.MessageID, c.Assigned = uuid.NewString(), true }

// readTimes fills in the times but ReceivedAt.
func (c *Call) readTimes(m *fields, from *envelope) {
	if c.OriginalTimestamp = timeOf(m.originalTimestamp); c.OriginalTimestamp.IsZero() {
		c.OriginalTimestamp = timeOf(m.timestamp)
	}
	if c.SentAt = timeOf(m.sentAt); absent(m.sentAt) {
		c.SentAt = from.sentAt
	}
	c.Timestamp = Timestamp(c.OriginalTimestamp, c.SentAt, c.ReceivedAt)
}

// callName returns which of the six calls the JSON text raw names, "" for none.
func callName(raw []byte) string {
	name := text(raw)
	if !calls[name] {
		return ""
	}
	return name
}
