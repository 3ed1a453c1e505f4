// Filters: what they may say, and which calls they block.

package sources

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxFilters   = 100 // of one source
	maxCondition = 200 // characters of an event, a path or a value
)

// The verdicts on a call that is blocked at the source.
const (
	EventSetting    = "event_setting"    // by its call or the name of its event
	SchemaViolation = "schema_violation" // by one of its properties or traits
)

// Block decides whether a source's filters block a call, and returns the verdict and
// the reason of the first that does. event is the name in a track call and "" in the
// others. message returns the decoded call, with numbers as json.Number; it is called
// once, and only when a filter has to look into properties or traits.
func Block(filters []Filter, call, event string, message func() map[string]any) (verdict, reason string, blocked bool) {
	var m map[string]any
	decoded := false
	for _, f := range filters {
		if !f.concerns(call, event) {
			continue
		}
		verdict := EventSetting
		if f.looksInside() {
			if !decoded && message != nil {
				m = message()
			}
			decoded = true
			if !f.finds(m) {
				continue
			}
			verdict = SchemaViolation
		}
		return verdict, "blocked by a filter of the source: " + f.String(), true
	}
	return "", "", false
}

// Blocks reports whether the filter blocks the call; see Block.
func (f Filter) Blocks(call, event string, message map[string]any) bool {
	return f.concerns(call, event) && (!f.looksInside() || f.finds(message))
}

// String is the filter for a person: `call track, event "Debug *"`.
func (f Filter) String() string {
	var parts []string
	if f.Call != "" {
		parts = append(parts, "call "+f.Call)
	}
	if f.Event != "" {
		parts = append(parts, "event "+strconv.Quote(f.Event))
	}
	name, path := f.path()
	if path != "" {
		part := name + " " + strconv.Quote(path)
		if f.Value != "" {
			part += " = " + strconv.Quote(f.Value)
		}
		parts = append(parts, part)
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// path returns what the filter looks for inside a message, "" when for nothing.
func (f Filter) path() (name, path string) {
	if f.Property != "" {
		return "property", f.Property
	}
	return "trait", f.Trait
}

func (f Filter) looksInside() bool { return f.Property != "" || f.Trait != "" }

// concerns reports whether call and event meet their conditions, and there is
// something to block at all.
func (f Filter) concerns(call, event string) bool {
	switch {
	case f.Call == "" && f.Event == "" && !f.looksInside():
		return false
	case f.Call != "" && f.Call != call:
		return false
	}
	return f.Event == "" || event != "" && glob(f.Event, event)
}

// finds reports whether message has the property and the trait, with the value.
func (f Filter) finds(message map[string]any) bool {
	return f.has(message["properties"], f.Property) && f.has(message["traits"], f.Trait)
}

func (f Filter) has(object any, path string) bool {
	if path == "" {
		return true
	}
	return lookUp(object, path, func(v any) bool {
		if f.Value == "" {
			return true
		}
		text, ok := asText(v)
		return ok && glob(f.Value, text)
	})
}

// lookUp looks for a dotted path and reports whether is holds for what is there. A
// key may itself contain dots, so "a.b.c" is also "c" of "a.b", and there may be more
// than one such place. Each of them is another place in the object, so that the work
// is bounded by the size of the object, however it is built.
func lookUp(object any, path string, is func(any) bool) bool {
	members, ok := object.(map[string]any)
	if !ok {
		return false
	}
	if v, ok := members[path]; ok && is(v) {
		return true
	}
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		if v, ok := members[path[:i]]; ok && lookUp(v, path[i+1:], is) {
			return true
		}
	}
	return false
}

// asText is a value as a filter compares it: numbers digit for digit, true and false.
// null, objects and lists have no text.
func asText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

// glob reports whether s is what pattern says, in which * stands for any text.
func glob(pattern, s string) bool {
	head, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == s
	}
	if !strings.HasPrefix(s, head) {
		return false
	}
	s = s[len(head):]
	for {
		var part string
		if part, rest, starred = strings.Cut(rest, "*"); !starred {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part) // the first place leaves the most for the parts after it
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
}

// calls are the six.
var calls = []string{"identify", "track", "page", "screen", "group", "alias"}

// checkFilters refuses filters that would block nothing, or that nobody can have
// meant. The field of the *Error is "filters" or "filters[2].event".
func checkFilters(filters []Filter) error {
	if len(filters) > maxFilters {
		return bad("filters", fmt.Sprintf("are more than %d", maxFilters))
	}
	for i, f := range filters {
		if err := f.check(); err != nil {
			e := *err
			e.Field = strings.TrimSuffix(fmt.Sprintf("filters[%d].%s", i, err.Field), ".")
			return &e
		}
	}
	return nil
}

// Check says what is wrong with the filter: an *Error whose Field is the condition,
// and "" when the filter as a whole is wrong.
func (f Filter) Check() error {
	if err := f.check(); err != nil {
		return err
	}
	return nil
}

func (f Filter) check() *Error {
	switch {
	case f.Property != "" && f.Trait != "":
		return &Error{Field: "trait", Reason: "cannot be asked for beside a property; make two filters"}
	case f.Value != "" && !f.looksInside():
		return &Error{Field: "value", Reason: "needs a property or a trait that has it"}
	case f.Call == "" && f.Event == "" && !f.looksInside():
		return &Error{Reason: "needs a condition: a call, an event, a property or a trait"}
	case f.Call != "" && !slices.Contains(calls, f.Call):
		return &Error{Field: "call", Reason: "is not one of " + strings.Join(calls, ", ")}
	case f.Event != "" && f.Call != "" && f.Call != "track":
		return &Error{Field: "event", Reason: "is there in track calls only"}
	}
	for _, c := range []struct{ field, text string }{
		{"event", f.Event}, {"property", f.Property}, {"trait", f.Trait}, {"value", f.Value},
	} {
		switch {
		case !utf8.ValidString(c.text):
			return &Error{Field: c.field, Reason: "is not valid UTF-8"}
		case utf8.RuneCountInString(c.text) > maxCondition:
			return &Error{Field: c.field, Reason: fmt.Sprintf("is longer than %d characters", maxCondition)}
		case strings.ContainsFunc(c.text, breaksLine):
			return &Error{Field: c.field, Reason: "has a line break or another control character in it"}
		}
	}
	if name, path := f.path(); path != "" && slices.Contains(strings.Split(path, "."), "") {
		return &Error{Field: name, Reason: `is a path with an empty part; write it as "address.city"`}
	}
	return nil
}
