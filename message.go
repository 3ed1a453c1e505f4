// The six calls as Go values: what each may carry, Validate, and the encoding to an entry.

package analytics

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// MaxMessageBytes is the largest encoded message a client accepts. The Tracking
// API takes events of 32 KB and never says whether that is 32 000 or 32 768
// bytes, so we stay at the smaller.
const MaxMessageBytes = 32_000

// MaxMessageIDLength is the longest messageId in characters: the Tracking API
// asks for fewer than 100.
const MaxMessageIDLength = 99

// Message is one of the six calls: Identify, Track, Page, Screen, Group, Alias,
// by value or by pointer. It is sealed: Client.Enqueue refuses everything else,
// a struct that embeds one of them too.
type Message interface {
	// Validate reports the first field that the API would refuse as a
	// *FieldError, nil when there is none. Client checks every message itself;
	// calling Validate is only needed to find out earlier.
	Validate() error

	// MarshalJSON encodes the message as it would be sent, less what the client
	// adds: an empty MessageID and a zero Timestamp are left out, DefaultContext
	// is not merged.
	MarshalJSON() ([]byte, error)

	call() call
}

// Identify says who a user is and what is known about them.
// It needs a UserID or an AnonymousID.
type Identify struct {
	UserID       string       // the stable id of your database, not an e-mail address
	AnonymousID  string       // an id for a user who has not signed in
	Traits       Fields       // what is known of the user: Traits, Attrs or Struct
	Context      *Context     // where the call came from; only read
	Integrations Integrations // which destinations get it; nil means all
	MessageID    string       // generated when empty; at most MaxMessageIDLength characters
	Timestamp    time.Time    // when it happened; now when zero
}

// Track says that a user did something. It needs an Event, and a UserID or an
// AnonymousID.
type Track struct {
	UserID       string       // the stable id of your database, not an e-mail address
	AnonymousID  string       // an id for a user who has not signed in
	Event        string       // what happened: a noun and a verb in the past tense, "Order Completed"
	Properties   Fields       // the details: Properties, Attrs or Struct
	Context      *Context     // where the call came from; only read
	Integrations Integrations // which destinations get it; nil means all
	MessageID    string       // generated when empty; at most MaxMessageIDLength characters
	Timestamp    time.Time    // when it happened; now when zero
}

// Page says that a user saw a page of a website. It needs a UserID or an
// AnonymousID.
type Page struct {
	UserID       string       // the stable id of your database, not an e-mail address
	AnonymousID  string       // an id for a user who has not signed in
	Name         string       // of the page, "Home"
	Category     string       // of the page, "Docs"
	Properties   Fields       // the details: Properties (SetURL, SetTitle …), Attrs or Struct
	Context      *Context     // where the call came from; only read
	Integrations Integrations // which destinations get it; nil means all
	MessageID    string       // generated when empty; at most MaxMessageIDLength characters
	Timestamp    time.Time    // when it happened; now when zero
}

// Screen says that a user saw a screen of an app. It needs a UserID or an
// AnonymousID.
type Screen struct {
	UserID       string       // the stable id of your database, not an e-mail address
	AnonymousID  string       // an id for a user who has not signed in
	Name         string       // of the screen, "Checkout"
	Category     string       // of the screen
	Properties   Fields       // the details: Properties, Attrs or Struct
	Context      *Context     // where the call came from; only read
	Integrations Integrations // which destinations get it; nil means all
	MessageID    string       // generated when empty; at most MaxMessageIDLength characters
	Timestamp    time.Time    // when it happened; now when zero
}

// Group puts a user into a group, such as a company or an account. It needs a
// GroupID, and a UserID or an AnonymousID.
type Group struct {
	UserID       string       // the stable id of your database, not an e-mail address
	AnonymousID  string       // an id for a user who has not signed in
	GroupID      string       // the group's id in your database
	Traits       Fields       // what is known of the group: Traits, Attrs or Struct
	Context      *Context     // where the call came from; only read
	Integrations Integrations // which destinations get it; nil means all
	MessageID    string       // generated when empty; at most MaxMessageIDLength characters
	Timestamp    time.Time    // when it happened; now when zero
}

