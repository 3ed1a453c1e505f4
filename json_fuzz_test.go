// Fuzz tests: whatever the value, the encoder and encoding/json agree.

package analytics

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// seed makes a Go value of bytes: each byte chooses a kind, those after it the content.
// Errors and Fields, which the encoder writes in its own way on purpose, do not occur.
type seed struct{ data []byte }

func (s *seed) byte() byte {
	if len(s.data) == 0 {
		return 0
	}
	c := s.data[0]
	s.data = s.data[1:]
	return c
}

func (s *seed) word() uint64 {
	var w [8]byte
	n := copy(w[:], s.data)
	s.data = s.data[n:]
	return binary.LittleEndian.Uint64(w[:])
}

func (s *seed) text() string {
	n := min(int(s.byte()%24), len(s.data))
	text := string(s.data[:n])
	s.data = s.data[n:]
	return text
}

// key is valid UTF-8: two broken keys may become one, and which value that one has is
// for a map without order to decide.
func (s *seed) key() string { return strings.ToValidUTF8(s.text(), "?") }

func (s *seed) anyMap(depth int) map[string]any {
	m := map[string]any{}
	for range s.byte() % 4 {
		m[s.key()] = s.value(depth)
	}
	return m
}

func (s *seed) list(depth int) []any {
	list := []any{}
	for range s.byte() % 4 {
		list = append(list, s.value(depth))
	}
	return list
}

func (s *seed) value(depth int) any {
	kind := s.byte()
	if depth <= 0 {
		kind %= 16
	}
	switch kind % 32 {
	case 1:
		return s.text()
	case 2:
		return s.byte()%2 == 0
	case 3:
		return int(s.word())
	case 4:
		return int8(s.byte())
	case 5:
		return s.word()
	case 6:
		return math.Float64frombits(s.word())
	case 7:
		return math.Float32frombits(uint32(s.word()))
	case 8:
		return json.Number(s.text())
	case 9:
		zone := time.FixedZone("", int(int32(s.word()))%(100*3600)/60*60)
		return time.Unix(int64(s.word())>>20, int64(s.byte())).In(zone)
	case 10:
		return time.Duration(s.word())
	case 11:
		return plan(s.text())
	case 12:
		return []byte(s.text())
	case 13:
		return make(chan int)
	case 14:
		text := s.text()
		return &text
	case 15:
		return json.RawMessage(s.text())
	case 16, 17, 18:
		return s.anyMap(depth - 1)
	case 19:
		return Properties(s.anyMap(depth - 1))
	case 20:
		return []Properties{s.anyMap(depth - 1), nil}
	case 21, 22:
		return s.list(depth - 1)
	case 23:
		return []string{s.text(), s.text()}
	case 24:
		return map[string]string{s.key(): s.text()}
	case 25:
		return []float64{math.Float64frombits(s.word())}
	case 26:
		return Product{ProductID: s.text(), Name: s.text(), Price: math.Float64frombits(s.word()), Position: int(s.word())}
	case 27:
		return Company{Name: s.text(), ID: s.value(depth - 1), EmployeeCount: int(s.word())}
	case 28:
		return seat{Row: int(s.word()), Price: math.Float64frombits(s.word()), Extra: s.value(depth - 1)}
	case 29:
		return []seat{{Extra: s.value(depth - 1)}}
	case 30:
		return map[int]any{int(s.byte()): s.value(depth - 1)}
	case 31:
		return []byPointer{{int(s.byte())}}
	}
	return nil
}

func decodeExactly(t *testing.T, doc []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var v any
	require.NoError(t, dec.Decode(&v), "%q", doc)
	require.False(t, dec.More(), "%q", doc)
	return v
}

func FuzzEncoder(f *testing.F) {
	for kind := range 32 {
		f.Add(append([]byte{byte(kind), 5}, "\xff\"\\\u2028 a\x00-0.1e5 123456789<>&"...))
	}
	f.Add([]byte("\x10\x03\x02ab\x15\x03\x01\x04text\x06\x00\x00\x00\x00\x00\x00\xf8\x7f"))
	f.Add([]byte("\x1c\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x7f\x01\x02hi"))
	f.Add([]byte("\x0f\x08\"\xff\xfe\x80abc\"")) // a marshaller's output with broken bytes in a row
	f.Fuzz(func(t *testing.T, data []byte) {
		v := (&seed{data}).value(6)
		want, wantErr := json.Marshal(v)
		got, err := appendValue(nil, v, bounds{})
		if wantErr != nil {
			var fe *FieldError
			require.ErrorAs(t, err, &fe, "encoding/json refused it: %v", wantErr)
			return
		}
		require.NoError(t, err)
		require.Equal(t, decodeExactly(t, want), decodeExactly(t, got), "%s\n%s", want, got)

		var known shapes
		for range 2 {
			same, err := appendValue(nil, v, bounds{known: &known})
			require.NoError(t, err)
			require.Equal(t, string(got), string(same), "with and without known shapes")
		}
		_, err = appendValue(nil, v, bounds{max: len(got)})
		require.NoError(t, err, "a limit that is just met")
		if len(got) > 1 {
			_, err = appendValue(nil, v, bounds{max: len(got) - 1})
			require.ErrorIs(t, err, ErrMessageTooLarge)
		}
		private, err := copyFields(Properties{"v": v})
		require.NoError(t, err)
		again, err := appendValue(nil, private["v"], bounds{})
		require.NoError(t, err)
		require.Equal(t, decodeExactly(t, got), decodeExactly(t, again), "the copy for a hook")
	})
}

func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain", "q\"b\\", "\x00\x1f\x7f", "\u2028\u2029\ufffd", "\xff\xc3\x28\xed\xa0\x80", "🐢<&>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := appendString(nil, s)
		require.True(t, json.Valid(got), "%q", got)
		require.GreaterOrEqual(t, len(got), len(s)+2, "a limit is checked by the length before escaping")
		var back string
		require.NoError(t, json.Unmarshal(got, &back))
		require.Equal(t, strings.Map(func(r rune) rune { return r }, s), back)
		require.False(t, bytes.ContainsAny(got, "\n\r\u2028\u2029"))
	})
}
