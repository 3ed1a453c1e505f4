// Windows: the ranges of time an Overview can cover, and how fine its chart is.

package overview

import (
	"strings"
	"time"
)

// Windows lists the named windows in the order in which people are offered
// them. Default is the one they get without asking.
var Windows = []string{"10m", "1h", "24h", "7d", "2w"}

// Default is the name of the window used when none is asked for.
const Default = "24h"

// Custom is the name of a window between two times of one's own.
const Custom = "custom"

const (
	longest   = 14 * 24 * time.Hour // how far back a window may begin
	maxPoints = 200                 // of a custom window's chart
)

// named are the windows of Windows: how long, and the buckets of their chart.
var named = map[string]struct{ length, bucket time.Duration }{
	"10m": {10 * time.Minute, time.Minute},
	"1h":  {time.Hour, time.Minute},
	"24h": {24 * time.Hour, 15 * time.Minute},
	"7d":  {7 * 24 * time.Hour, time.Hour},
	"2w":  {longest, 2 * time.Hour},
}

// buckets are the widths a custom window chooses from. The last is wide enough
// for the longest window.
var buckets = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 2 * time.Hour}

// Window is a range of time, with the width of the chart's buckets. Its edges
// lie on whole minutes, in UTC: it begins with the minute that holds its first
// moment and ends with the one that holds its last, so that a call received
// just now is in every named window, and "10m" spans eleven minutes of the
// clock. ParseWindow makes one.
type Window struct {
	Name     string        // 10m, 1h, 24h, 7d, 2w or custom
	From, To time.Time     // From is in it, To is not
	Bucket   time.Duration // a multiple of a minute
}

// Error is a window or a step that cannot be had.
type Error struct {
	Field  string // "window", "from", "to" or "step"
	Reason string // in words that follow the field: "must be before to"
}

// Error reads "from: must be before to".
func (e *Error) Error() string { return e.Field + ": " + e.Reason }

// ParseWindow returns the window of a name, as of now, or the one between from
// and to, which are times in RFC 3339.
//
// The name is one of Windows ("14d" is "2w" too), or "custom". The empty name
// means custom when from or to is given, and Default otherwise. Beside another
// name from and to are ignored, as a form leaves them filled in.
//
// A custom window begins at most two weeks before now. One that ends in the
// future ends with the current minute instead. Its buckets are the narrowest of
// 1m, 5m, 15m, 1h and 2h that make at most 200 points.
//
// Every error is an *Error.
func ParseWindow(name, from, to string, now time.Time) (Window, error) {
	switch {
	case name == Custom, name == "" && (from != "" || to != ""):
		return parseCustom(from, to, now)
	case name == "":
		name = Default
	case name == "14d":
		name = "2w"
	}
	w, known := named[name]
	if !known {
		return Window{}, &Error{"window", "must be one of " + strings.Join(Windows, ", ") + " or " + Custom}
	}
	return Window{
		Name:   name,
		From:   minute(now.Add(-w.length)),
		To:     minute(now).Add(time.Minute),
		Bucket: w.bucket,
	}, nil
}

func parseCustom(from, to string, now time.Time) (Window, error) {
	begin, err := parseTime("from", from)
	if err != nil {
		return Window{}, err
	}
	end, err := parseTime("to", to)
	if err != nil {
		return Window{}, err
	}
	switch {
	case !begin.Before(end):
		return Window{}, &Error{"from", "must be before to"}
	case begin.After(now):
		return Window{}, &Error{"from", "must not lie in the future"}
	case begin.Before(minute(now.Add(-longest))):
		return Window{}, &Error{"from", "must lie within the last two weeks"}
	}
	w := Window{Name: Custom, From: minute(begin), To: minute(end.Add(time.Minute - 1))}
	if last := minute(now).Add(time.Minute); w.To.After(last) {
		w.To = last
	}
	for _, w.Bucket = range buckets {
		if w.points() <= maxPoints {
			break
		}
	}
	return w, nil
}

func parseTime(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, &Error{field, "is missing: a custom window needs from and to"}
	}
	// The + of an offset means a space in a query, and is easily left unescaped.
	t, err := time.Parse(time.RFC3339, strings.Replace(text, " ", "+", 1))
	if err != nil {
		return time.Time{}, &Error{field, "must be a time in RFC 3339, such as 2026-01-31T15:04:05Z"}
	}
	return t, nil
}

// points is how many buckets the window touches.
func (w Window) points() int {
	first, last := w.From.Truncate(w.Bucket), w.To.Add(w.Bucket-1).Truncate(w.Bucket)
	return int(last.Sub(first) / w.Bucket)
}

// before is the window of equal length that ends where w begins.
func (w Window) before() Window {
	w.From, w.To = w.From.Add(-w.To.Sub(w.From)), w.From
	return w
}

// minute is the beginning of the minute that holds t.
func minute(t time.Time) time.Time { return t.UTC().Truncate(time.Minute) }