// Alias joins two identities of one user. It needs UserID, the new identity,
// and PreviousID, the old one.
type Alias struct {
	UserID       string       // the new identity
	PreviousID   string       // the identity the user had before
	AnonymousID  string       // rarely needed: the anonymous id at the time
	Context      *Context     // where the call came from; only read
	Integrations Integrations // which destinations get it; nil means all
	MessageID    string       // generated when empty; at most MaxMessageIDLength characters
	Timestamp    time.Time    // when it happened; now when zero
}

// Validate reports a missing id or an oversized MessageID.
func (m Identify) Validate() error { return validate(m) }

// Validate reports a missing Event, a missing id or an oversized MessageID.
func (m Track) Validate() error { return validate(m) }

// Validate reports a missing id or an oversized MessageID.
func (m Page) Validate() error { return validate(m) }

// Validate reports a missing id or an oversized MessageID.
func (m Screen) Validate() error { return validate(m) }

// Validate reports a missing GroupID, a missing id or an oversized MessageID.
func (m Group) Validate() error { return validate(m) }

// Validate reports a missing UserID or PreviousID, or an oversized MessageID.
func (m Alias) Validate() error { return validate(m) }

// MarshalJSON implements Message.
func (m Identify) MarshalJSON() ([]byte, error) { return marshalMessage(m) }

// MarshalJSON implements Message.
func (m Track) MarshalJSON() ([]byte, error) { return marshalMessage(m) }

// MarshalJSON implements Message.
func (m Page) MarshalJSON() ([]byte, error) { return marshalMessage(m) }

// MarshalJSON implements Message.
func (m Screen) MarshalJSON() ([]byte, error) { return marshalMessage(m) }

// MarshalJSON implements Message.
func (m Group) MarshalJSON() ([]byte, error) { return marshalMessage(m) }

// MarshalJSON implements Message.
func (m Alias) MarshalJSON() ([]byte, error) { return marshalMessage(m) }

func validate(m Message) error {
	c := m.call()
	return c.validate()
}

func marshalMessage(m Message) ([]byte, error) {
	c := m.call()
	return c.appendJSON(nil, bounds{}, nil, c.context)
}

// callOf opens the seal: the six messages by value and by pointer, nothing else.
func callOf(m Message) (call, error) {
	switch m := m.(type) {
	case Identify, Track, Page, Screen, Group, Alias:
		return m.call(), nil
	case *Identify:
		if m != nil {
			return m.call(), nil
		}
	case *Track:
		if m != nil {
			return m.call(), nil
		}
	case *Page:
		if m != nil {
			return m.call(), nil
		}
	case *Screen:
		if m != nil {
			return m.call(), nil
		}
	case *Group:
		if m != nil {
			return m.call(), nil
		}
	case *Alias:
		if m != nil {
			return m.call(), nil
		}
	case nil:
		return call{}, &FieldError{Field: "message", Reason: "is nil"}
	default:
		return call{}, &FieldError{Field: "message", Reason: fmt.Sprintf(
			"%T is none of Identify, Track, Page, Screen, Group and Alias; pass one of these", m)}
	}
	return call{}, &FieldError{Field: "message", Reason: fmt.Sprintf("is a nil %T", m)}
}

// call is the one shape behind the six messages, so that there is one place
// that stamps, one that checks and one that encodes.
type call struct {
	name         string // on the wire "type"
	userID       string
	anonymousID  string
	previousID   string
	groupID      string
	event        string
	title        string // on the wire "name": of a page or screen
	category     string
	fieldsKey    string // "properties" or "traits"
	fields       Fields
	context      *Context
	integrations Integrations
	messageID    string
	id           []byte // a generated messageId, instead of messageID
	timestamp    time.Time
	stamp        *stamp // writes a timestamp of the client's own; nil for the caller's
}

