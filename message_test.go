// The wire: one golden per call, and the edge cases of what is sent and what is refused.

package analytics_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

var when = time.Date(2026, 1, 2, 4, 4, 5, 678_000_000, time.FixedZone("CET", 3600))

const library = `"library":{"name":"headwater-go","version":"` + analytics.Version + `"}`

func TestGoldenMessages(t *testing.T) {
	full := &analytics.Context{IP: "203.0.113.7", App: analytics.App{Name: "Shop"}, Extra: map[string]any{"tenant": "t-1"}}
	some := analytics.Integrations{"All": false, "Mixpanel": map[string]any{"beta": true}}
	for name, test := range map[string]struct {
		message analytics.Message
		want    string
	}{
		"identify": {
			analytics.Identify{UserID: "u", AnonymousID: "a", Traits: analytics.NewTraits().SetEmail("a@b.co").SetAge(7), Context: full,
				Integrations: some, MessageID: "m", Timestamp: when},
			`{"type":"identify","messageId":"m","timestamp":"2026-01-02T03:04:05.678Z","userId":"u","anonymousId":"a",
				"traits":{"email":"a@b.co","age":7},
				"context":{"ip":"203.0.113.7","app":{"name":"Shop"},"tenant":"t-1",` + library + `},
				"integrations":{"All":false,"Mixpanel":{"beta":true}}}`,
		},
		"track": {
			analytics.Track{UserID: "u", Event: "Order Completed", Properties: analytics.Properties{"currency": "USD"}.SetRevenue(39.95)},
			`{"type":"track","userId":"u","event":"Order Completed","properties":{"currency":"USD","revenue":39.95},"context":{` + library + `}}`,
		},
		"page": {
			analytics.Page{AnonymousID: "a", Name: "Home", Category: "Docs", Properties: analytics.NewProperties().SetURL("https://x.example/")},
			`{"type":"page","anonymousId":"a","name":"Home","category":"Docs","properties":{"url":"https://x.example/"},"context":{` + library + `}}`,
		},
		"screen": {
			&analytics.Screen{UserID: "u", Name: "Checkout", Category: "Shop", Properties: analytics.Attrs(slog.Int("step", 2))},
			`{"type":"screen","userId":"u","name":"Checkout","category":"Shop","properties":{"step":2},"context":{` + library + `}}`,
		},
		"group": {
			&analytics.Group{UserID: "u", AnonymousID: "a", GroupID: "g", Traits: analytics.Struct(struct {
				Plan string `json:"plan"`
			}{"pro"})},
			`{"type":"group","userId":"u","anonymousId":"a","groupId":"g","traits":{"plan":"pro"},"context":{` + library + `}}`,
		},
		"alias": {
			analytics.Alias{UserID: "u", PreviousID: "p", AnonymousID: "a"},
			`{"type":"alias","userId":"u","previousId":"p","anonymousId":"a","context":{` + library + `}}`,
		},
		"empty optional fields are absent": {
			analytics.Page{UserID: "u", Properties: analytics.Properties{}, Integrations: analytics.Integrations{}, Context: &analytics.Context{}},
			`{"type":"page","userId":"u","context":{` + library + `}}`,
		},
		"a false or 0 that means something is sent": {
			analytics.Identify{UserID: "u", Traits: analytics.Traits{"age": 0, "vip": false, "note": ""}, Context: &analytics.Context{
				Active: analytics.Ptr(false), Network: analytics.Network{WiFi: analytics.Ptr(false)},
				Location: analytics.Location{Latitude: analytics.Ptr(0.0)}}},
			`{"type":"identify","userId":"u","traits":{"age":0,"vip":false,"note":""},
				"context":{"active":false,"network":{"wifi":false},"location":{"latitude":0},` + library + `}}`,
		},
		"unicode and control characters": {
			analytics.Track{UserID: "žluťoučký 🐎", Event: "<&>\u2028\x00\x1f\"\\\t\n" + "\xff"},
			`{"type":"track","userId":"žluťoučký 🐎","event":"<&>\u2028\u0000\u001f\"\\\t\n\ufffd","context":{` + library + `}}`,
		},
		"a zero timestamp is no timestamp": {
			analytics.Track{UserID: "u", Event: "E", Timestamp: time.Time{}.Local()},
			`{"type":"track","userId":"u","event":"E","context":{` + library + `}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, test.message.Validate())
			got, err := test.message.MarshalJSON()
			require.NoError(t, err)
			require.JSONEq(t, test.want, string(got))
		})
	}
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	got, err := analytics.Track{UserID: "u", Event: "E", Properties: analytics.Properties{
		"big": int64(9007199254740993), "unsigned": uint64(math.MaxUint64), "small": 1e-7, "large": 1e21, "tenth": 0.1,
		"exact": json.Number("3.1415926535897932384626433832795028841971"),
		"raw":   json.RawMessage(`12345678901234567890.10`),
	}}.MarshalJSON()
	require.NoError(t, err)
	for _, digits := range []string{
		`"big":9007199254740993`, `"unsigned":18446744073709551615`, `"small":1e-7`, `"large":1e+21`, `"tenth":0.1`,
		`"exact":3.1415926535897932384626433832795028841971`, `"raw":12345678901234567890.10`,
	} {
		require.Contains(t, string(got), digits)
	}
}

func TestHundredLevelsDeep(t *testing.T) {
	deep := any("bottom")
	for range 100 {
		deep = map[string]any{"d": deep}
	}
	got, err := analytics.Track{UserID: "u", Event: "E", Properties: analytics.Properties{"d": deep}}.MarshalJSON()
	require.NoError(t, err)
	require.Contains(t, string(got), strings.Repeat(`{"d":`, 101)+`"bottom"`+strings.Repeat(`}`, 101))
}

type explosive struct{}

func (explosive) MarshalJSON() ([]byte, error) { panic("boom") }

var errMarshal = errors.New("cannot be encoded")

type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return nil, errMarshal }

func TestUnencodableMessages(t *testing.T) {
	cyclic := map[string]any{}
	cyclic["self"] = cyclic
	for name, test := range map[string]struct {
		message analytics.Message
		field   string
	}{
		"NaN":       {analytics.Track{UserID: "u", Event: "E", Properties: analytics.Properties{"n": math.NaN()}}, "properties.n"},
		"infinity":  {analytics.Track{UserID: "u", Event: "E", Properties: analytics.Properties{"n": []any{1, math.Inf(1)}}}, "properties.n[1]"},
		"channel":   {analytics.Identify{UserID: "u", Traits: analytics.Traits{"c": make(chan int)}}, "traits.c"},
		"function":  {analytics.Group{UserID: "u", GroupID: "g", Traits: analytics.Traits{"f": func() {}}}, "traits.f"},
		"panic":     {analytics.Track{UserID: "u", Event: "E", Properties: analytics.Properties{"x": explosive{}}}, "properties.x"},
		"failure":   {analytics.Track{UserID: "u", Event: "E", Properties: analytics.Properties{"x": failing{}}}, "properties.x"},
		"list":      {analytics.Track{UserID: "u", Event: "E", Properties: analytics.Struct([]int{1})}, "properties"},
		"context":   {analytics.Track{UserID: "u", Event: "E", Context: &analytics.Context{Extra: map[string]any{"c": make(chan int)}}}, "context.c"},
		"far time":  {analytics.Track{UserID: "u", Event: "E", Timestamp: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "timestamp"},
		"text flag": {analytics.Track{UserID: "u", Event: "E", Integrations: analytics.Integrations{"All": "yes"}}, "integrations.All"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.message.MarshalJSON()
			var field *analytics.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, test.field, field.Field)
			require.NotEmpty(t, field.Call)
			require.NotEmpty(t, field.Reason)
		})
	}
	_, err := analytics.Track{UserID: "u", Event: "E", Properties: analytics.Properties{"x": failing{}}}.MarshalJSON()
	require.ErrorIs(t, err, errMarshal)
	_, err = analytics.Track{UserID: "u", Event: "E", Properties: analytics.Properties(cyclic)}.MarshalJSON()
	require.Error(t, err)
}

func TestValidate(t *testing.T) {
	long := strings.Repeat("é", analytics.MaxMessageIDLength)
	for name, test := range map[string]struct {
		message     analytics.Message
		call, field string // of the error; none when empty
	}{
		"identify needs an id":        {analytics.Identify{}, "identify", "userId"},
		"identify by anonymous id":    {analytics.Identify{AnonymousID: "a"}, "", ""},
		"track needs an event":        {analytics.Track{UserID: "u"}, "track", "event"},
		"track needs an id":           {analytics.Track{Event: "E"}, "track", "userId"},
		"page needs an id":            {analytics.Page{Name: "Home"}, "page", "userId"},
		"page needs no name":          {analytics.Page{UserID: "u"}, "", ""},
		"screen needs an id":          {analytics.Screen{}, "screen", "userId"},
		"group needs a group":         {analytics.Group{UserID: "u"}, "group", "groupId"},
		"group needs an id":           {analytics.Group{GroupID: "g"}, "group", "userId"},
		"group by anonymous id":       {analytics.Group{GroupID: "g", AnonymousID: "a"}, "", ""},
		"alias needs the new id":      {analytics.Alias{PreviousID: "p", AnonymousID: "a"}, "alias", "userId"},
		"alias needs the old id":      {analytics.Alias{UserID: "u", AnonymousID: "a"}, "alias", "previousId"},
		"messageId may have 99 runes": {analytics.Track{UserID: "u", Event: "E", MessageID: long}, "", ""},
		"messageId of 100":            {analytics.Track{UserID: "u", Event: "E", MessageID: long + "x"}, "track", "messageId"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.message.Validate()
			if test.field == "" {
				require.NoError(t, err)
				return
			}
			var field *analytics.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, test.call, field.Call)
			require.Equal(t, test.field, field.Field)
			require.True(t, strings.HasPrefix(err.Error(), "analytics: "+test.call+": "+test.field+": "), err.Error())
		})
	}
}
