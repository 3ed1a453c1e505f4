// Scalars of JSON: strings, times, numbers and bytes, appended as encoding/json writes them.

package analytics

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// appendString appends s quoted. Only what JSON requires is escaped, and U+2028 and
// U+2029, which end a line of JavaScript. A byte that is no UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	if !plain(s) {
		return appendEscaped(b, s)
	}
	at := len(b)
	b = slices.Grow(b, len(s)+2)[:at+len(s)+2]
	b[at] = '"'
	copy(b[at+1:], s)
	b[at+1+len(s)] = '"'
	return b
}

// plain reports whether s needs no escape and is ASCII, as nearly all strings are. It
// looks at eight bytes at a time; the last eight may have been looked at before.
func plain(s string) bool {
	p := []byte(s) // no copy: it is only read
	n := len(p)
	switch {
	case n >= 8:
		for i := 0; i+8 < n; i += 8 {
			if suspect(binary.LittleEndian.Uint64(p[i:])) {
				return false
			}
		}
		return !suspect(binary.LittleEndian.Uint64(p[n-8:]))
	case n >= 4:
		return !suspect(uint64(binary.LittleEndian.Uint32(p))<<32 | uint64(binary.LittleEndian.Uint32(p[n-4:])))
	}
	for _, c := range p {
		if c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// suspect reports whether one of the eight bytes of w is no ASCII, a control character,
// a quote or a backslash.
func suspect(w uint64) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	// A byte's high bit is set where it is one of these: ^2 makes a quote a space and of
	// no other character one below '!'. A borrow may also set it in the byte above such a
	// one, which changes nothing.
	return (w|(w^2*ones-'!'*ones)|(w^'\\'*ones-ones))&highs != 0
}

// appendEscaped is appendString for a string that may need escapes.
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0 // s[start:i] is still to be copied
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = utf8.AppendRune(append(b, s[start:i]...), utf8.RuneError)
			start = i + size
		case r == '\u2028' || r == '\u2029':
			b = append(append(b, s[start:i]...), '\\', 'u', '2', '0', '2', hex[r&0xF])
			start = i + size
		}
		i += size
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// appendTime appends t quoted, RFC 3339 with nanoseconds, as encoding/json does. A
// year outside 0..9999 or a zone of 24 hours and more is a *FieldError.
func appendTime(b []byte, t time.Time) ([]byte, error) {
	start := len(b)
	out, err := t.AppendText(append(b, '"'))
	if err != nil {
		reason := "time whose zone is 24 hours or more from UTC"
		if year := t.Year(); year < 0 || year > 9999 {
			reason = "time whose year is outside 0..9999"
		}
		return b[:start], &FieldError{Reason: reason, err: err}
	}
	return append(out, '"'), nil
}

// stamp appends times that lie close together, as those of calls do, for a fifth of what
// appendTime needs. The zero value is ready; one goroutine may use it at a time.
type stamp struct {
	second int64 // since 1970, of text
	text   [len(`"2006-01-02T15:04:05Z"`)]byte
}

// append appends t as appendTime appends t.UTC().
func (s *stamp) append(b []byte, t time.Time) ([]byte, error) {
	if second := t.Unix(); second != s.second || s.text[0] == 0 {
		text, err := appendTime(s.text[:0], t.UTC().Truncate(time.Second))
		if err != nil {
			return b, err
		}
		copy(s.text[:], text)
		s.second = second
	}
	b = append(b, s.text[:len(s.text)-2]...)
	if n := t.Nanosecond(); n > 0 {
		b = append(b, ".000000000"...)
		for i := len(b) - 1; n > 0; i, n = i-1, n/10 {
			b[i] += byte(n % 10)
		}
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return append(b, 'Z', '"'), nil
}

// appendFloat appends f as encoding/json does: the shortest digits that read back to
// the same float of that many bits. NaN and the infinities are a *FieldError.
func appendFloat(b []byte, f float64, bits int) ([]byte, error) {
	if math.IsNaN(f) {
		return b, &FieldError{Reason: "NaN is not a JSON number", err: notANumber(f)}
	}
	if math.IsInf(f, 0) {
		return b, &FieldError{Reason: "infinity is not a JSON number", err: notANumber(f)}
	}
	if bits == 64 { // the digits of a float32 may be fewer than those of its value
		if out, ok := appendCents(b, f); ok {
			return out, nil
		}
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 {
		if bits == 64 && (abs < 1e-6 || abs >= 1e21) ||
			bits == 32 && (float32(abs) < 1e-6 || float32(abs) >= 1e21) {
			format = 'e'
		}
	}
	b = strconv.AppendFloat(b, f, format, -1, bits)
	if n := len(b); format == 'e' && n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
		b[n-2] = b[n-1] // 1e-07 is written 1e-7
		b = b[:n-1]
	}
	return b, nil
}

// notANumber is what encoding/json says of f.
func notANumber(f float64) error {
	return &json.UnsupportedValueError{Value: reflect.ValueOf(f), Str: strconv.FormatFloat(f, 'g', -1, 64)}
}

// appendCents appends a number with at most two decimals, as amounts of money and
// counts are: several times faster than finding the shortest digits of any float. A
// decimal of at most 15 digits is the only one so short that reads back to its float,
// so without its last zeros it is the shortest. It returns false for other numbers.
func appendCents(b []byte, f float64) ([]byte, bool) {
	const most = 1e13 // 15 digits with the decimals
	if !(f > -most && f < most) || f == 0 {
		return b, false // 0 has a sign
	}
	abs := math.Abs(f)
	cents := int64(abs*100 + 0.5)
	if float64(cents)/100 != abs {
		return b, false
	}
	if f < 0 {
		b = append(b, '-')
	}
	b = strconv.AppendInt(b, cents/100, 10)
	switch tens, ones := byte(cents/10%10), byte(cents%10); {
	case ones != 0:
		b = append(b, '.', '0'+tens, '0'+ones)
	case tens != 0:
		b = append(b, '.', '0'+tens)
	}
	return b, true
}

// appendNumber appends the digits of n as they are. "" is 0, as in encoding/json.
func appendNumber(b []byte, n json.Number) ([]byte, error) {
	if n == "" {
		return append(b, '0'), nil
	}
	if !isNumber(string(n)) {
		return b, &FieldError{Reason: "json.Number that is not a JSON number"}
	}
	return append(b, n...), nil
}

// isNumber reports whether s is a number of the JSON grammar (RFC 8259, section 6).
func isNumber(s string) bool {
	digits := func() bool { // takes one digit or more
		rest := strings.TrimLeft(s, "0123456789")
		taken := len(s) - len(rest)
		s = rest
		return taken > 0
	}
	s = strings.TrimPrefix(s, "-")
	if strings.HasPrefix(s, "0") {
		s = s[1:]
	} else if !digits() {
		return false
	}
	if strings.HasPrefix(s, ".") {
		if s = s[1:]; !digits() {
			return false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if !digits() {
			return false
		}
	}
	return s == ""
}

// appendBase64 appends bytes as encoding/json does.
func appendBase64(b, data []byte, lim bounds) ([]byte, error) {
	if data == nil {
		return append(b, "null"...), nil
	}
	if lim.exceeded(b, base64.StdEncoding.EncodedLen(len(data))+2) {
		return b, ErrMessageTooLarge
	}
	b = base64.StdEncoding.AppendEncode(append(b, '"'), data)
	return append(b, '"'), nil
}
