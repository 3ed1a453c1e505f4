// Shapes of maps: what is written does not depend on what was written before.

package analytics

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// written is m as a client writes it that knows the shapes in known.
func written(t *testing.T, m map[string]any, known *shapes) string {
	t.Helper()
	b, err := appendMap(nil, m, bounds{known: known})
	require.NoError(t, err)
	return string(b)
}

// Keys of all lengths around the eight bytes that are compared at once, with equal
// beginnings, and with bytes that need an escape or sort above ASCII.
func TestKeysAreInOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	letters := []string{"a", "b", "_", "\x00", "\"", "é", "z"}
	for range 3000 {
		m := map[string]any{}
		for range random.IntN(ordered + 1) {
			m[strings.Repeat("a", random.IntN(10))+letters[random.IntN(len(letters))]+letters[random.IntN(len(letters))]] = random.IntN(10)
		}
		keys := make([]string, 0, len(m))
		for key := range m {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		var want strings.Builder
		for i, key := range keys {
			fmt.Fprintf(&want, "%s%s:%d", []string{"", ","}[min(i, 1)], appendString(nil, key), m[key])
		}
		require.Equal(t, "{"+want.String()+"}", written(t, m, nil))
	}
}

func TestKnownShapesChangeNothing(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", maxShapeBytes)
	maps := []map[string]any{
		{}, {"a": 1, "b": 2}, {"b": 3, "a": nil}, {"a": 1, "c": 2}, {"a": 1}, {"b": map[string]any{"a": 1, "b": 2}, "a": map[string]any{"b": 1, "a": 2}},
		{"a": map[string]any{"a": map[string]any{"a": map[string]any{"a": map[string]any{"a": 1}}}}},
		{"q\"": 1, "é": 2}, {"q": 1, "e": 2}, {long: 1, "b": 2}, {long: 1}, {"": 1, "b": 2},
		{"list": []any{map[string]any{"a": 1, "b": 2}, map[string]any{"c": 1, "d": 2}, map[string]any{"a": 3, "b": 4}}},
	}
	many := map[string]any{}
	for i := range ordered {
		many[fmt.Sprint("key ", i)] = i
	}
	maps = append(maps, many)
	var known shapes
	random := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		m := maps[random.IntN(len(maps))]
		require.Equal(t, written(t, m, nil), written(t, m, &known))
	}
}

// A known shape is used, and of two that come in turn one stays for some time.
func TestShapesAreKnown(t *testing.T) {
	t.Parallel()
	var known shapes
	a, b := map[string]any{"a": 1, "b": 2}, map[string]any{"c": 1, "d": 2}
	keys := func() string { return string(known.at(1, 2).text) }
	written(t, a, &known)
	require.Equal(t, `"a":"b":`, keys())
	for range 3 {
		written(t, b, &known)
		require.Equal(t, `"a":"b":`, keys())
	}
	written(t, b, &known)
	require.Equal(t, `"c":"d":`, keys())
	var values [ordered]any
	require.True(t, look(known.at(1, 2), b, &values))
	require.Equal(t, []any{1, 2}, values[:2])
	require.False(t, look(known.at(1, 2), a, &values))
	require.Nil(t, known.at(shapeDepths+1, 2), "too deep")
	require.Nil(t, known.at(1, ordered+1), "too many members")
	require.Nil(t, (*shapes)(nil).at(1, 1))
}

// An error names the key whether its shape is known or not, and a limit is met alike.
func TestKnownShapesFailAlike(t *testing.T) {
	t.Parallel()
	var known shapes
	m := map[string]any{"fine": 1, "bad": func() {}}
	_, want := appendMap(nil, m, bounds{})
	require.ErrorContains(t, want, "bad")
	written(t, map[string]any{"fine": 1, "bad": 2}, &known)
	_, err := appendMap(nil, m, bounds{known: &known})
	require.Equal(t, want, err)
	fits := map[string]any{"one": 1, "two": "2"}
	doc, err := json.Marshal(fits)
	require.NoError(t, err)
	for range 2 {
		got, err := appendValue(nil, fits, bounds{known: &known, max: len(doc)})
		require.NoError(t, err)
		require.Equal(t, string(doc), string(got))
		_, err = appendValue(nil, fits, bounds{known: &known, max: len(doc) - 1})
		require.ErrorIs(t, err, ErrMessageTooLarge)
	}
}
