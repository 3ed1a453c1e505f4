// Attrs: order, groups, duplicates and LogValuers.

package analytics_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// masked shows itself as its last four digits.
type masked string

func (m masked) LogValue() slog.Value { return slog.StringValue("…" + string(m[len(m)-4:])) }

type panickingValuer struct{}

func (panickingValuer) LogValue() slog.Value { panic("4111") }

type endlessValuer struct{}

func (e endlessValuer) LogValue() slog.Value { return slog.AnyValue(e) }

// selfish yields a group that inlines itself again.
type selfish struct{}

func (s selfish) LogValue() slog.Value { return slog.GroupValue(slog.Any("", s)) }

func TestAttrs(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		attrs []slog.Attr
		want  string
	}{
		"none": {nil, `{}`},
		"every kind in order": {[]slog.Attr{slog.String("s", "x"), slog.Int("i", -1), slog.Uint64("u", 1), slog.Float64("f", 0.5), slog.Bool("b", true),
			slog.Duration("d", time.Second), slog.Time("t", at), slog.Any("a", []string{"x"}), slog.Any("n", nil)},
			`{"s":"x","i":-1,"u":1,"f":0.5,"b":true,"d":1000000000,"t":"2026-09-01T12:00:00Z","a":["x"],"n":null}`},
		"group":                   {[]slog.Attr{slog.Group("address", slog.String("city", "Łódź"))}, `{"address":{"city":"Łódź"}}`},
		"empty groups":            {[]slog.Attr{slog.Group("a", slog.Group("b")), slog.Int("n", 1)}, `{"n":1}`},
		"an empty map stays":      {[]slog.Attr{slog.Any("m", map[string]any{})}, `{"m":{}}`},
		"zero attr":               {[]slog.Attr{{}, slog.Int("n", 1)}, `{"n":1}`},
		"empty key":               {[]slog.Attr{slog.Int("", 1)}, `{"":1}`},
		"inlined":                 {[]slog.Attr{slog.Int("a", 1), slog.Group("", slog.Int("b", 2), slog.Group("", slog.Int("c", 3))), slog.Int("d", 4)}, `{"a":1,"b":2,"c":3,"d":4}`},
		"last wins":               {[]slog.Attr{slog.Int("a", 1), slog.Int("b", 2), slog.Int("a", 3)}, `{"b":2,"a":3}`},
		"last wins across groups": {[]slog.Attr{slog.Int("a", 1), slog.Group("", slog.Int("a", 2))}, `{"a":2}`},
		"log valuer":              {[]slog.Attr{slog.Any("card", masked("4111111111111234"))}, `{"card":"…1234"}`},
		"error":                   {[]slog.Attr{slog.Any("err", errors.New("no"))}, `{"err":"no"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := analytics.Attrs(tc.attrs...).AppendJSON(nil)
			require.NoError(t, err)
			require.Equal(t, tc.want, string(got))
			got, err = json.Marshal(analytics.Attrs(tc.attrs...))
			require.NoError(t, err)
			require.Equal(t, tc.want, string(got))
		})
	}
}

func TestAttrsManyDuplicates(t *testing.T) {
	t.Parallel()
	var list []slog.Attr
	for i := range 200 {
		list = append(list, slog.Int(fmt.Sprint("k", i%100), i))
	}
	got, err := analytics.Attrs(list...).AppendJSON(nil)
	require.NoError(t, err)
	require.Equal(t, 100, strings.Count(string(got), ":"))
	require.True(t, strings.HasPrefix(string(got), `{"k0":100,"k1":101,`), "%s", got)
}

func TestAttrsErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		attr slog.Attr
		want string
	}{
		"panic":     {slog.Any("card", panickingValuer{}), "analytics: card: LogValue panicked"},
		"endless":   {slog.Group("g", slog.Any("x", endlessValuer{})), "analytics: g.x: LogValue returns another LogValuer without end"},
		"selfish":   {slog.Any("", selfish{}), "nested deeper than 1000 levels or cyclic"},
		"in a list": {slog.Group("g", slog.Any("list", []any{1, make(chan int)})), "analytics: g.list[1]: chan int has no form in JSON"},
	} {
		_, err := analytics.Attrs(tc.attr).AppendJSON(nil)
		var fe *analytics.FieldError
		require.ErrorAs(t, err, &fe, name)
		require.ErrorContains(t, err, tc.want, name)
	}
}

func TestAttrsAllocateOnlyTheirList(t *testing.T) {
	b := make([]byte, 0, 1024)
	allocs := testing.AllocsPerRun(100, func() {
		f := analytics.Attrs(slog.String("currency", "USD"), slog.Float64("revenue", 39.95), slog.Int("quantity", 2))
		if _, err := f.AppendJSON(b); err != nil {
			panic(err)
		}
	})
	require.LessOrEqual(t, allocs, 2.0, "the list and its header")
}
