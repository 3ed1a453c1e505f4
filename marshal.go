// The way through encoding/json, for values of the caller's own types.

package analytics

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxBlame is how many levels below a failed value the culprit is looked for.
const maxBlame = 32

// appendMarshalled appends what encoding/json makes of v, without escaping HTML. An
// error says which part of v failed; a panic of the caller's marshaller is an error.
func appendMarshalled(b []byte, v any, lim bounds) ([]byte, error) {
	start := len(b)
	out, err := marshal(b, v, lim.max)
	if errors.Is(err, ErrMessageTooLarge) {
		return b, ErrMessageTooLarge
	}
	if err != nil {
		return b, blame(reflect.ValueOf(v), err, nil)
	}
	return tidy(out, start, lim)
}

// tidy makes out[start:], which came from code that is not ours, fit to send: valid
// UTF-8, which no JSON checker of the standard library asks for, and not too deep.
func tidy(out []byte, start int, lim bounds) ([]byte, error) {
	if !utf8.Valid(out[start:]) {
		// Through runes each broken byte becomes one U+FFFD, as when Go decodes the JSON.
		out = append(out[:start], string([]rune(string(out[start:])))...)
	}
	if lim.exceeded(out, 0) {
		return out, ErrMessageTooLarge
	}
	if lim.depth+depthOf(out[start:]) > maxDepth {
		return out, &FieldError{Reason: reasonDepth}
	}
	return out, nil
}

// depthOf counts the levels of valid JSON.
func depthOf(doc []byte) int {
	deepest, depth, quoted := 0, 0, false
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// appender receives the one Write of a json.Encoder at the end of a buffer.
type appender struct {
	b   []byte
	max int
}

func (a *appender) Write(p []byte) (int, error) {
	if a.max > 0 && len(a.b)+len(p)-1 > a.max { // less the newline
		return 0, ErrMessageTooLarge
	}
	a.b = append(a.b, p...)
	return len(p), nil
}

// marshal appends v to b by way of encoding/json, or returns why not: its error, or a
// *FieldError after a panic.
func marshal(b []byte, v any, limit int) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = b, panicked("its marshaller", p)
		}
	}()
	w := appender{b: b, max: limit}
	enc := json.NewEncoder(&w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return b, err
	}
	return w.b[:len(w.b)-1], nil
}

// panicked is what becomes of a panic in the caller's code. The text of a panic may hold
// the value, so it is not repeated; when it is an error it can be reached with errors.As.
func panicked(what string, p any) *FieldError {
	cause, _ := p.(error)
	return &FieldError{Reason: what + " panicked", err: cause}
}

// errorText calls e.Error; nil for a nil pointer, which encoding/json writes as null.
func errorText(e error) (text *string, err error) {
	if v := reflect.ValueOf(e); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, nil
	}
	defer func() {
		if p := recover(); p != nil {
			text, err = nil, panicked(fmt.Sprintf("Error of %T", e), p)
		}
	}()
	s := e.Error()
	return &s, nil
}

// visit is a reference met on the way down to a culprit.
type visit struct {
	kind reflect.Type // a struct and its first field share an address
	at   uintptr
}

// blame turns the error that encoding/json had with v, which names no place, into a
// *FieldError that does: it tries the parts of v until one fails alone, then the parts of
// that one. Only failed calls pay for it.
func blame(v reflect.Value, err error, above []visit) error {
	for {
		if !v.IsValid() || len(above) > maxBlame || marshalsItself(v) {
			return because(err)
		}
		if k := v.Kind(); k == reflect.Pointer || k == reflect.Map || k == reflect.Slice {
			here := visit{v.Type(), v.Pointer()}
			if slices.Contains(above, here) {
				return because(err)
			}
			above = append(above, here)
		}
		if k := v.Kind(); k != reflect.Pointer && k != reflect.Interface {
			break
		}
		v = v.Elem()
	}
	for name, part := range parts(v) {
		if !part.CanInterface() {
			continue
		}
		if part.CanAddr() { // as encoding/json does: a method of the pointer counts too
			part = part.Addr()
		}
		if _, perr := marshal(nil, part.Interface(), 0); perr != nil {
			found := blame(part, perr, above)
			if name != "" {
				found = under(found, name)
			}
			return found
		}
	}
	return because(err)
}

// marshalsItself reports whether encoding/json calls a method of v instead of looking inside.
func marshalsItself(v reflect.Value) bool {
	if !v.CanInterface() {
		return true
	}
	switch v.Interface().(type) {
	case json.Marshaler, encoding.TextMarshaler:
		return true
	}
	return false
}

// parts yields what stands inside v with its name in JSON, "" for what is inlined.
func parts(v reflect.Value) func(yield func(string, reflect.Value) bool) {
	return func(yield func(string, reflect.Value) bool) {
		switch v.Kind() {
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				if !yield("["+strconv.Itoa(i)+"]", v.Index(i)) {
					return
				}
			}
		case reflect.Map:
			for it := v.MapRange(); it.Next(); {
				name := "[key]"
				if k := it.Key(); k.Kind() == reflect.String {
					name = k.String()
				} else if k.CanInt() {
					name = strconv.FormatInt(k.Int(), 10)
				}
				if !yield(name, it.Value()) {
					return
				}
			}
		case reflect.Struct:
			for i := range v.NumField() {
				f := v.Type().Field(i)
				tag := f.Tag.Get("json")
				name, _, _ := strings.Cut(tag, ",")
				switch {
				case tag == "-":
					continue
				case name == "" && !f.Anonymous:
					name = f.Name
				}
				if !yield(name, v.Field(i)) {
					return
				}
			}
		}
	}
}

// because words the error of encoding/json without what may hold the value, and keeps
// the error itself for errors.Is and errors.As.
func because(err error) error {
	var inner *FieldError
	if errors.As(err, &inner) { // a panic, or a marshaller built on ours
		found := *inner
		if found.err == nil && err != error(inner) {
			found.err = err
		}
		return &found
	}
	reason := "cannot be encoded as JSON"
	switch err := err.(type) {
	case *json.UnsupportedTypeError:
		reason = err.Type.String() + " has no form in JSON"
	case *json.UnsupportedValueError:
		reason = reasonDepth
		if k := err.Value.Kind(); k == reflect.Float32 || k == reflect.Float64 {
			reason = err.Str + " is not a JSON number"
		}
	case *json.MarshalerError:
		reason = "marshalling of " + nameOf(err.Type) + " failed"
	}
	return &FieldError{Reason: reason, err: err}
}

// nameOf names a type as the caller wrote it: releases of encoding/json differ in
// whether they blame the type or a pointer to it, and in what a RawMessage is.
func nameOf(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[json.RawMessage]() {
		return "json.RawMessage"
	}
	return t.String()
}
