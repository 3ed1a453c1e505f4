// Reading a Context back, from JSON or from an object in a map.

package analytics

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// UnmarshalJSON reads a context object. Nothing in it is lost: what no field is
// for, or does not fit its field, as a number with more digits than a float64
// keeps, goes to Extra under its own name. It replaces all of c; null
// changes nothing, and anything else but an object is an error.
func (c *Context) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		return &FieldError{Field: "context", Reason: "is not a JSON object", err: err}
	}
	if object != nil {
		*c = *contextOf(object)
	}
	return nil
}

// contextOf returns object as a Context. It does not write to object, but the
// Context may share values with it.
func contextOf(object map[string]any) *Context {
	c := &Context{}
	setStruct(reflect.ValueOf(c).Elem(), object)
	return c
}

// setStruct sets the fields of s from the members of object that fit, and
// returns the others, unless s has an Extra to hold them. Only what the encoder
// would write in just the same way fits.
func setStruct(s reflect.Value, object map[string]any) (rest map[string]any) {
	fields := make(map[string]reflect.Value, s.NumField())
	extra := reflect.Value{}
	for i := range s.NumField() {
		name, _, _ := strings.Cut(s.Type().Field(i).Tag.Get("json"), ",")
		if name == "-" {
			extra = s.Field(i)
			continue
		}
		fields[name] = s.Field(i)
	}
	for key, v := range object {
		field, ok := fields[key]
		switch {
		case !ok:
			put(&rest, key, v)
		case field.Kind() == reflect.Struct:
			members, ok := asObject(v)
			if !ok || len(members) == 0 {
				put(&rest, key, v)
			} else if over := setStruct(field, members); over != nil {
				put[map[string]any, any](&rest, key, over)
			}
		case !setField(field, v):
			put(&rest, key, v)
		}
	}
	if extra.IsValid() && rest != nil {
		extra.Set(reflect.ValueOf(rest))
		return nil
	}
	return rest
}

// setField sets f to v and reports whether v fits. What the encoder would leave
// out, as an empty string, does not: it was sent, and it stays.
func setField(f reflect.Value, v any) bool {
	switch p := f.Addr().Interface().(type) {
	case *string:
		*p, _ = v.(string)
		return *p != ""
	case *bool:
		*p, _ = v.(bool)
		return *p
	case **bool:
		b, ok := v.(bool)
		if ok {
			*p = &b
		}
		return ok
	case *float64:
		n, ok := asFloat(v)
		if ok && n != 0 {
			*p = n
		}
		return *p != 0
	case **float64:
		n, ok := asFloat(v)
		if ok {
			*p = &n
		}
		return ok
	case *int:
		n, ok := asFloat(v)
		if ok && n == float64(int(n)) {
			*p = int(n)
		}
		return *p != 0
	case *Traits:
		object, _ := asObject(v)
		*p = object
		return len(object) > 0
	case *map[string]bool:
		return setPreferences(p, v)
	case *[]ExternalID:
		return setList(p, v)
	case *[]UserAgentBrand:
		return setList(p, v)
	}
	return false
}

// asFloat returns v as a number when that keeps every digit of it.
func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), int(float64(v)) == v
	case json.Number:
		n, err := v.Float64()
		return n, err == nil && strconv.FormatFloat(n, 'f', -1, 64) == v.String()
	}
	return 0, false
}

func setPreferences(p *map[string]bool, v any) bool {
	object, _ := asObject(v)
	preferences := make(map[string]bool, len(object))
	for key, v := range object {
		agreed, ok := v.(bool)
		if !ok {
			return false
		}
		preferences[key] = agreed
	}
	if len(object) == 0 {
		return false
	}
	*p = preferences
	return true
}

// setList sets p to v when every element of it fits entirely.
func setList[T any](p *[]T, v any) bool {
	values, _ := v.([]any)
	list := make([]T, len(values))
	for i, v := range values {
		object, ok := asObject(v)
		if !ok || setStruct(reflect.ValueOf(&list[i]).Elem(), object) != nil {
			return false
		}
	}
	if len(list) == 0 {
		return false
	}
	*p = list
	return true
}
