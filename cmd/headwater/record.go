// A record: a call as one JSON object says it, checked, and as a message.

package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/headwater-dev/analytics"
)

// record is a call that can be sent. Its raw JSON belongs to the text it was
// read from, and is good as long as that is.
type record struct {
	call         string // on the wire "type"
	messageID    string // empty when there is none
	timestamp    time.Time
	userID       string
	anonymousID  string
	previousID   string
	groupID      string
	event        string
	name         string
	category     string
	properties   json.RawMessage
	traits       json.RawMessage
	context      *analytics.Context
	integrations analytics.Integrations

	unsent []string // top-level fields that have a value and no place in the call, sorted
}

// readRecord reads a call. Its error says what is wrong and holds nothing of the
// text but names of members.
//
// A member that is null is absent, as is an empty string: the API refuses an empty
// id or name, and not an absent one. Names of members count as they are spelt.
func readRecord(text []byte) (record, error) {
	m, err := readMembers(text)
	if err != nil {
		return record{}, err
	}
	return recordOf(m)
}

// recordOf reads a call from its members.
func recordOf(m *members) (record, error) {
	r := record{
		call:         m.text("type"),
		messageID:    m.text("messageId"),
		timestamp:    m.time("timestamp"),
		userID:       m.text("userId"),
		anonymousID:  m.text("anonymousId"),
		integrations: m.decoded("integrations"),
	}
	if r.timestamp.IsZero() {
		r.timestamp = m.time("originalTimestamp")
	}
	if extra := m.decoded("context"); len(extra) > 0 {
		// All of it as Extra: what Context has no field for survives at any depth,
		// and numbers keep their digits.
		r.context = &analytics.Context{Extra: extra}
	}
	switch r.call {
	case "identify":
		r.traits = m.object("traits")
	case "track":
		r.event, r.properties = m.text("event"), m.object("properties")
	case "page", "screen":
		r.name, r.category, r.properties = m.text("name"), m.text("category"), m.object("properties")
	case "group":
		r.groupID, r.traits = m.text("groupId"), m.object("traits")
	case "alias":
		r.previousID = m.text("previousId")
	case "":
		m.refuse("type", "is required: identify, track, page, screen, group or alias")
	default:
		m.refuse("type", "is none of identify, track, page, screen, group and alias")
	}
	// What the API and the client make anew for every message is not missed.
	r.unsent = m.unasked("originalTimestamp", "receivedAt", "sentAt", "version", "writeKey")
	return r, m.err
}

// message returns the record as a call.
func (r *record) message() analytics.Message {
	properties, traits := fieldsOf(r.properties), fieldsOf(r.traits)
	switch r.call {
	case "identify":
		return analytics.Identify{UserID: r.userID, AnonymousID: r.anonymousID, Traits: traits,
			Context: r.context, Integrations: r.integrations, MessageID: r.messageID, Timestamp: r.timestamp}
	case "track":
		return analytics.Track{UserID: r.userID, AnonymousID: r.anonymousID, Event: r.event, Properties: properties,
			Context: r.context, Integrations: r.integrations, MessageID: r.messageID, Timestamp: r.timestamp}
	case "page":
		return analytics.Page{UserID: r.userID, AnonymousID: r.anonymousID, Name: r.name, Category: r.category, Properties: properties,
			Context: r.context, Integrations: r.integrations, MessageID: r.messageID, Timestamp: r.timestamp}
	case "screen":
		return analytics.Screen{UserID: r.userID, AnonymousID: r.anonymousID, Name: r.name, Category: r.category, Properties: properties,
			Context: r.context, Integrations: r.integrations, MessageID: r.messageID, Timestamp: r.timestamp}
	case "group":
		return analytics.Group{UserID: r.userID, AnonymousID: r.anonymousID, GroupID: r.groupID, Traits: traits,
			Context: r.context, Integrations: r.integrations, MessageID: r.messageID, Timestamp: r.timestamp}
	default:
		return analytics.Alias{UserID: r.userID, AnonymousID: r.anonymousID, PreviousID: r.previousID,
			Context: r.context, Integrations: r.integrations, MessageID: r.messageID, Timestamp: r.timestamp}
	}
}

func fieldsOf(object json.RawMessage) analytics.Fields {
	if object == nil {
		return nil
	}
	return analytics.Struct(object)
}

// identify gives the record a messageId if its line has none.
//
// A line with a timestamp gets an id made of the source and of where and what the
// line is: the same on every run, so that lines sent twice after an interruption
// count once. Without a timestamp the same line may tell of something new every
// day, and gets a random id. The source is part of it because the API drops
// duplicates across all sources.
func (r *record) identify(source string, at place, line []byte) {
	switch {
	case r.messageID != "":
	case r.timestamp.IsZero():
		r.messageID = uuid.NewString()
	default:
		of := fmt.Appendf(nil, "%s\x00%s\x00%d\x00%s", source, at.file, at.line, line)
		r.messageID = uuid.NewHash(sha256.New(), uuid.Nil, of, 8).String()
	}
}
