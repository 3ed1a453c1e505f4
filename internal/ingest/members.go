// A walk over the members of a JSON object, one level at a time.

package ingest

import (
	"bytes"
	"encoding/json"
	"iter"
	"unicode/utf8"
)

// All of this file is for text that json.Valid has passed: nothing is checked a
// second time, and other text may panic. Each function looks at every byte at
// most once, and none recurses.

// members yields the members of the object raw in the order they stand, a
// repeated key each time; who keeps the last one has what encoding/json has. It
// yields nothing when raw is not an object. Keys are decoded. A value is its
// text without the space around it, so its first byte tells its type; it shares
// memory with raw, and so may the key.
func members(raw []byte) iter.Seq2[[]byte, json.RawMessage] {
	return func(yield func([]byte, json.RawMessage) bool) {
		i := skipSpace(raw, 0)
		if !isObject(raw[i:]) {
			return
		}
		for i = skipSpace(raw, i+1); raw[i] != '}'; i = nextItem(raw, i) {
			end := skipValue(raw, i)
			key := plainText(raw[i:end])
			i = skipSpace(raw, skipSpace(raw, end)+1) // past the colon
			end = skipValue(raw, i)
			if !yield(key, raw[i:end:end]) {
				return
			}
			i = end
		}
	}
}

// elements yields the elements of the array raw, as members yields values.
func elements(raw []byte) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		i := skipSpace(raw, 0)
		if i == len(raw) || raw[i] != '[' {
			return
		}
		for i = skipSpace(raw, i+1); raw[i] != ']'; i = nextItem(raw, i) {
			end := skipValue(raw, i)
			if !yield(raw[i:end:end]) {
				return
			}
			i = end
		}
	}
}

// nextItem returns where the next member or element begins after one that ends
// at i, or where the bracket is that closes them.
func nextItem(raw []byte, i int) int {
	if i = skipSpace(raw, i); raw[i] == ',' {
		i = skipSpace(raw, i+1)
	}
	return i
}

func skipSpace(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\n' || raw[i] == '\t' || raw[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns where the value ends that begins at i.
func skipValue(raw []byte, i int) int {
	switch raw[i] {
	case '"':
		return skipString(raw, i)
	case '{', '[':
		return skipNested(raw, i)
	}
	for i < len(raw) {
		switch raw[i] {
		case ',', ']', '}', ' ', '\n', '\t', '\r':
			return i
		}
		i++
	}
	return i
}

func skipNested(raw []byte, i int) int {
	for depth := 0; ; i++ {
		switch raw[i] {
		case '"':
			i = skipString(raw, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

func skipString(raw []byte, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// deeperThan reports whether raw nests more than limit objects and arrays. Alone
// here it takes any text, so that depth is refused before anything descends.
func deeperThan(limit int, raw []byte) bool {
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			for i++; i < len(raw) && raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > limit {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// plainText decodes the string raw; without escapes it is a part of raw.
func plainText(raw []byte) []byte {
	inside := raw[1 : len(raw)-1]
	if bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
		return inside
	}
	return []byte(text(raw))
}

// text decodes raw when it is a string; else it returns "". The result is a copy.
func text(raw []byte) string {
	if len(raw) == 0 || raw[0] != '"' {
		return ""
	}
	inside := raw[1 : len(raw)-1]
	if bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
		return string(inside)
	}
	var s string
	_ = json.Unmarshal(raw, &s) // a valid string decodes
	return s
}

// isText reports whether raw is a string with something in it.
func isText(raw []byte) bool { return len(raw) > len(`""`) && raw[0] == '"' }

// isObject reports whether raw is an object.
func isObject(raw []byte) bool { return len(raw) > 0 && raw[0] == '{' }

// isNumber reports whether raw is a number.
func isNumber(raw []byte) bool {
	return len(raw) > 0 && (raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9')
}

// absent reports whether raw is missing, or null, which counts as missing.
func absent(raw []byte) bool { return len(raw) == 0 || raw[0] == 'n' }
