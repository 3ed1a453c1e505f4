// Merging of JSON objects that are held in Go maps.

package analytics

import (
	"reflect"
	"time"
)

// maxOverlayKeys ends the walk through maps that contain themselves. A message
// has room for a tenth of it, at five bytes and more for a member.
const maxOverlayKeys = 1 << 16

// overlay merges objects and counts what it has walked over.
type overlay struct{ keys int }

// all returns a new map that holds what the maps hold, the first of them that
// has a key winning. Objects under one key are merged in the same way. The
// error is ErrMessageTooLarge.
func (o *overlay) all(maps []map[string]any) (map[string]any, error) {
	merged := make(map[string]any)
	for i, m := range maps {
		for key := range m {
			if anyHas(maps[:i], key) {
				continue
			}
			v, err := o.value(maps[i:], key)
			if err != nil {
				return nil, err
			}
			merged[key] = v
		}
	}
	return merged, nil
}

// value returns what the maps say under key, which the first of them that has it
// decides: alone, or together with the objects of those below it, down to the
// first that holds something else there.
func (o *overlay) value(maps []map[string]any, key string) (any, error) {
	if o.keys++; o.keys > maxOverlayKeys {
		return nil, ErrMessageTooLarge
	}
	var first any
	var objects []map[string]any
	found := 0
	for _, m := range maps {
		v, ok := m[key]
		if !ok {
			continue
		}
		if found++; found == 1 {
			first = v
			continue
		}
		// Only now is it worth knowing what the first one is.
		if found == 2 {
			object, ok := asObject(first)
			if !ok {
				return first, nil
			}
			objects = append(objects, object)
		}
		object, ok := asObject(v)
		if !ok {
			break
		}
		objects = append(objects, object)
	}
	if len(objects) < 2 {
		return first, nil
	}
	return o.all(objects)
}

// asObject returns v as a map when it encodes as a JSON object. The map may be
// the caller's and must not be written to.
func asObject(v any) (map[string]any, bool) {
	switch v := v.(type) {
	case map[string]any: // null, when it is nil
		return v, v != nil
	case Traits:
		return v, v != nil
	case Properties:
		return v, v != nil
	case nil, time.Time, []any, []string:
		return nil, false
	}
	if isScalar(v) {
		return nil, false
	}
	thawed, _ := thaw(v)
	object, ok := thawed.(map[string]any)
	return object, ok && object != nil
}

// isScalar reports whether v is of a kind that cannot be changed through a copy.
func isScalar(v any) bool {
	kind := reflect.TypeOf(v).Kind()
	return kind <= reflect.Complex128 || kind == reflect.String
}

// thaw returns v as its JSON reads, numbers as json.Number.
func thaw(v any) (any, error) {
	doc, err := appendValue(nil, v, bounds{max: 1 << 20})
	if err != nil {
		return nil, err
	}
	return decoded(doc)
}
