// Append-style JSON encoder: what a customer's value looks like on the wire.

package analytics

import (
	"encoding"
	"encoding/binary"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// maxDepth is how many objects and arrays may stand inside each other. A
	// cyclic value has no other end; a real one is far shallower.
	maxDepth = 1000

	// maxPath is how many bytes of a path a FieldError shows before its tail is
	// cut: a cyclic value would otherwise spell out a thousand keys.
	maxPath = 200

	reasonDepth = "nested deeper than 1000 levels or cyclic"
)

// bounds limits one encoding. The zero value limits the depth only.
//
// max is the length of the whole buffer, what stood in it before included: once
// len(b) exceeds it the encoder stops with ErrMessageTooLarge; 0 is no limit.
// depth counts the levels used so far.
type bounds struct {
	max, depth int
	known      *shapes
}

// deeper enters one object or array.
func (lim bounds) deeper() (bounds, error) {
	if lim.depth++; lim.depth > maxDepth {
		return lim, &FieldError{Reason: reasonDepth}
	}
	return lim, nil
}

// exceeded reports whether n more bytes pass the limit.
func (lim bounds) exceeded(b []byte, n int) bool {
	return lim.max > 0 && len(b)+n > lim.max
}

// under says that err happened inside key: it prefixes a *FieldError's Field and
// returns any other error as it is. A key that begins with "[" is an index.
func under(err error, key string) error {
	inner, ok := err.(*FieldError)
	if !ok {
		return err
	}
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		key = strconv.Quote(key) // a key is the caller's data: it must not forge a line of a log
	}
	outer := *inner // a copy: the error may be one that the caller's marshaller shares
	switch {
	case inner.Field == "":
		outer.Field = key
	case inner.Field[0] == '[':
		outer.Field = key + inner.Field
	default:
		outer.Field = key + "." + inner.Field
	}
	if len(outer.Field) > maxPath {
		cut := maxPath
		for cut > 0 && !utf8.RuneStart(outer.Field[cut]) {
			cut--
		}
		outer.Field = strings.TrimRight(outer.Field[:cut], "…") + "…"
	}
	return &outer
}

// appendValue appends any Go value as encoding/json would, with four differences:
// <, > and & stay as they are, keys of a large map come in no order, an error becomes its
// Error text instead of {}, and a Fields inside a value becomes its object.
//
// Values that calls are made of are written without reflection or allocation; all
// others go through encoding/json. What cannot be encoded is a *FieldError whose Field
// is the path inside v and which never holds the value itself.
func appendValue(b []byte, v any, lim bounds) ([]byte, error) {
	var err error
	if s, ok := v.(string); ok { // asked first, because most values are one
		b, err = appendText(b, s, lim)
	} else {
		b, err = appendBasic(b, v, lim)
	}
	if err == nil && lim.exceeded(b, 0) {
		err = ErrMessageTooLarge
	}
	return b, err
}

// appendBasic writes all scalars but strings, and hands everything else on.
func appendBasic(b []byte, v any, lim bounds) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int8:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int16:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int32:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case time.Duration:
		return strconv.AppendInt(b, int64(v), 10), nil
	case uint:
		return strconv.AppendUint(b, uint64(v), 10), nil
	case uint8:
		return strconv.AppendUint(b, uint64(v), 10), nil
	case uint16:
		return strconv.AppendUint(b, uint64(v), 10), nil
	case uint32:
		return strconv.AppendUint(b, uint64(v), 10), nil
	case uint64:
		return strconv.AppendUint(b, v, 10), nil
	case float64:
		return appendFloat(b, v, 64)
	case float32:
		return appendFloat(b, float64(v), 32)
	case time.Time:
		return appendTime(b, v)
	case json.Number:
		return appendNumber(b, v)
	}
	return appendComposite(b, v, lim)
}

