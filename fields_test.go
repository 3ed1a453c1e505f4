// Fields of every kind: what is sent, what is absent, what is refused, what a hook gets.

package analytics

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// foreign is a Fields of somebody else's.
type foreign func(b []byte) ([]byte, error)

func (f foreign) AppendJSON(b []byte) ([]byte, error) { return f(b) }

func says(doc string) foreign {
	return func(b []byte) ([]byte, error) { return append(b, doc...), nil }
}

// signedUp is a typed event, the way Fields recommends them.
type signedUp struct{ Plan string }

func (e *signedUp) AppendJSON(b []byte) ([]byte, error) {
	return Attrs(slog.String("plan", e.Plan)).AppendJSON(b)
}

type embedding struct{ Fields }

func TestAppendFieldsPresent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		f    Fields
		want string
	}{
		"properties":         {Properties{"a": 1}, `{"a":1}`},
		"pointer":            {&Properties{"a": 1}, `{"a":1}`},
		"traits":             {Traits{"a": nil}, `{"a":null}`},
		"attrs":              {Attrs(slog.Int("a", 1)), `{"a":1}`},
		"struct":             {Struct(seat{Row: 1}), `{"row":1,"price":0}`},
		"struct pointer":     {Struct(&seat{Row: 1}), `{"row":1,"price":0}`},
		"struct of a map":    {Struct(map[string]int{"a": 1}), `{"a":1}`},
		"struct of fields":   {Struct(Attrs(slog.Int("a", 1))), `{"a":1}`},
		"struct of product":  {Struct(Product{SKU: "s"}), `{"sku":"s"}`},
		"raw message":        {Struct(json.RawMessage(` {"n": 9007199254740993.10} `)), `{"n":9007199254740993.10}`},
		"typed event":        {&signedUp{Plan: "pro"}, `{"plan":"pro"}`},
		"foreign":            {says(" {\"a\":[1,\"}\"]}\n"), `{"a":[1,"}"]}`},
		"foreign, bad utf-8": {says("{\"a\":\"\xff\"}"), "{\"a\":\"\ufffd\"}"},
		"foreign, own array": {foreign(func([]byte) ([]byte, error) { return []byte(`{"a":1}`), nil }), `{"a":1}`},
		"embedding":          {embedding{Properties{"a": 1}}, `{"a":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, room := range []int{0, 1000} {
				out, present, err := appendFields(append(make([]byte, 0, 6+room), "before"...), tc.f, bounds{max: 100})
				require.NoError(t, err)
				require.True(t, present)
				require.Equal(t, "before"+tc.want, string(out))
			}
			alone, err := json.Marshal(Struct(tc.f))
			require.NoError(t, err)
			require.JSONEq(t, tc.want, string(alone))
		})
	}
}

func TestAppendFieldsAbsent(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]Fields{
		"nil": nil, "nil properties": Properties(nil), "nil pointer": (*Properties)(nil), "nil event": (*signedUp)(nil),
		"empty": Properties{}, "empty traits": Traits{}, "no attrs": Attrs(), "empty group": Attrs(slog.Group("g")),
		"struct of nil": Struct(nil), "struct of nil pointer": Struct((*seat)(nil)), "struct of nil map": Struct(map[string]any(nil)),
		"struct of typed nil map": Struct(map[string]int(nil)), "empty struct": Struct(struct{}{}), "null": Struct(json.RawMessage("null")),
		"no raw message": Struct(json.RawMessage(nil)), "foreign nothing": says(""), "foreign empty": says("{}"),
	} {
		out, present, err := appendFields([]byte("before"), f, bounds{})
		require.NoError(t, err, name)
		require.False(t, present, name)
		require.Equal(t, "before", string(out), name)

		private, err := copyFields(f)
		require.NoError(t, err, name)
		require.Empty(t, private, name)
		if v := reflect.ValueOf(f); f != nil && (v.Kind() != reflect.Pointer || !v.IsNil()) && !strings.HasPrefix(name, "foreign") {
			alone, err := f.AppendJSON([]byte("before"))
			require.NoError(t, err, name)
			require.Equal(t, "before{}", string(alone), name)
		}
	}
}

func TestAppendFieldsRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		f      Fields
		reason string
	}{
		"NaN":                {Attrs(slog.Float64("x", math.NaN())), "x: NaN is not a JSON number"},
		"struct of a string": {Struct("secret"), "string is not an object in JSON"},
		"struct of a list":   {Struct([]int{4111}), "[]int is not an object in JSON"},
		"struct of a time":   {Struct(time.Now()), "time.Time is not an object in JSON"},
		"raw list":           {Struct(json.RawMessage(`[1]`)), "json.RawMessage is not an object in JSON"},
		"raw rubbish":        {Struct(json.RawMessage(`{"a":secret}`)), "marshalling of json.RawMessage failed"},
		"list":               {says(`["secret"]`), "did not append one JSON object"},
		"two objects":        {says(`{"a":1}{"b":2}`), "did not append one JSON object"},
		"torn object":        {says(`{"secret":`), "did not append one JSON object"},
		"null":               {says(`null`), "did not append one JSON object"},
		"error":              {foreign(func([]byte) ([]byte, error) { return nil, io.ErrNoProgress }), "AppendJSON of analytics.foreign failed"},
		"panic":              {foreign(func([]byte) ([]byte, error) { panic("secret") }), "AppendJSON of analytics.foreign panicked"},
		"embedded nil":       {embedding{}, "AppendJSON of analytics.embedding panicked"},
		"our own error":      {foreign(Attrs(slog.Any("x", make(chan int))).AppendJSON), "x: chan int has no form in JSON"},
		"too deep":           {says(strings.Repeat(`{"a":`, 1001) + "1" + strings.Repeat("}", 1001)), reasonDepth},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := []byte("before")
			out, present, err := appendFields(before, tc.f, bounds{})
			var fe *FieldError
			require.ErrorAs(t, err, &fe)
			require.ErrorContains(t, err, tc.reason)
			require.NotContains(t, err.Error(), "secret")
			require.NotContains(t, err.Error(), "4111")
			require.False(t, present)
			require.Equal(t, "before", string(out))
			_, err = copyFields(tc.f)
			require.ErrorAs(t, err, &fe)
		})
	}
	_, _, err := appendFields(nil, foreign(func([]byte) ([]byte, error) { return nil, io.ErrNoProgress }), bounds{})
	require.ErrorIs(t, err, io.ErrNoProgress)
	_, _, err = appendFields(nil, says(`{"a":"`+strings.Repeat("x", 100)+`"}`), bounds{max: 50})
	require.ErrorIs(t, err, ErrMessageTooLarge)
}

func TestForeignFieldsCannotTouchTheMessage(t *testing.T) {
	t.Parallel()
	b := append(make([]byte, 0, 100), `{"userId":"a"`...)
	_, _, err := appendFields(b, foreign(func(b []byte) ([]byte, error) {
		require.Empty(t, b)
		return append(b, `{"a":1}`...), nil
	}), bounds{})
	require.NoError(t, err)
	require.Equal(t, `{"userId":"a"`, string(b))
}

func TestCopyFieldsSharesNothing(t *testing.T) {
	t.Parallel()
	inner := map[string]any{"n": 1}
	tags := []string{"a"}
	p := Properties{
		"inner": inner, "list": []any{inner}, "tags": tags, "products": []Product{{SKU: "s"}}, "rows": []Properties{inner},
		"seat": &seat{Row: 1}, "company": Company{ID: inner}, "bytes": []byte("x"), "err": errors.New("no"), "f": 1.5, "n": nil,
		"at": time.Unix(0, 0), "nil": map[string]any(nil), "maps": []map[string]any{inner}, "ids": []int{1}, "xs": []float64{1},
	}
	private, err := copyFields(p)
	require.NoError(t, err)
	want, err := json.Marshal(private)
	require.NoError(t, err)

	inner["n"], tags[0] = 2, "b"
	p["products"].([]Product)[0].SKU = "other"
	p["seat"].(*seat).Row = 2
	p["bytes"].([]byte)[0] = 'y'
	p["ids"].([]int)[0], p["xs"].([]float64)[0] = 2, 2

	got, err := json.Marshal(private)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
	require.Equal(t, []string{"a"}, private["tags"], "basic types are kept")
	require.Equal(t, map[string]any{"row": json.Number("1"), "price": json.Number("0")}, private["seat"])
	require.Equal(t, "no", private["err"])

	private, err = copyFields(Struct(json.RawMessage(`{"n":9007199254740993}`)))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"n": json.Number("9007199254740993")}, private)
}

func TestCopyFieldsEnds(t *testing.T) {
	t.Parallel()
	cyclic := Properties{}
	cyclic["self"] = []any{cyclic}
	_, err := copyFields(cyclic)
	require.ErrorContains(t, err, "self[0].self[0].self")
	require.ErrorContains(t, err, reasonDepth)

	twice := any("leaf")
	for range 60 {
		twice = []any{twice, twice}
	}
	for _, f := range []Fields{Properties{"x": twice}, Attrs(slog.Any("x", twice))} {
		_, err = copyFields(f)
		require.ErrorIs(t, err, ErrMessageTooLarge)
	}
}
