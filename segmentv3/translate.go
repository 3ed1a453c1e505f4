// From the messages of v3 to those of the modern client.

package analytics

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	headwater "github.com/headwater-dev/analytics"
)

// message is one of the six, by value.
type message interface {
	Message
	id() string
	stamped(now time.Time) message // as it is sent: with its type, an id and a time
	modern() (headwater.Message, error)
}

// valueOf returns what a message points to. A nil one has nothing to validate.
func valueOf(m Message) (Message, error) {
	switch m := m.(type) {
	case nil:
		return nil, errors.New("analytics: the message is nil")
	case *Alias:
		return deref(m)
	case *Group:
		return deref(m)
	case *Identify:
		return deref(m)
	case *Page:
		return deref(m)
	case *Screen:
		return deref(m)
	case *Track:
		return deref(m)
	}
	return m, nil
}

func deref[M Message](m *M) (Message, error) {
	if m == nil {
		return nil, fmt.Errorf("analytics: the message is a nil %T", m)
	}
	return *m, nil
}

// stamp returns id and at, or new ones where there is none. The ids are those that the
// modern client makes; it makes them itself when no Callback has to know them.
func stamp(id string, at, now time.Time) (string, time.Time) {
	if id == "" {
		id = uuid.Must(uuid.NewV7()).String()
	}
	if at.IsZero() {
		at = now
	}
	return id, at
}

func (msg Alias) id() string { return msg.MessageId }

func (msg Group) id() string { return msg.MessageId }

func (msg Identify) id() string { return msg.MessageId }

func (msg Page) id() string { return msg.MessageId }

func (msg Screen) id() string { return msg.MessageId }

func (msg Track) id() string { return msg.MessageId }

func (msg Alias) stamped(now time.Time) message {
	msg.Type = "alias"
	msg.MessageId, msg.Timestamp = stamp(msg.MessageId, msg.Timestamp, now)
	return msg
}

func (msg Group) stamped(now time.Time) message {
	msg.Type = "group"
	msg.MessageId, msg.Timestamp = stamp(msg.MessageId, msg.Timestamp, now)
	return msg
}

func (msg Identify) stamped(now time.Time) message {
	msg.Type = "identify"
	msg.MessageId, msg.Timestamp = stamp(msg.MessageId, msg.Timestamp, now)
	return msg
}

func (msg Page) stamped(now time.Time) message {
	msg.Type = "page"
	msg.MessageId, msg.Timestamp = stamp(msg.MessageId, msg.Timestamp, now)
	return msg
}

func (msg Screen) stamped(now time.Time) message {
	msg.Type = "screen"
	msg.MessageId, msg.Timestamp = stamp(msg.MessageId, msg.Timestamp, now)
	return msg
}

func (msg Track) stamped(now time.Time) message {
	msg.Type = "track"
	msg.MessageId, msg.Timestamp = stamp(msg.MessageId, msg.Timestamp, now)
	return msg
}

func (msg Alias) modern() (headwater.Message, error) {
	context, err := msg.Context.modern()
	return headwater.Alias{PreviousID: msg.PreviousId, UserID: msg.UserId,
		Context: context, Integrations: msg.Integrations.modern(), MessageID: msg.MessageId, Timestamp: msg.Timestamp}, err
}

func (msg Group) modern() (headwater.Message, error) {
	context, err := msg.Context.modern()
	return headwater.Group{AnonymousID: msg.AnonymousId, UserID: msg.UserId, GroupID: msg.GroupId, Traits: headwater.Traits(msg.Traits),
		Context: context, Integrations: msg.Integrations.modern(), MessageID: msg.MessageId, Timestamp: msg.Timestamp}, err
}

func (msg Identify) modern() (headwater.Message, error) {
	context, err := msg.Context.modern()
	return headwater.Identify{AnonymousID: msg.AnonymousId, UserID: msg.UserId, Traits: headwater.Traits(msg.Traits),
		Context: context, Integrations: msg.Integrations.modern(), MessageID: msg.MessageId, Timestamp: msg.Timestamp}, err
}

func (msg Page) modern() (headwater.Message, error) {
	context, err := msg.Context.modern()
	return headwater.Page{AnonymousID: msg.AnonymousId, UserID: msg.UserId, Name: msg.Name, Properties: headwater.Properties(msg.Properties),
		Context: context, Integrations: msg.Integrations.modern(), MessageID: msg.MessageId, Timestamp: msg.Timestamp}, err
}

func (msg Screen) modern() (headwater.Message, error) {
	context, err := msg.Context.modern()
	return headwater.Screen{AnonymousID: msg.AnonymousId, UserID: msg.UserId, Name: msg.Name, Properties: headwater.Properties(msg.Properties),
		Context: context, Integrations: msg.Integrations.modern(), MessageID: msg.MessageId, Timestamp: msg.Timestamp}, err
}

func (msg Track) modern() (headwater.Message, error) {
	context, err := msg.Context.modern()
	return headwater.Track{AnonymousID: msg.AnonymousId, UserID: msg.UserId, Event: msg.Event, Properties: headwater.Properties(msg.Properties),
		Context: context, Integrations: msg.Integrations.modern(), MessageID: msg.MessageId, Timestamp: msg.Timestamp}, err
}
