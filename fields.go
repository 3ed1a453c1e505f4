// Fields: what a call's properties or traits may be, and how they are taken in.

package analytics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Fields is what the Properties or Traits of a call may be. Properties and Traits are
// maps; Attrs is typed and allocates no map; Struct takes a value with json tags.
//
// A typed event is a type of your own whose AppendJSON hands on to Attrs:
//
//	func (e SignedUp) AppendJSON(b []byte) ([]byte, error) {
//		return analytics.Attrs(slog.String("plan", e.Plan)).AppendJSON(b)
//	}
//
// AppendJSON appends exactly one JSON object to b, or nothing when there is nothing to
// send, and returns the longer slice; like append it may return another array, and it
// keeps neither. It is called before Track returns, once, on the caller's goroutine. What
// it appends is checked, and a panic inside it is an error of that call. An object without
// members is left out of the message, and so is a nil pointer.
type Fields interface {
	AppendJSON(b []byte) ([]byte, error)
}

// Struct makes Fields of v, whose fields are named by their json tags as in
// encoding/json: a struct, a pointer to one, a map with string keys, or a
// json.RawMessage holding an object, whose digits stay as they are.
//
// A nil v or nil pointer is absent. Anything that is not an object in JSON is a
// *FieldError of the call that carries it.
func Struct(v any) Fields { return structFields{v} }

// structFields is what Struct returns.
type structFields struct{ v any }

// AppendJSON appends the object; {} when it is absent.
func (s structFields) AppendJSON(b []byte) ([]byte, error) { return appendWhole(b, s) }

// MarshalJSON returns the object; {} when it is absent.
func (s structFields) MarshalJSON() ([]byte, error) { return appendWhole(nil, s) }

// appendWhole appends f for a reader that expects an object in any case.
func appendWhole(b []byte, f Fields) ([]byte, error) {
	out, present, err := appendFields(b, f, bounds{})
	if err == nil && !present {
		out = append(b, "{}"...)
	}
	return out, err
}

// appendFields appends f's object. Absent, with b as it was, is a nil f, a nil pointer
// inside f, and an object without members. Only what others wrote is checked.
func appendFields(b []byte, f Fields, lim bounds) (out []byte, present bool, err error) {
	switch f := f.(type) {
	case nil:
		return b, false, nil
	case Properties:
		if len(f) == 0 {
			return b, false, nil
		}
		out, err = appendMap(b, f, lim)
	case Traits:
		if len(f) == 0 {
			return b, false, nil
		}
		out, err = appendMap(b, f, lim)
	case attrs:
		out, err = appendAttrs(b, f, lim)
	case structFields:
		out, err = appendStruct(b, f.v, lim)
	default:
		if v := reflect.ValueOf(f); v.Kind() == reflect.Pointer && v.IsNil() {
			return b, false, nil
		}
		out, err = appendForeign(b, f, lim)
	}
	if err != nil {
		return b, false, err
	}
	if string(out[len(b):]) == "{}" || len(out) == len(b) {
		return b, false, nil
	}
	if lim.exceeded(out, 0) {
		return b, false, ErrMessageTooLarge
	}
	return out, true, nil
}

// appendStruct appends the object that v is, or nothing when it is null.
func appendStruct(b []byte, v any, lim bounds) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return b, nil
	case json.RawMessage:
		if len(v) == 0 {
			return b, nil
		}
	case map[string]any:
		if v == nil {
			return b, nil
		}
		return appendMap(b, v, lim)
	case Product:
		return appendProduct(b, v, lim)
	case Fields:
		out, _, err := appendFields(b, v, lim)
		return out, err
	}
	out, err := appendMarshalled(b, v, lim)
	if err != nil {
		return b, err
	}
	switch doc := out[len(b):]; {
	case doc[0] == '{':
		return out, nil
	case string(doc) == "null":
		return b, nil
	}
	return b, &FieldError{Reason: nameOf(reflect.TypeOf(v)) + " is not an object in JSON"}
}

