// A record: what one line says, checked, and as a message.

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/internal/ingest"
)

// record is a line that can be sent. Its raw JSON belongs to the line it was
// read from, and is good as long as that is.
type record struct {
	call         string // on the wire "type"
	messageID    string // empty when the line has none
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

// readRecord reads a line. Its error says what is wrong with the line and holds
// nothing of it but names of fields.
//
// A field that is null is absent, as is an empty string: the API refuses an empty
// id or name, and not an absent one. Names of fields count as they are spelt.
func readRecord(line []byte) (record, error) {
	f, err := readFields(line)
	if err != nil {
		return record{}, err
	}
	r := record{
		call:         f.text("type"),
		messageID:    f.text("messageId"),
		timestamp:    f.time("timestamp"),
		userID:       f.text("userId"),
		anonymousID:  f.text("anonymousId"),
		integrations: f.decoded("integrations"),
	}
	if r.timestamp.IsZero() {
		r.timestamp = f.time("originalTimestamp")
	}
	if extra := f.decoded("context"); len(extra) > 0 {
		// All of it as Extra: what Context has no field for survives at any depth,
		// and numbers keep their digits.
		r.context = &analytics.Context{Extra: extra}
	}
	switch r.call {
	case "identify":
		r.traits = f.object("traits")
	case "track":
		r.event, r.properties = f.text("event"), f.object("properties")
	case "page", "screen":
		r.name, r.category, r.properties = f.text("name"), f.text("category"), f.object("properties")
	case "group":
		r.groupID, r.traits = f.text("groupId"), f.object("traits")
	case "alias":
		r.previousID = f.text("previousId")
	case "":
		f.refuse("type", "is required: identify, track, page, screen, group or alias")
	default:
		f.refuse("type", "is none of identify, track, page, screen, group and alias")
	}
	r.unsent = f.unsent()
	return r, f.err
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

// lineFields are the top-level fields of a line. The first thing wrong with one
// of those asked for stays in err.
type lineFields struct {
	raw   map[string]json.RawMessage
	asked map[string]bool
	err   error
}

func readFields(line []byte) (*lineFields, error) {
	if !utf8.Valid(line) {
		return nil, errors.New("is not UTF-8")
	}
	f := &lineFields{asked: make(map[string]bool)}
	err := json.Unmarshal(line, &f.raw)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("is not JSON: %w (byte %d)", err, syntax.Offset)
	case err != nil, f.raw == nil:
		return nil, fmt.Errorf("is %s, want a JSON object", kindOf(line))
	}
	return f, nil
}

func (f *lineFields) refuse(name, reason string) {
	if f.err == nil {
		f.err = fmt.Errorf("%s: %s", name, reason)
	}
}

// value returns the field, nil when it is absent or null.
func (f *lineFields) value(name string) json.RawMessage {
	f.asked[name] = true
	raw := f.raw[name]
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// text returns a string. A number is no string to the API either, so an id that
// is one is refused rather than changed.
func (f *lineFields) text(name string) (s string) {
	raw := f.value(name)
	switch {
	case raw == nil:
	case raw[0] != '"':
		f.refuse(name, "is "+kindOf(raw)+", the API takes only a string")
	case json.Unmarshal(raw, &s) != nil:
		f.refuse(name, "is not a string that can be read")
	}
	return s
}

// object returns an object as it stands.
func (f *lineFields) object(name string) json.RawMessage {
	raw := f.value(name)
	if raw != nil && raw[0] != '{' {
		f.refuse(name, "is "+kindOf(raw)+", the API takes only an object")
		return nil
	}
	return raw
}

// decoded returns an object as a map in which numbers keep their digits.
func (f *lineFields) decoded(name string) (m map[string]any) {
	raw := f.object(name)
	if raw == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&m) != nil {
		f.refuse(name, "is not an object that can be read")
	}
	return m
}

func (f *lineFields) time(name string) time.Time {
	s := f.text(name)
	if s == "" {
		return time.Time{}
	}
	t := ingest.ParseTime(s)
	if t.IsZero() {
		f.refuse(name, "is not a time like 2006-01-02T15:04:05.678Z")
	}
	return t
}

// unsent returns the names of the fields nobody asked for that have a value.
// What the API and the client make anew for every message is not among them.
func (f *lineFields) unsent() []string {
	for _, made := range []string{"originalTimestamp", "receivedAt", "sentAt", "version", "writeKey"} {
		f.asked[made] = true
	}
	return slices.Sorted(func(yield func(string) bool) {
		for name := range maps.Keys(f.raw) {
			switch string(f.raw[name]) {
			case "null", `""`, "{}":
				continue
			}
			if !f.asked[name] && !yield(name) {
				return
			}
		}
	})
}

// kindOf names what a JSON value is, by how it begins.
func kindOf(raw []byte) string {
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return strconv.Quote(string(raw))
	case 'n':
		return "null"
	}
	return "a number"
}