// appendComposite writes the maps, slices and structs that calls are made of.
func appendComposite(b []byte, v any, lim bounds) ([]byte, error) {
	switch v := v.(type) {
	case map[string]any:
		return appendMap(b, v, lim)
	case Properties:
		return appendMap(b, v, lim)
	case Traits:
		return appendMap(b, v, lim)
	case Integrations:
		return appendMap(b, v, lim)
	case map[string]string:
		return appendMembers(b, v, lim, appendText)
	case []any:
		return appendList(b, v, lim, appendValue)
	case []string:
		return appendList(b, v, lim, appendText)
	case []int:
		return appendList(b, v, lim, func(b []byte, n int, _ bounds) ([]byte, error) {
			return strconv.AppendInt(b, int64(n), 10), nil
		})
	case []float64:
		return appendList(b, v, lim, func(b []byte, f float64, _ bounds) ([]byte, error) {
			return appendFloat(b, f, 64)
		})
	case []map[string]any:
		return appendList(b, v, lim, appendMap)
	case []Properties:
		return appendList(b, v, lim, func(b []byte, p Properties, lim bounds) ([]byte, error) {
			return appendMap(b, p, lim)
		})
	case []Traits:
		return appendList(b, v, lim, func(b []byte, t Traits, lim bounds) ([]byte, error) {
			return appendMap(b, t, lim)
		})
	case []Product:
		return appendList(b, v, lim, appendProduct)
	case Product:
		return appendProduct(b, v, lim)
	case Address:
		return appendAddress(b, v, lim)
	case Company:
		return appendCompany(b, v, lim)
	case []byte:
		return appendBase64(b, v, lim)
	case attrs:
		return appendAttrs(b, v, lim)
	}
	return appendPointed(b, v, lim)
}

// appendPointed writes what pointers to the basic types point to.
func appendPointed(b []byte, v any, lim bounds) ([]byte, error) {
	switch v := v.(type) {
	case *string:
		return appendPointer(b, v, lim, appendText)
	case *bool:
		return appendPointer(b, v, lim, func(b []byte, v bool, _ bounds) ([]byte, error) {
			return strconv.AppendBool(b, v), nil
		})
	case *int:
		return appendPointer(b, v, lim, func(b []byte, v int, _ bounds) ([]byte, error) {
			return strconv.AppendInt(b, int64(v), 10), nil
		})
	case *int64:
		return appendPointer(b, v, lim, func(b []byte, v int64, _ bounds) ([]byte, error) {
			return strconv.AppendInt(b, v, 10), nil
		})
	case *float64:
		return appendPointer(b, v, lim, func(b []byte, v float64, _ bounds) ([]byte, error) {
			return appendFloat(b, v, 64)
		})
	case *time.Time:
		return appendPointer(b, v, lim, func(b []byte, v time.Time, _ bounds) ([]byte, error) {
			return appendTime(b, v)
		})
	}
	return appendOther(b, v, lim)
}

// appendOther writes the values of types that are not ours.
func appendOther(b []byte, v any, lim bounds) ([]byte, error) {
	switch v := v.(type) {
	case json.Marshaler, encoding.TextMarshaler:
		return appendMarshalled(b, v, lim)
	case Fields:
		start := len(b)
		b, present, err := appendFields(b, v, lim)
		if err == nil && !present {
			b = append(b[:start], "{}"...)
		}
		return b, err
	case error:
		text, err := errorText(v)
		if err != nil || text == nil {
			return append(b, "null"...), err
		}
		return appendText(b, *text, lim)
	}
	// A named type such as `type Plan string` needs no more than its kind.
	switch v := reflect.ValueOf(v); v.Kind() {
	case reflect.String:
		return appendText(b, v.String(), lim)
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case reflect.Float32, reflect.Float64:
		return appendFloat(b, v.Float(), v.Type().Bits())
	}
	return appendMarshalled(b, v, lim)
}

// appendMap appends an object of values of any type.
func appendMap(b []byte, m map[string]any, lim bounds) ([]byte, error) {
	return appendMembers(b, m, lim, appendValue)
}

// appendMembers appends an object, one member by one. No reader of JSON may depend on
// the order of keys, but gzip does: the same keys in the same order make a batch a
// tenth smaller, and compressing it costs less than ordering a few keys does. Many
// keys come in the map's own order.
func appendMembers[T any](b []byte, m map[string]T, lim bounds, one func([]byte, T, bounds) ([]byte, error)) ([]byte, error) {
	if m == nil {
		return append(b, "null"...), nil
	}
	lim, err := lim.deeper()
	if err != nil {
		return b, err
	}
	b = append(b, '{')
	if len(m) <= ordered {
		b, err = appendOrdered(b, m, lim, one)
	} else {
		for key, v := range m {
			if b, err = appendPair(b, key, v, lim, one); err != nil {
				break
			}
		}
	}
	if err != nil {
		return b, err
	}
	return closeObject(b), nil
}

