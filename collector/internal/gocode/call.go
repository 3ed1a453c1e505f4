// Calls: a received message as the Go code that would send it.

// Package gocode writes Go: the call that would send a message ([Call]), and the
// programs with which a new source is tried out ([Snippets]). What goes into them is
// data of strangers, so all of it is quoted, and the size of what comes out is bounded.
package gocode

import (
	"encoding/json"
	"fmt"
	"go/format"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/internal/ingest"
)

// MaxBytes is the most that Call returns.
const MaxBytes = 64 << 10

// kind is one of the six calls as Go has it.
type kind struct {
	method string      // of the client, and the message's type
	texts  [][2]string // members of the message and their fields, in the order of the fields
	object string      // "properties" or "traits"
}

var (
	userID      = [2]string{"userId", "UserID"}
	anonymousID = [2]string{"anonymousId", "AnonymousID"}
	name        = [2]string{"name", "Name"}
	category    = [2]string{"category", "Category"}
)

var kinds = map[string]kind{
	"identify": {"Identify", [][2]string{userID, anonymousID}, "traits"},
	"track":    {"Track", [][2]string{userID, anonymousID, {"event", "Event"}}, "properties"},
	"page":     {"Page", [][2]string{userID, anonymousID, name, category}, "properties"},
	"screen":   {"Screen", [][2]string{userID, anonymousID, name, category}, "properties"},
	"group":    {"Group", [][2]string{userID, anonymousID, {"groupId", "GroupID"}}, "traits"},
	"alias":    {"Alias", [][2]string{userID, {"previousId", "PreviousID"}, anonymousID}, ""},
}

// notShown are the members of a message that the library or the receiver fills in.
var notShown = []string{
	"type", "context", "integrations", "messageId", "timestamp", "originalTimestamp", "sentAt",
	"receivedAt", "writeKey", "version", "projectId", "_metadata",
}

// Call returns the Go expression that sends the message with a client of this
// library, formatted as gofmt does:
//
//	client.Track(ctx, analytics.Track{
//		UserID: "user_123",
//		Event:  "Order Completed",
//	})
//
// message is as it was received, or as package ingest passes it on; numbers are
// json.Number. What the library fills in by itself is left out, and what it cannot
// send is in comments. A message that is none of the six calls is shown as a map. The
// code parses whatever the message holds; beyond MaxBytes a comment says that there was
// more.
func Call(message map[string]any) string {
	for limit := MaxBytes; ; limit = limit / 4 * 3 {
		w := &writer{limit: limit}
		w.call(message)
		code, err := format.Source(w.b)
		if err != nil {
			code = w.b // correct Go all the same; a test says it does not happen
		}
		// Aligning values adds spaces that the writer does not count.
		if code := strings.TrimSpace(string(code)); len(code) <= MaxBytes {
			return code
		}
	}
}

func (w *writer) call(m map[string]any) {
	callType, _ := m["type"].(string)
	k, ok := kinds[callType]
	if !ok {
		w.comment("No code sends this: its type is none of the six calls.")
		w.cut = false // the comment does not count
		w.object("map[string]any", m)
		return
	}
	w.text("client." + k.method + "(ctx, analytics." + k.method)
	w.lines(func() {
		for _, text := range k.texts {
			w.member(m, text[0], text[1])
		}
		if k.object != "" {
			goType := strings.ToUpper(k.object[:1]) + k.object[1:]
			w.members(m, k.object, goType, "analytics."+goType)
		}
		w.context(m)
		w.members(m, "integrations", "Integrations", "analytics.Integrations")
		w.member(m, "messageId", "MessageID")
		if t := timestamp(m); !t.IsZero() {
			w.field("Timestamp", 100, func() { w.text(date(t)) })
		}
		w.others(k, m)
	})
	w.text(")")
}

// field writes one field of a struct.
func (w *writer) field(name string, size int, value func()) {
	w.element(len(name)+len(": ")+size, func() {
		w.text(name + ": ")
		value()
	})
}

// member writes m[key] as a field of text.
func (w *writer) member(m map[string]any, key, field string) {
	switch v := m[key].(type) {
	case nil:
	case string:
		if v != "" {
			w.field(field, len(`""`), func() { w.string(v) })
		}
	default:
		w.comment(key + " cannot be sent, as it is no string: " + preview(v))
	}
}