func (m Identify) call() call {
	return call{name: "identify", userID: m.UserID, anonymousID: m.AnonymousID, fieldsKey: "traits", fields: m.Traits,
		context: m.Context, integrations: m.Integrations, messageID: m.MessageID, timestamp: m.Timestamp}
}

func (m Track) call() call {
	return call{name: "track", userID: m.UserID, anonymousID: m.AnonymousID, event: m.Event, fieldsKey: "properties", fields: m.Properties,
		context: m.Context, integrations: m.Integrations, messageID: m.MessageID, timestamp: m.Timestamp}
}

func (m Page) call() call {
	return call{name: "page", userID: m.UserID, anonymousID: m.AnonymousID, title: m.Name, category: m.Category, fieldsKey: "properties", fields: m.Properties,
		context: m.Context, integrations: m.Integrations, messageID: m.MessageID, timestamp: m.Timestamp}
}

func (m Screen) call() call {
	return call{name: "screen", userID: m.UserID, anonymousID: m.AnonymousID, title: m.Name, category: m.Category, fieldsKey: "properties", fields: m.Properties,
		context: m.Context, integrations: m.Integrations, messageID: m.MessageID, timestamp: m.Timestamp}
}

func (m Group) call() call {
	return call{name: "group", userID: m.UserID, anonymousID: m.AnonymousID, groupID: m.GroupID, fieldsKey: "traits", fields: m.Traits,
		context: m.Context, integrations: m.Integrations, messageID: m.MessageID, timestamp: m.Timestamp}
}

func (m Alias) call() call {
	return call{name: "alias", userID: m.UserID, anonymousID: m.AnonymousID, previousID: m.PreviousID,
		context: m.Context, integrations: m.Integrations, messageID: m.MessageID, timestamp: m.Timestamp}
}

// private is a copy of the call as the message a BeforeEnqueue hook may change:
// nothing in it is shared with the caller.
func (c *call) private() (Message, error) {
	fields, err := copyFields(c.fields)
	if err != nil {
		return nil, c.blame(err, c.fieldsKey)
	}
	integrations, err := copyFields(Properties(c.integrations))
	if err != nil {
		return nil, c.blame(err, "integrations")
	}
	switch c.name {
	case "identify":
		return &Identify{UserID: c.userID, AnonymousID: c.anonymousID, Traits: Traits(fields),
			Context: c.context, Integrations: integrations, MessageID: c.messageID, Timestamp: c.timestamp}, nil
	case "track":
		return &Track{UserID: c.userID, AnonymousID: c.anonymousID, Event: c.event, Properties: Properties(fields),
			Context: c.context, Integrations: integrations, MessageID: c.messageID, Timestamp: c.timestamp}, nil
	case "page":
		return &Page{UserID: c.userID, AnonymousID: c.anonymousID, Name: c.title, Category: c.category, Properties: Properties(fields),
			Context: c.context, Integrations: integrations, MessageID: c.messageID, Timestamp: c.timestamp}, nil
	case "screen":
		return &Screen{UserID: c.userID, AnonymousID: c.anonymousID, Name: c.title, Category: c.category, Properties: Properties(fields),
			Context: c.context, Integrations: integrations, MessageID: c.messageID, Timestamp: c.timestamp}, nil
	case "group":
		return &Group{UserID: c.userID, AnonymousID: c.anonymousID, GroupID: c.groupID, Traits: Traits(fields),
			Context: c.context, Integrations: integrations, MessageID: c.messageID, Timestamp: c.timestamp}, nil
	default:
		return &Alias{UserID: c.userID, AnonymousID: c.anonymousID, PreviousID: c.previousID,
			Context: c.context, Integrations: integrations, MessageID: c.messageID, Timestamp: c.timestamp}, nil
	}
}