// appendOrdered appends the members of a small map, by key.
func appendOrdered[T any](b []byte, m map[string]T, lim bounds, one func([]byte, T, bounds) ([]byte, error)) ([]byte, error) {
	s := lim.known.at(lim.depth, len(m))
	var values [ordered]T
	if !look(s, m, &values) {
		return appendSorted(b, m, lim, one, s.yield())
	}
	for i := range s.keys {
		key := s.key(i)
		if lim.exceeded(b, len(key)) {
			return b, ErrMessageTooLarge
		}
		var err error
		if b, err = one(append(b, key...), values[i], lim); err != nil {
			return b, under(err, string(s.name(i)))
		}
		b = append(b, ',')
	}
	return b, nil
}

// appendSorted puts the keys in order first, and keeps their shape in s unless s is nil.
func appendSorted[T any](b []byte, m map[string]T, lim bounds, one func([]byte, T, bounds) ([]byte, error), s *shape) ([]byte, error) {
	var members [ordered]struct {
		key   string
		value T
	}
	var order [ordered]struct { // moving these is cheaper
		head uint64
		of   int // members
	}
	n := 0
	for key, v := range m {
		if n == ordered {
			break // it grows while it is read, which its owner must not let it
		}
		members[n].key, members[n].value = key, v
		head := headOf(key)
		at := n
		for ; at > 0 && (order[at-1].head > head || order[at-1].head == head && members[order[at-1].of].key > key); at-- {
			order[at] = order[at-1]
		}
		order[at].head, order[at].of = head, n
		n++
	}
	var err error
	s.forget()
	for _, o := range order[:n] {
		s.add(members[o.of].key)
		if b, err = appendPair(b, members[o.of].key, members[o.of].value, lim, one); err != nil {
			return b, err
		}
	}
	return b, nil
}

// headOf returns the first eight bytes of a key as a number that orders as they do.
func headOf(key string) uint64 {
	p := []byte(key) // no copy: it is only read
	n := len(p)
	switch {
	case n >= 8:
		return binary.BigEndian.Uint64(p)
	case n >= 4:
		return uint64(binary.BigEndian.Uint32(p))<<32 | uint64(binary.BigEndian.Uint32(p[n-4:]))<<(64-8*n)
	}
	var head uint64
	for i, c := range p {
		head |= uint64(c) << (56 - 8*i)
	}
	return head
}

// appendPair appends one member and a comma.
func appendPair[T any](b []byte, key string, v T, lim bounds, one func([]byte, T, bounds) ([]byte, error)) ([]byte, error) {
	if lim.exceeded(b, len(key)) {
		return b, ErrMessageTooLarge
	}
	b, err := one(append(appendString(b, key), ':'), v, lim)
	if err != nil {
		return b, under(err, key)
	}
	return append(b, ','), nil
}

// closeObject ends an object each of whose members left a comma behind.
func closeObject(b []byte) []byte {
	if last := len(b) - 1; b[last] == ',' {
		b[last] = '}'
		return b
	}
	return append(b, '}')
}

// appendList appends an array, one by one.
func appendList[T any](b []byte, list []T, lim bounds, one func([]byte, T, bounds) ([]byte, error)) ([]byte, error) {
	if list == nil {
		return append(b, "null"...), nil
	}
	lim, err := lim.deeper()
	if err != nil {
		return b, err
	}
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = one(b, v, lim); err != nil {
			return b, under(err, "["+strconv.Itoa(i)+"]")
		}
		if lim.exceeded(b, 0) {
			return b, ErrMessageTooLarge
		}
	}
	return append(b, ']'), nil
}

// appendPointer appends what p points to, or null.
func appendPointer[T any](b []byte, p *T, lim bounds, one func([]byte, T, bounds) ([]byte, error)) ([]byte, error) {
	if p == nil {
		return append(b, "null"...), nil
	}
	return one(b, *p, lim)
}

// appendText is appendString for a text of any length: one that cannot fit is
// refused before it is copied.
func appendText(b []byte, s string, lim bounds) ([]byte, error) {
	if lim.exceeded(b, len(s)+2) { // two quotes; no escape is shorter than what it stands for
		return b, ErrMessageTooLarge
	}
	return appendString(b, s), nil
}
