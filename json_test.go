// The encoder against encoding/json, its errors, its limits and its promise not to allocate.

package analytics

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type plan string

type (
	level  int16
	ratio  float32
	mask   uint8
	toggle bool
)

type seat struct {
	Row   int     `json:"row"`
	Price float64 `json:"price"`
	Extra any     `json:"extra,omitempty"`
}

// Seat is embedded, so its field stands among those of the outer struct.
type Seat struct {
	N float64 `json:"n"`
}

type ring struct {
	Next *ring `json:"next"`
}

type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return nil, io.ErrUnexpectedEOF }

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("4111-1111") }

type panickingError struct{}

func (*panickingError) Error() string { panic(io.ErrNoProgress) }

// byPointer has its marshaller on the pointer: encoding/json calls it for elements of a
// slice, which have an address, and not for a plain value.
type byPointer struct{ n int }

func (p *byPointer) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%d", p.n), nil }

func addr[T any](v T) *T { return &v }

func nested(levels int) any {
	var v any = "bottom"
	for range levels {
		v = map[string]any{"in": v}
	}
	return v
}

func TestAppendValueGolden(t *testing.T) {
	t.Parallel()
	text, number := "t", 7
	for name, tc := range map[string]struct {
		v    any
		want string
	}{
		"quotes and controls": {"a\"b\\c/\n\r\t\x00\x1f\x7f\b\f", `"a\"b\\c/\n\r\t\u0000\u001f` + "\x7f" + `\u0008\u000c"`},
		"html is left alone":  {"<a href='x'>&</a>", `"<a href='x'>&</a>"`},
		"unicode":             {"żółw 🐢 \u00a0", `"żółw 🐢 ` + "\u00a0" + `"`},
		"line separators":     {"a\u2028b\u2029", `"a\u2028b\u2029"`},
		"invalid utf-8":       {"a\xffb\xc3", `"a` + "\ufffd" + `b` + "\ufffd" + `"`},
		"a real U+FFFD":       {"\ufffd", `"` + "\ufffd" + `"`},
		"big integer":         {int64(9007199254740993), `9007199254740993`},
		"biggest integer":     {uint64(math.MaxUint64), `18446744073709551615`},
		"digits are kept":     {json.Number("9007199254740993.10"), `9007199254740993.10`},
		"empty number":        {json.Number(""), `0`},
		"small float":         {1e-7, `1e-7`},
		"tiny float":          {1e-100, `1e-100`},
		"large float":         {1e21, `1e+21`},
		"plain float":         {1e20, `100000000000000000000`},
		"a tenth":             {0.1, `0.1`},
		"a tenth of 32 bits":  {float32(0.1), `0.1`},
		"negative zero":       {math.Copysign(0, -1), `-0`},
		"duration":            {time.Second, `1000000000`},
		"time":                {time.Date(2026, 9, 1, 12, 0, 0, 120, time.FixedZone("", 7200)), `"2026-09-01T12:00:00.00000012+02:00"`},
		"named string":        {plan("pro"), `"pro"`},
		"error":               {fmt.Errorf("pay: %w", io.EOF), `"pay: EOF"`},
		"nil error pointer":   {(*panickingError)(nil), `null`},
		"errors in a map":     {map[string]any{"why": io.EOF}, `{"why":"EOF"}`},
		"text marshaller":     {netip.MustParseAddr("192.0.2.1"), `"192.0.2.1"`},
		"pointer receiver":    {[]byPointer{{1}, {2}}, `[1,2]`},
		"integers":            {[]any{int8(-8), int16(-16), int32(-32), uint(1), uint8(8), uint16(16), uint32(32)}, `[-8,-16,-32,1,8,16,32]`},
		"named kinds":         {[]any{level(3), ratio(0.5), mask(7), toggle(true)}, `[3,0.5,7,true]`},
		"typed lists":         {[]any{[]int{1, 2}, []Traits{{"a": 1}}, []map[string]any{nil}, map[string]string(nil)}, `[[1,2],[{"a":1}],[null],null]`},
		"integrations":        {Integrations{"All": true}, `{"All":true}`},
		"more pointers":       {[]any{addr(true), addr(int64(5)), addr(0.5), addr(time.Unix(0, 0).UTC())}, `[true,5,0.5,"1970-01-01T00:00:00Z"]`},
		"pointers":            {[]any{&text, &number, (*string)(nil), (*time.Time)(nil)}, `["t",7,null,null]`},
		"nil containers":      {[]any{map[string]any(nil), []any(nil), []string(nil), Properties(nil), []byte(nil), nil}, `[null,null,null,null,null,null]`},
		"empty containers":    {[]any{map[string]any{}, []any{}, []string{}, Traits{}, []byte{}}, `[{},[],[],{},""]`},
		"bytes":               {[]byte("hello"), `"aGVsbG8="`},
		"raw message":         {json.RawMessage(`{"n": 1.50}`), `{"n":1.50}`},
		"raw invalid utf-8":   {json.RawMessage("\"\xff\xfe\""), "\"\ufffd\ufffd\""},
		"struct, no html":     {seat{Row: 1, Price: 2.5, Extra: "<&>"}, `{"row":1,"price":2.5,"extra":"<&>"}`},
		"lists of maps":       {[]Properties{{"a": 1}, nil}, `[{"a":1},null]`},
		"product":             {[]Product{{ProductID: "p", Price: 9.5, Quantity: 2, Position: 3}, {}}, `[{"product_id":"p","price":9.5,"quantity":2,"position":3},{}]`},
		"address":             {Address{City: "Łódź", PostalCode: "90-001"}, `{"city":"Łódź","postalCode":"90-001"}`},
		"company":             {Company{Name: "Acme", ID: 42, EmployeeCount: 9}, `{"name":"Acme","id":42,"employee_count":9}`},
		"fields inside":       {map[string]any{"f": Struct(nil)}, `{"f":{}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := appendValue([]byte("before"), tc.v, bounds{})
			require.NoError(t, err)
			require.Equal(t, "before"+tc.want, string(got))
			require.True(t, json.Valid(got[len("before"):]), "%s", got)
		})
	}
}

func TestAppendValueErrorsNameThePathAndNotTheValue(t *testing.T) {
	t.Parallel()
	loop := &ring{}
	loop.Next = loop
	list := []any{nil}
	list[0] = list
	for name, tc := range map[string]struct {
		v             any
		field, reason string
	}{
		"NaN":                  {map[string]any{"products": []any{1, 2, Properties{"price": math.NaN()}}}, "products[2].price", "NaN is not a JSON number"},
		"infinity":             {[]float64{1, math.Inf(-1)}, "[1]", "infinity is not a JSON number"},
		"float32":              {float32(math.NaN()), "", "NaN is not a JSON number"},
		"in a product":         {map[string]any{"products": []Product{{}, {Price: math.NaN()}}}, "products[1].price", "NaN is not a JSON number"},
		"in a company":         {map[string]any{"company": Company{ID: math.NaN()}}, "company.id", "NaN is not a JSON number"},
		"in a struct":          {map[string]any{"seats": []seat{{}, {Price: math.Inf(1)}}}, "seats[1].price", "+Inf is not a JSON number"},
		"deep in a struct":     {&seat{Extra: map[string]seat{"x": {Extra: make(chan int)}}}, "extra.x.extra", "chan int has no form in JSON"},
		"channel":              {map[string]any{"c": make(chan int)}, "c", "chan int has no form in JSON"},
		"func":                 {map[string]any{"f": func() {}}, "f", "func() has no form in JSON"},
		"complex":              {complex(1, 2), "", "complex128 has no form in JSON"},
		"number":               {json.Number("0x1F"), "", "json.Number that is not a JSON number"},
		"year":                 {map[string]any{"t": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "t", "time whose year is outside 0..9999"},
		"zone":                 {time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 24*3600)), "", "time whose zone is 24 hours or more from UTC"},
		"panic":                {map[string]any{"card": panicking{}}, "card", "its marshaller panicked"},
		"panic below a struct": {map[string]any{"seat": seat{Extra: []any{panicking{}}}}, "seat.extra[0]", "its marshaller panicked"},
		"panicking Error":      {map[string]any{"e": new(panickingError)}, "e", "Error of *analytics.panickingError panicked"},
		"failing marshaller":   {map[string]any{"x": failing{}}, "x", "marshalling of analytics.failing failed"},
		"cyclic pointer":       {map[string]any{"ring": loop}, "ring.next", reasonDepth},
		"in a map of numbers":  {map[string]any{"m": map[int]any{7: make(chan int)}}, "m.7", "chan int has no form in JSON"},
		"in an embedded struct": {struct {
			Skipped chan int `json:"-"`
			hidden  chan int
			Seat
		}{Seat: Seat{N: math.NaN()}}, "n", "NaN is not a JSON number"},
		"key with a line feed": {map[string]any{"a\nb": math.NaN()}, `"a\nb"`, "NaN is not a JSON number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := appendValue(nil, tc.v, bounds{})
			var fe *FieldError
			require.ErrorAs(t, err, &fe)
			require.Equal(t, tc.field, fe.Field)
			require.Equal(t, tc.reason, fe.Reason)
			require.NotContains(t, err.Error(), "4111")
		})
	}
	_, err := appendValue(nil, list, bounds{})
	require.ErrorContains(t, err, "[0][0][0]")
	require.ErrorContains(t, err, reasonDepth)
}

func TestAppendValueKeepsTheMarshallersError(t *testing.T) {
	t.Parallel()
	_, err := appendValue(nil, map[string]any{"seats": []seat{{Extra: failing{}}}}, bounds{})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NotContains(t, err.Error(), io.ErrUnexpectedEOF.Error())

	_, err = appendValue(nil, new(panickingError), bounds{})
	require.ErrorIs(t, err, io.ErrNoProgress, "a panic with an error can be found")
}

func TestAppendValueDepth(t *testing.T) {
	t.Parallel()
	for _, levels := range []int{100, maxDepth} {
		b, err := appendValue(nil, nested(levels), bounds{})
		require.NoError(t, err)
		require.Equal(t, levels, depthOf(b))
	}
	_, err := appendValue(nil, nested(maxDepth+1), bounds{})
	require.ErrorContains(t, err, reasonDepth)
	require.LessOrEqual(t, len(err.Error()), maxPath+100, "the path is cut")

	cyclic := map[string]any{}
	cyclic["self"] = cyclic
	_, err = appendValue(nil, cyclic, bounds{})
	require.ErrorContains(t, err, "self.self.self.")
	require.ErrorContains(t, err, reasonDepth)

	raw := json.RawMessage(strings.Repeat("[", 999) + strings.Repeat("]", 999))
	_, err = appendValue(nil, raw, bounds{})
	require.NoError(t, err)
	_, err = appendValue(nil, []any{[]any{raw}}, bounds{})
	require.ErrorContains(t, err, reasonDepth, "levels inside a marshaller's output count")
}

func TestAppendValueStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", 10<<20)
	cyclic := map[string]any{"pad": "some text"}
	cyclic["self"] = cyclic
	twice := any("leaf")
	for range 60 { // 2^60 leaves when written out
		twice = []any{twice, twice}
	}
	for name, v := range map[string]any{
		"string": huge, "key": map[string]any{huge: 1}, "named string": plan(huge), "bytes": []byte(huge), "error": errors.New(huge),
		"text map": map[string]string{"k": huge}, "list": []string{"a", huge}, "product": Product{Name: huge},
		"pointer": &huge, "cyclic": cyclic, "shared": twice, "struct": seat{Extra: huge}, "raw": json.RawMessage(`"` + huge + `"`),
	} {
		b := make([]byte, 10, 2048)
		out, err := appendValue(b, v, bounds{max: 1024})
		require.ErrorIs(t, err, ErrMessageTooLarge, name)
		require.LessOrEqual(t, cap(out), 4096, "%s: was copied before it was refused", name)
	}
	b, err := appendValue([]byte("12345"), "678", bounds{max: 10})
	require.NoError(t, err, "max counts what stood before")
	require.Len(t, b, 10)
	_, err = appendValue(b, 1, bounds{max: 10})
	require.ErrorIs(t, err, ErrMessageTooLarge)
}

func TestUnder(t *testing.T) {
	t.Parallel()
	leaf := &FieldError{Reason: "no"}
	err := under(under(under(leaf, "price"), "[2]"), "products")
	require.EqualError(t, err, "analytics: products[2].price: no")
	require.Empty(t, leaf.Field, "the error given may be shared and is not written to")
	require.Equal(t, io.EOF, under(io.EOF, "key"))
	require.NoError(t, under(nil, "key"))
	long := under(under(leaf, strings.Repeat("ż", 300)), "first")
	require.ErrorContains(t, long, "first.ż")
	require.NotContains(t, long.Error(), "\ufffd")
}

// common is what most calls carry.
func common() Properties {
	return Properties{
		"currency": "USD", "revenue": 39.95, "quantity": 3, "order_id": "order_50314b8e", "repeat": true, "note": nil,
		"at": time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC), "took": time.Second, "exact": json.Number("1.10"),
		"tags": []string{"a", "b"}, "address": map[string]any{"city": "Łódź"}, "scores": []any{1, 2.5},
		"products": []Product{{ProductID: "p1", Price: 1.5}},
	}
}

func TestCommonPathDoesNotAllocate(t *testing.T) {
	b := make([]byte, 0, 4096)
	for name, f := range map[string]Fields{"properties": common(), "traits": Traits(common())} {
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if _, _, err := appendFields(b, f, bounds{max: 4096}); err != nil {
				panic(err)
			}
		}), name)
	}
}

func BenchmarkAppendFields(b *testing.B) {
	buf := make([]byte, 0, 4096)
	var f Fields = common()
	encode := func() {
		if _, _, err := appendFields(buf, f, bounds{max: 4096}); err != nil {
			b.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(10, encode); n != 0 {
		b.Fatalf("%v allocations, want 0", n)
	}
	b.ReportAllocs()
	for b.Loop() {
		encode()
	}
}

func BenchmarkAppendString(b *testing.B) {
	buf := make([]byte, 0, 4096)
	s := strings.Repeat("order_50314b8e9bcf000000000000 ", 4)
	if n := testing.AllocsPerRun(10, func() { appendString(buf, s) }); n != 0 {
		b.Fatalf("%v allocations, want 0", n)
	}
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		appendString(buf, s)
	}
}
