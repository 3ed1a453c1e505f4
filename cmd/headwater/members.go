// Members: what a JSON object holds, each asked for by its name and with the type it must have.

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/headwater-dev/analytics/internal/ingest"
)

// members are those of one JSON object. The first thing wrong with one of those
// asked for stays in err.
type members struct {
	raw   map[string]json.RawMessage
	asked map[string]bool
	err   error
}

// misfit is a member that is not what it must be.
type misfit struct{ member, reason string }

func (m *misfit) Error() string { return m.member + ": " + m.reason }

// readMembers reads the text of one object. The members share its memory.
func readMembers(text []byte) (*members, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("is not UTF-8")
	}
	m := membersOf(nil)
	err := json.Unmarshal(text, &m.raw)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("is not JSON: %w (byte %d)", err, syntax.Offset)
	case err != nil, m.raw == nil:
		return nil, fmt.Errorf("is %s, want a JSON object", kindOf(bytes.TrimSpace(text)))
	}
	return m, nil
}

// membersOf takes members that are valid JSON each.
func membersOf(raw map[string]json.RawMessage) *members {
	return &members{raw: raw, asked: make(map[string]bool)}
}

func (m *members) refuse(name, reason string) {
	if m.err == nil {
		m.err = &misfit{name, reason}
	}
}

// value returns the member, nil when it is absent or null.
func (m *members) value(name string) json.RawMessage {
	m.asked[name] = true
	raw := m.raw[name]
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// text returns a string. A number is no string to the API either, so an id that
// is one is refused rather than changed.
func (m *members) text(name string) (s string) {
	raw := m.value(name)
	switch {
	case raw == nil:
	case raw[0] != '"':
		m.refuse(name, "is "+kindOf(raw)+", want a string")
	case json.Unmarshal(raw, &s) != nil:
		m.refuse(name, "is not a string that can be read")
	}
	return s
}

// number returns a number between two others; there is none when it is absent.
func (m *members) number(name string, least, most float64) (n float64, given bool) {
	raw := m.value(name)
	if raw == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	switch {
	case raw[0] != '-' && (raw[0] < '0' || raw[0] > '9'):
		m.refuse(name, "is "+kindOf(raw)+", want a number")
	case err != nil, n < least, n > most:
		m.refuse(name, fmt.Sprintf("must be %v to %v", decimal(least), decimal(most)))
	}
	return n, m.err == nil
}

// whole is number for a count.
func (m *members) whole(name string, least, most int) (n int, given bool) {
	f, given := m.number(name, float64(least), float64(most))
	if given && f != math.Trunc(f) {
		m.refuse(name, "must be a whole number")
		return 0, false
	}
	return int(f), given
}

// decimal keeps %v from writing a million as 1e+06.
func decimal(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// object returns an object as it stands.
func (m *members) object(name string) json.RawMessage {
	raw := m.value(name)
	if raw != nil && raw[0] != '{' {
		m.refuse(name, "is "+kindOf(raw)+", want an object")
		return nil
	}
	return raw
}

// decoded returns an object as a map in which numbers keep their digits.
func (m *members) decoded(name string) (object map[string]any) {
	raw := m.object(name)
	if raw == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&object) != nil {
		m.refuse(name, "is not an object that can be read")
	}
	return object
}

// list returns the elements of an array; there is none when it is absent.
func (m *members) list(name string) (elements []json.RawMessage, given bool) {
	raw := m.value(name)
	switch {
	case raw == nil:
		return nil, false
	case raw[0] != '[':
		m.refuse(name, "is "+kindOf(raw)+", want an array")
	case json.Unmarshal(raw, &elements) != nil:
		m.refuse(name, "is not an array that can be read")
	}
	return elements, true
}

func (m *members) time(name string) time.Time {
	s := m.text(name)
	if s == "" {
		return time.Time{}
	}
	t := ingest.ParseTime(s)
	if t.IsZero() {
		m.refuse(name, "is not a time like 2006-01-02T15:04:05.678Z")
	}
	return t
}

// unasked returns the names of the members that nobody asked for and that have a
// value, sorted; those in known are not missed.
func (m *members) unasked(known ...string) (names []string) {
	for name, raw := range m.raw {
		switch string(raw) {
		case "null", `""`, "{}":
			continue
		}
		if !m.asked[name] && !slices.Contains(known, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
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