// members writes m[key] as a field that holds a map.
func (w *writer) members(m map[string]any, key, field, goType string) {
	switch v := m[key].(type) {
	case nil:
	case map[string]any:
		if len(v) > 0 {
			w.field(field, len(goType)+len("{}"), func() { w.object(goType, v) })
		}
	default:
		w.comment(key + " cannot be sent, as it is no object: " + preview(v))
	}
}

// context writes the context in the fields of analytics.Context, which knows itself
// what fits into them; the rest is in its Extra.
func (w *writer) context(m map[string]any) {
	object, ok := m["context"].(map[string]any)
	if !ok {
		if m["context"] != nil {
			w.comment("context cannot be sent, as it is no object: " + preview(m["context"]))
		}
		return
	}
	object = maps.Clone(object)
	delete(object, "library")
	var c analytics.Context
	doc, err := json.Marshal(object)
	if err == nil {
		err = json.Unmarshal(doc, &c)
	}
	if err != nil { // a value that no JSON holds
		c = analytics.Context{Extra: object}
	}
	if v := reflect.ValueOf(c); !v.IsZero() {
		w.field("Context", len("&analytics.Context{}"), func() {
			w.text("&")
			w.goValue(v)
		})
	}
}

// goValue writes a value of the types that analytics.Context is made of.
func (w *writer) goValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		w.string(v.String())
	case reflect.Bool:
		w.text(strconv.FormatBool(v.Bool()))
	case reflect.Int:
		w.text(strconv.FormatInt(v.Int(), 10))
	case reflect.Float64:
		w.text(float(v.Float()))
	case reflect.Pointer:
		w.text("analytics.Ptr(")
		w.goValue(v.Elem())
		w.text(")")
	case reflect.Struct:
		w.goStruct(v.Type().String(), v)
	case reflect.Slice:
		w.block("[]"+v.Type().Elem().String(), func() {
			for i := range v.Len() {
				w.element(len("{}"), func() { w.goStruct("", v.Index(i)) })
			}
		})
	case reflect.Map:
		w.goMap(v)
	}
}

// goStruct writes the fields of a struct that are not empty.
func (w *writer) goStruct(head string, v reflect.Value) {
	w.block(head, func() {
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				w.field(v.Type().Field(i).Name, len(f.Type().String())+len("{}"), func() { w.goValue(f) })
			}
		}
	})
}

func (w *writer) goMap(v reflect.Value) {
	switch m := v.Interface().(type) {
	case analytics.Traits:
		w.object("analytics.Traits", m)
	case map[string]any:
		w.object("map[string]any", m)
	case map[string]bool:
		w.block("map[string]bool", func() {
			for _, key := range slices.Sorted(maps.Keys(m)) {
				literal := quote(key)
				w.element(len(literal)+len(": false"), func() { w.text(literal + ": " + strconv.FormatBool(m[key])) })
			}
		})
	}
}

// float returns a literal that is a float64 without a conversion.
func float(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// others names the members that a message of the library has no place for.
func (w *writer) others(k kind, m map[string]any) {
	var names []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		known := key == k.object || slices.Contains(notShown, key) ||
			slices.ContainsFunc(k.texts, func(text [2]string) bool { return text[0] == key })
		if known {
			continue
		}
		if len(names) == 10 {
			names = append(names, "…")
			break
		}
		names = append(names, preview(key))
	}
	if names != nil {
		w.comment("The library has no field for " + strings.Join(names, ", ") + ".")
	}
}

// preview is the beginning of a value's JSON, for a comment.
func preview(v any) string {
	const most = 60
	doc, err := json.Marshal(v)
	if err != nil {
		return "no JSON value"
	}
	if len(doc) > most {
		return string(doc[:most]) + "…"
	}
	return string(doc)
}

// timestamp is when the caller says it happened; zero when that is not said. In a
// message that was passed on, timestamp is the receiver's.
func timestamp(m map[string]any) time.Time {
	original, _ := m["originalTimestamp"].(string)
	if original == "" && m["receivedAt"] == nil {
		original, _ = m["timestamp"].(string)
	}
	return ingest.ParseTime(original)
}

// date returns a time of UTC as a call of time.Date.
func date(t time.Time) string {
	nanoseconds := fmt.Sprintf("%09d", t.Nanosecond())
	nanoseconds = strings.TrimLeft(nanoseconds[:3]+"_"+nanoseconds[3:6]+"_"+nanoseconds[6:], "0_")
	if nanoseconds == "" {
		nanoseconds = "0"
	}
	return fmt.Sprintf("time.Date(%d, time.%s, %d, %d, %d, %d, %s, time.UTC)",
		t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), nanoseconds)
}
