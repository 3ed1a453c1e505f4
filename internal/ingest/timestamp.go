// The times of a call: reading them, and correcting a client's clock.

package ingest

import "time"

// layoutOut is how the API writes times: UTC, milliseconds.
const layoutOut = "2006-01-02T15:04:05.000Z"

// layouts are the forms of ISO 8601 met in the wild. Month and day without a
// leading zero are among them, because the API's own batch example has one. A
// fraction of a second needs no layout of its own.
var layouts = []string{
	time.RFC3339, // the next one has it too, but this one is read without looking at a layout
	"2006-1-2T15:4:5Z07:00",
	"2006-1-2T15:4:5Z0700",
	"2006-1-2T15:4:5", // no zone: UTC, the one the API asks for
	"2006-1-2",
}

// ParseTime reads a time as clients send it, and returns the zero time for
// anything it cannot read, or that no JSON date can hold in UTC. What the API
// does with those is documented nowhere; here they count as not given, and so
// does year 1, which is a Go program's forgotten time.Time.
func ParseTime(s string) time.Time {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil && encodable(t) {
			return t.UTC()
		}
	}
	return time.Time{}
}

// timeOf reads a time in the JSON text raw; zero when that is no string.
func timeOf(raw []byte) time.Time {
	if !isText(raw) {
		return time.Time{}
	}
	return ParseTime(text(raw))
}

// Timestamp returns when a call happened by the receiver's clock. Common
// fields: timestamp = receivedAt - (sentAt - originalTimestamp), that is, the
// client's time moved by how far its clock is off. Without sentAt the client's
// time stands, so that history can be imported; without originalTimestamp the
// call happened when it was received. A result that no JSON date can hold gives
// way to receivedAt.
func Timestamp(original, sentAt, receivedAt time.Time) time.Time {
	switch {
	case original.IsZero():
		return receivedAt
	case sentAt.IsZero():
		return original
	}
	// The same sum in another order: a Duration spans 292 years, which the age of
	// an imported call may pass and a clock's error does not.
	t := original.Add(receivedAt.Sub(sentAt))
	if !encodable(t) {
		return receivedAt
	}
	return t
}

// encodable reports whether t has a year of four digits in UTC.
func encodable(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 0 && year <= 9999
}
