// Attrs: properties and traits given as log/slog attributes.

package analytics

import (
	"log/slog"
	"slices"
	"strconv"
)

// maxLogValuers is how often a LogValuer may resolve to another one.
const maxLogValuers = 100

// manyAttrs is from how many attributes on the last of each key is looked up in a map
// instead of by comparing.
const manyAttrs = 64

// Attrs makes Fields of slog attributes: typed, in the order given, without a map.
//
//	analytics.Attrs(slog.String("currency", "USD"), slog.Float64("revenue", 39.95))
//
// A group becomes an object; one with an empty key is inlined; one without attributes,
// and the zero Attr, are left out. LogValuers are resolved when the call is made. Of two
// attributes with the same key the last one wins. A time is sent as RFC 3339 and a
// duration in nanoseconds; any other value as in Properties.
func Attrs(list ...slog.Attr) Fields { return attrs(list) }

// attrs is what Attrs returns.
type attrs []slog.Attr

// AppendJSON appends the attributes as one object; {} when there are none.
func (a attrs) AppendJSON(b []byte) ([]byte, error) { return appendWhole(b, a) }

// MarshalJSON returns the attributes as one object; {} when there are none.
func (a attrs) MarshalJSON() ([]byte, error) { return appendWhole(nil, a) }

// appendAttrs appends the attributes as one object, possibly {}.
func appendAttrs(b []byte, list attrs, lim bounds) ([]byte, error) {
	lim, err := lim.deeper()
	if err != nil {
		return b, err
	}
	groups, twice := list.survey()
	if groups {
		if list, err = list.inline(lim); err != nil {
			return b, err
		}
		_, twice = list.survey()
	}
	var last map[string]int
	if twice != 0 {
		last = list.last()
	}
	b = append(b, '{')
	for i := range list {
		a := &list[i]
		if a.Key == "" && isZero(*a) || twice&mark(a.Key) != 0 && list.overridden(i, last) {
			continue
		}
		start := len(b)
		if lim.exceeded(b, len(a.Key)) {
			return b, ErrMessageTooLarge
		}
		b = append(appendString(b, a.Key), ':')
		value := len(b)
		if b, err = appendSlogValue(b, a.Value, lim); err != nil {
			return b, under(err, a.Key)
		}
		if lim.exceeded(b, 0) {
			return b, ErrMessageTooLarge
		}
		if len(b) == value {
			b = b[:start]
			continue
		}
		b = append(b, ',')
	}
	return closeObject(b), nil
}

// appendSlogValue appends a value by its kind, so that none is boxed, and nothing for a
// group without attributes.
func appendSlogValue(b []byte, v slog.Value, lim bounds) ([]byte, error) {
	switch v.Kind() {
	case slog.KindString:
		return appendText(b, v.String(), lim)
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10), nil
	case slog.KindUint64:
		return strconv.AppendUint(b, v.Uint64(), 10), nil
	case slog.KindFloat64:
		return appendFloat(b, v.Float64(), 64)
	case slog.KindBool:
		return strconv.AppendBool(b, v.Bool()), nil
	case slog.KindDuration:
		return strconv.AppendInt(b, int64(v.Duration()), 10), nil
	case slog.KindTime:
		return appendTime(b, v.Time())
	case slog.KindGroup:
		start := len(b)
		b, err := appendAttrs(b, v.Group(), lim)
		if string(b[start:]) == "{}" {
			b = b[:start]
		}
		return b, err
	case slog.KindLogValuer:
		v, err := resolve(v)
		if err != nil {
			return b, err
		}
		return appendSlogValue(b, v, lim)
	}
	return appendValue(b, v.Any(), lim)
}

// resolve asks a LogValuer until it names a value. slog's own Resolve would make of a
// panic a value that holds a stack trace, which is nothing to send.
func resolve(v slog.Value) (out slog.Value, err error) {
	if v.Kind() != slog.KindLogValuer {
		return v, nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicked("LogValue", p)
		}
	}()
	for range maxLogValuers {
		if v.Kind() != slog.KindLogValuer {
			return v, nil
		}
		v = v.LogValuer().LogValue()
	}
	return v, &FieldError{Reason: "LogValue returns another LogValuer without end"}
}

// survey reports whether a holds groups to inline, and which marks more than one of
// its keys has: a key whose mark is not among them stands once.
func (a attrs) survey() (groups bool, twice uint64) {
	var seen uint64
	for i := range a {
		key := a[i].Key
		groups = groups || key == "" && inlined(a[i])
		m := mark(key)
		twice |= seen & m
		seen |= m
	}
	return groups, twice
}

// mark returns one bit that depends on the key.
func mark(key string) uint64 {
	n := len(key)
	if n == 0 {
		return 1
	}
	return 1 << ((uint(n) + 7*uint(key[0]) + 13*uint(key[n-1])) % 64)
}

// inlined reports whether the attributes of a stand in its place, or may.
func inlined(a slog.Attr) bool {
	k := a.Value.Kind()
	return a.Key == "" && (k == slog.KindGroup || k == slog.KindLogValuer)
}

// inline puts the attributes of groups with an empty key in the group's place.
func (a attrs) inline(lim bounds) (attrs, error) {
	if !slices.ContainsFunc(a, inlined) {
		return a, nil
	}
	lim, err := lim.deeper() // a LogValuer may yield a group that holds it again
	if err != nil {
		return nil, err
	}
	var flat attrs
	for _, one := range a {
		if !inlined(one) {
			flat = append(flat, one)
			continue
		}
		if one.Value, err = resolve(one.Value); err != nil {
			return nil, under(err, one.Key)
		}
		if one.Value.Kind() != slog.KindGroup {
			flat = append(flat, one)
			continue
		}
		group, err := attrs(one.Value.Group()).inline(lim)
		if err != nil {
			return nil, err
		}
		flat = append(flat, group...)
	}
	return flat, nil
}

// last maps each key to where it stands last; nil for a short list.
func (a attrs) last() map[string]int {
	if len(a) < manyAttrs {
		return nil
	}
	at := make(map[string]int, len(a))
	for i, one := range a {
		if !isZero(one) {
			at[one.Key] = i
		}
	}
	return at
}

// overridden reports whether an attribute after a[i] has the same key.
func (a attrs) overridden(i int, last map[string]int) bool {
	if last != nil {
		return last[a[i].Key] > i
	}
	for j := i + 1; j < len(a); j++ {
		if a[j].Key == a[i].Key && !isZero(a[j]) {
			return true
		}
	}
	return false
}

// isZero reports whether a is the zero Attr, which slog asks handlers to ignore.
func isZero(a slog.Attr) bool {
	return a.Key == "" && a.Value.Kind() == slog.KindAny && a.Value.Any() == nil
}