func (c *call) validate() error {
	switch {
	case c.name == "track" && c.event == "":
		return c.missing("event", "is required: name what happened")
	case c.name == "group" && c.groupID == "":
		return c.missing("groupId", "is required")
	case c.name == "alias" && c.previousID == "":
		return c.missing("previousId", "is required: the identity the user had before")
	case c.name == "alias" && c.userID == "":
		return c.missing("userId", "is required: the new identity")
	case c.userID == "" && c.anonymousID == "":
		return c.missing("userId", "or anonymousId is required")
	case len(c.messageID) > MaxMessageIDLength && utf8.RuneCountInString(c.messageID) > MaxMessageIDLength:
		return c.missing("messageId", fmt.Sprintf("is longer than %d characters", MaxMessageIDLength))
	}
	return nil
}

func (c *call) missing(field, reason string) error {
	return &FieldError{Call: c.name, Field: field, Reason: reason}
}

// blame says in which call and below which field an encoding error lies.
func (c *call) blame(err error, field string) error {
	err = under(err, field)
	if e, ok := err.(*FieldError); ok {
		e.Call = c.name
	}
	return err
}

// key is what keeps the calls of one user together on a queue that has shards.
func (c *call) key() string {
	if c.userID != "" {
		return c.userID
	}
	return c.anonymousID
}

// appendJSON appends the message. contextJSON, when given, is the encoded
// context; otherwise it is made of layers, the first of which wins.
func (c *call) appendJSON(b []byte, lim bounds, contextJSON []byte, layers ...*Context) ([]byte, error) {
	var err error
	b = append(b, `{"type":"`...)
	b = append(b, c.name...)
	b = append(b, '"')
	if len(c.id) > 0 {
		b = append(b, `,"messageId":"`...)
		b = append(b, c.id...)
		b = append(b, '"')
	} else {
		b = appendMember(b, "messageId", c.messageID)
	}
	if b, err = c.appendTimestamp(b); err != nil {
		return b, c.blame(err, "timestamp")
	}
	b = appendMember(b, "userId", c.userID)
	b = appendMember(b, "anonymousId", c.anonymousID)
	b = appendMember(b, "previousId", c.previousID)
	b = appendMember(b, "groupId", c.groupID)
	b = appendMember(b, "event", c.event)
	b = appendMember(b, "name", c.title)
	b = appendMember(b, "category", c.category)
	if b, err = c.appendFields(b, lim); err != nil {
		return b, err
	}
	b = append(b, `,"context":`...)
	if contextJSON != nil {
		b = append(b, contextJSON...)
	} else if b, err = appendContext(b, lim, layers...); err != nil {
		return b, c.blame(err, "context")
	}
	if len(c.integrations) > 0 {
		if err = c.integrations.validate(); err == nil {
			b = append(b, `,"integrations":`...)
			b, err = appendValue(b, map[string]any(c.integrations), lim)
		}
		if err != nil {
			return b, c.blame(err, "integrations")
		}
	}
	b = append(b, '}')
	if lim.max > 0 && len(b) > lim.max {
		return b, ErrMessageTooLarge
	}
	return b, nil
}

func (c *call) appendTimestamp(b []byte) ([]byte, error) {
	if c.timestamp.IsZero() {
		return b, nil
	}
	b = append(b, `,"timestamp":`...)
	if c.stamp != nil {
		return c.stamp.append(b, c.timestamp)
	}
	return appendTime(b, c.timestamp.UTC())
}

// appendFields appends properties or traits, and nothing when there are none.
func (c *call) appendFields(b []byte, lim bounds) ([]byte, error) {
	if c.fields == nil {
		return b, nil
	}
	start := len(b)
	b = appendKey(append(b, ','), c.fieldsKey)
	b, present, err := appendFields(b, c.fields, lim)
	if err != nil {
		return b, c.blame(err, c.fieldsKey)
	}
	if !present {
		b = b[:start]
	}
	return b, nil
}

// appendMember appends ,"key":"value", and nothing when value is empty: to the
// API an empty name or id is an error, an absent one is not.
func appendMember(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(appendKey(append(b, ','), key), value)
}