// appendForeign appends what a Fields of the caller's appended, once it is seen to be one
// object. It is handed the free end of b only, so it cannot touch what stands before.
func appendForeign(b []byte, f Fields, lim bounds) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = b, panicked(fmt.Sprintf("AppendJSON of %T", f), p)
		}
	}()
	doc, err := f.AppendJSON(b[len(b):])
	if err != nil {
		found := because(err).(*FieldError)
		if found.err == err && found.Field == "" {
			found.Reason = fmt.Sprintf("AppendJSON of %T failed", f)
		}
		return b, found
	}
	doc = bytes.TrimSpace(doc)
	if lim.exceeded(b, len(doc)) {
		return b, ErrMessageTooLarge
	}
	if len(doc) > 0 && (doc[0] != '{' || !json.Valid(doc)) {
		return b, &FieldError{Reason: fmt.Sprintf("AppendJSON of %T did not append one JSON object", f)}
	}
	return tidy(append(b, doc...), len(b), lim)
}

// copyFields returns f as a map that shares nothing with it, for a BeforeEnqueue hook;
// nil when f is absent.
//
// Values of Properties and Traits keep their Go types when those are basic, a time, a
// Product, an Address or a list or map of such; every other value, and all of Attrs, Struct
// and the caller's own Fields, are what JSON makes of them, numbers as json.Number.
func copyFields(f Fields) (map[string]any, error) {
	left := maxCopied
	switch f := f.(type) {
	case Properties:
		return copyMap(f, bounds{}, &left)
	case Traits:
		return copyMap(f, bounds{}, &left)
	}
	doc, present, err := appendFields(nil, f, bounds{max: maxCopied})
	if err != nil || !present {
		return nil, err
	}
	v, err := decoded(doc)
	if err != nil {
		return nil, err
	}
	return v.(map[string]any), nil
}

// maxCopied bounds how many values, or bytes of their JSON, are copied for a hook: maps
// that hold the same map many times would otherwise multiply without end. It is far more
// than a message has room for; beyond it the call is ErrMessageTooLarge.
const maxCopied = 1 << 20

func copyMap[M ~map[string]any](m M, lim bounds, left *int) (M, error) {
	if m == nil {
		return nil, nil
	}
	lim, err := lim.deeper()
	if err != nil {
		return nil, err
	}
	out := make(M, len(m))
	for key, v := range m {
		if out[key], err = copyValue(v, lim, left); err != nil {
			return nil, under(err, key)
		}
	}
	return out, nil
}

func copyList[T any](list []T, lim bounds, left *int, one func(T, bounds, *int) (T, error)) ([]T, error) {
	if list == nil {
		return nil, nil
	}
	lim, err := lim.deeper()
	if err != nil {
		return nil, err
	}
	out := make([]T, len(list))
	for i, v := range list {
		if out[i], err = one(v, lim, left); err != nil {
			return nil, under(err, fmt.Sprintf("[%d]", i))
		}
	}
	return out, nil
}

// copyValue copies one value deeply. What cannot be changed in place is its own copy.
func copyValue(v any, lim bounds, left *int) (any, error) {
	if *left--; *left < 0 {
		return nil, ErrMessageTooLarge
	}
	switch v := v.(type) {
	case nil, string, bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64,
		float32, float64, time.Time, time.Duration, json.Number, Product, Address:
		return v, nil
	case map[string]any:
		return copyMap(v, lim, left)
	case Properties:
		return copyMap(v, lim, left)
	case Traits:
		return copyMap(v, lim, left)
	case Integrations:
		return copyMap(v, lim, left)
	case []any:
		return copyList(v, lim, left, copyValue)
	case []map[string]any:
		return copyList(v, lim, left, copyMap[map[string]any])
	case []Properties:
		return copyList(v, lim, left, copyMap[Properties])
	case []Traits:
		return copyList(v, lim, left, copyMap[Traits])
	case []string:
		return slices.Clone(v), nil
	case []int:
		return slices.Clone(v), nil
	case []float64:
		return slices.Clone(v), nil
	case []byte:
		return slices.Clone(v), nil
	case []Product:
		return slices.Clone(v), nil
	case Company:
		var err error
		v.ID, err = copyValue(v.ID, lim, left)
		return v, under(err, "id")
	}
	doc, err := appendValue(nil, v, bounds{max: maxCopied, depth: lim.depth})
	if err != nil {
		return nil, err
	}
	return decoded(doc)
}

// decoded reads JSON of our own making back, keeping the digits of numbers.
func decoded(doc []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, &FieldError{Reason: "cannot be copied for BeforeEnqueue", err: err}
	}
	return v, nil
}
