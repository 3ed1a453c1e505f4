// Checks: what a name, a write key and a type may be.

package sources

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName    = 100 // characters
	maxKey     = 100 // bytes
	maxSources = 1000

	keyLength   = 32
	keyAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// ParseType returns the type that s names, by its value ("http-api") or its label
// ("HTTP API"), in any case. The error is an *Error of the field "type".
func ParseType(s string) (Type, error) {
	s = strings.TrimSpace(s)
	for _, t := range Types {
		if strings.EqualFold(s, string(t)) || strings.EqualFold(s, t.Label()) {
			return t, nil
		}
	}
	values := make([]string, len(Types))
	for i, t := range Types {
		values[i] = string(t)
	}
	return "", bad("type", "is not one of "+strings.Join(values, ", "))
}

func checkType(t Type) error {
	if !slices.Contains(Types, t) {
		_, err := ParseType("")
		return err
	}
	return nil
}

// checkName returns name as it is kept: without the space around it.
func checkName(name string) (string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", bad("name", "is required")
	case !utf8.ValidString(name):
		return "", bad("name", "is not valid UTF-8")
	case utf8.RuneCountInString(name) > maxName:
		return "", bad("name", fmt.Sprintf("is longer than %d characters", maxName))
	case strings.ContainsFunc(name, breaksLine):
		return "", bad("name", "has a line break or another control character in it")
	case !strings.ContainsFunc(name, unicode.IsPrint):
		return "", bad("name", "has no character that can be seen")
	}
	return name, nil
}

// breaksLine reports whether r is a control character or ends a line without being one.
func breaksLine(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// checkKey refuses what cannot travel as the user name of Basic authentication.
func checkKey(key string) error {
	switch {
	case key == "":
		return bad("key", "is required")
	case len(key) > maxKey:
		return bad("key", fmt.Sprintf("is longer than %d characters", maxKey))
	}
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' || c == ':' {
			return bad("key", "has a space, a colon or a character outside printable ASCII in it")
		}
	}
	return nil
}

// newKey returns a write key that nobody can guess: 190 bits.
func newKey() string {
	key := make([]byte, 0, keyLength)
	for {
		var random [keyLength]byte
		_, _ = rand.Read(random[:]) // never fails, says its documentation
		for _, c := range random {
			// The largest multiple of the alphabet's length in a byte: beyond it some
			// letters would come more often than others.
			if int(c) < 256/len(keyAlphabet)*len(keyAlphabet) {
				key = append(key, keyAlphabet[int(c)%len(keyAlphabet)])
			}
			if len(key) == keyLength {
				return string(key)
			}
		}
	}
}
