// Context: every field on the wire, and back.

package analytics_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

const ourLibrary = `{"name":"headwater-go","version":"0.1.0"}`

func TestContextFields(t *testing.T) {
	yes, no := analytics.Ptr(true), analytics.Ptr(false)
	brands := []analytics.UserAgentBrand{{Brand: "Chromium", Version: "131"}, {Brand: "Not=A", Version: "24"}}
	tests := []struct {
		name string
		give analytics.Context
		want string // without the library
	}{
		{"zero", analytics.Context{}, ``},
		{"active", analytics.Context{Active: yes}, `"active":true`},
		{"inactive", analytics.Context{Active: no}, `"active":false`},
		{"app", analytics.Context{App: analytics.App{Name: "Shop", Version: "5.4.1", Build: "30", Namespace: "com.example.shop"}},
			`"app":{"build":"30","name":"Shop","namespace":"com.example.shop","version":"5.4.1"}`},
		{"campaign", analytics.Context{Campaign: analytics.Campaign{Name: "spring", Source: "news", Medium: "email", Term: "shoes",
			Content: "blue", Extra: map[string]any{"id": "c-7"}}},
			`"campaign":{"content":"blue","medium":"email","name":"spring","source":"news","term":"shoes","id":"c-7"}`},
		{"campaign, extra only", analytics.Context{Campaign: analytics.Campaign{Extra: map[string]any{"id": "c-7"}}}, `"campaign":{"id":"c-7"}`},
		{"campaign, extra names a field", analytics.Context{Campaign: analytics.Campaign{Name: "spring", Extra: map[string]any{"name": "autumn", "term": "hats"}}},
			`"campaign":{"name":"spring","term":"hats"}`},
		{"channel", analytics.Context{Channel: "server"}, `"channel":"server"`},
		{"consent", analytics.Context{Consent: analytics.Consent{CategoryPreferences: map[string]bool{"Analytics": true, "Advertising": false}, Version: 2}},
			`"consent":{"categoryPreferences":{"Advertising":false,"Analytics":true},"version":2}`},
		{"consent, no preferences", analytics.Context{Consent: analytics.Consent{CategoryPreferences: map[string]bool{}}}, ``},
		{"device", analytics.Context{Device: analytics.Device{ID: "d-1", AdvertisingID: "A-1", AdTrackingEnabled: no, Manufacturer: "Apple",
			Model: "iPhone17,2", Name: "maguro", Type: "ios", Version: "2", Token: "tok"}},
			`"device":{"adTrackingEnabled":false,"advertisingId":"A-1","id":"d-1","manufacturer":"Apple","model":"iPhone17,2","name":"maguro","token":"tok","type":"ios","version":"2"}`},
		{"direct", analytics.Context{Direct: true}, `"direct":true`},
		{"externalIds", analytics.Context{ExternalIDs: []analytics.ExternalID{
			{ID: "a@b.co", Type: "email", Collection: "users", Encoding: "none"}, {ID: "7"}}},
			`"externalIds":[{"collection":"users","encoding":"none","id":"a@b.co","type":"email"},{"id":"7"}]`},
		{"groupId", analytics.Context{GroupID: "g-1"}, `"groupId":"g-1"`},
		{"ip", analytics.Context{IP: "203.0.113.7"}, `"ip":"203.0.113.7"`},
		{"locale", analytics.Context{Locale: "en-US"}, `"locale":"en-US"`},
		{"location", analytics.Context{Location: analytics.Location{City: "Brno", Country: "CZ", Region: "JM",
			Latitude: analytics.Ptr(49.195), Longitude: analytics.Ptr(-16.5), Speed: analytics.Ptr(0.0)}},
			`"location":{"city":"Brno","country":"CZ","latitude":49.195,"longitude":-16.5,"region":"JM","speed":0}`},
		{"network", analytics.Context{Network: analytics.Network{Bluetooth: no, Cellular: yes, WiFi: no, Carrier: "T-Mobile"}},
			`"network":{"bluetooth":false,"carrier":"T-Mobile","cellular":true,"wifi":false}`},
		{"os", analytics.Context{OS: analytics.OS{Name: "iOS", Version: "18.1"}}, `"os":{"name":"iOS","version":"18.1"}`},
		{"page", analytics.Context{Page: analytics.PageInfo{Path: "/a", Referrer: "https://x.example", Search: "?q=1", Title: "A", URL: "https://e.example/a?q=1", Hash: "#top"}},
			`"page":{"hash":"#top","path":"/a","referrer":"https://x.example","search":"?q=1","title":"A","url":"https://e.example/a?q=1"}`},
		{"referrer", analytics.Context{Referrer: analytics.Referrer{ID: "r-1", Type: "dataxu", Name: "X", URL: "https://u.example", Link: "l"}},
			`"referrer":{"id":"r-1","link":"l","name":"X","type":"dataxu","url":"https://u.example"}`},
		{"screen", analytics.Context{Screen: analytics.ScreenInfo{Density: 2.5, Height: 568, Width: 320}}, `"screen":{"density":2.5,"height":568,"width":320}`},
		{"timezone", analytics.Context{Timezone: "Europe/Prague"}, `"timezone":"Europe/Prague"`},
		{"traits", analytics.Context{Traits: analytics.Traits{"plan": "pro", "age": 7}}, `"traits":{"age":7,"plan":"pro"}`},
		{"no traits", analytics.Context{Traits: analytics.Traits{}}, ``},
		{"userAgent", analytics.Context{UserAgent: "Mozilla/5.0"}, `"userAgent":"Mozilla/5.0"`},
		{"userAgentData", analytics.Context{UserAgentData: analytics.UserAgentData{Brands: brands, Mobile: no, Platform: "macOS", Bitness: "64", Model: "m",
			PlatformVersion: "15", UAFullVersion: "131.0.1", FullVersionList: brands[:1], WOW64: no}},
			`"userAgentData":{"bitness":"64","brands":[{"brand":"Chromium","version":"131"},{"brand":"Not=A","version":"24"}],` +
				`"fullVersionList":[{"brand":"Chromium","version":"131"}],"mobile":false,"model":"m","platform":"macOS","platformVersion":"15","uaFullVersion":"131.0.1","wow64":false}`},
		{"extra", analytics.Context{Extra: map[string]any{"tenant": "t-1", "a\"b": nil, "deep": map[string]any{"n": json.Number("1.50")}}},
			`"a\"b":null,"deep":{"n":1.50},"tenant":"t-1"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := json.Marshal(&tt.give)
			require.NoError(t, err)
			require.Equal(t, exactly(t, `{`+tt.want+`}`), exactly(t, withoutLibrary(t, got)))
			byValue, err := tt.give.MarshalJSON()
			require.NoError(t, err)
			require.Equal(t, exactly(t, string(got)), exactly(t, string(byValue)))

			var back analytics.Context
			require.NoError(t, json.Unmarshal(got, &back))
			again, err := back.MarshalJSON()
			require.NoError(t, err)
			require.Equal(t, exactly(t, string(got)), exactly(t, string(again)), "what is read back is sent the same")
		})
	}
}

// withoutLibrary checks that the library is ours and cuts it out of the bytes.
func withoutLibrary(t *testing.T, b []byte) string {
	t.Helper()
	const member = `"library":` + ourLibrary
	before, after, found := strings.Cut(string(b), member)
	require.True(t, found, "no library of ours in %s", b)
	if strings.HasPrefix(after, ",") {
		return before + after[1:]
	}
	return strings.TrimSuffix(before, ",") + after
}

func TestContextLibraryIsOurs(t *testing.T) {
	for _, c := range []analytics.Context{
		{Library: analytics.Library{Name: "other", Version: "9"}},
		{Extra: map[string]any{"library": map[string]any{"name": "other", "more": true}}},
		{Extra: map[string]any{"library": "other", "ip": "203.0.113.7"}},
		{Library: analytics.Library{Name: "other"}, Extra: map[string]any{"library": nil, "os": map[string]any{"name": "x"}}},
	} {
		got, err := json.Marshal(c)
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(got), `"library"`))
		require.Contains(t, string(got), `"library":`+ourLibrary)
		require.NotContains(t, string(got), "other")
	}
}

func TestContextErrorNamesTheField(t *testing.T) {
	tests := []struct {
		field string
		give  analytics.Context
	}{
		{"context.location.latitude", analytics.Context{Location: analytics.Location{Latitude: analytics.Ptr(math.NaN())}, Network: analytics.Network{Carrier: "x"}}},
		{"context.screen.density", analytics.Context{Screen: analytics.ScreenInfo{Density: math.Inf(1)}}},
		{"context.consent.version", analytics.Context{Consent: analytics.Consent{Version: math.NaN()}}},
		{"context.traits.score", analytics.Context{Traits: analytics.Traits{"score": math.NaN()}, UserAgent: "x"}},
		{"context.campaign.budget", analytics.Context{Campaign: analytics.Campaign{Extra: map[string]any{"budget": math.NaN()}}}},
		{"context.mine.x", analytics.Context{Extra: map[string]any{"mine": map[string]any{"x": math.NaN()}}}},
		{"context.location.speed", analytics.Context{Location: analytics.Location{Speed: analytics.Ptr(math.NaN())}, Extra: map[string]any{"ip": "::1"}}},
		{"context.device.x", analytics.Context{Extra: map[string]any{"device": map[string]any{"x": math.NaN()}}}},
	}
	for _, tt := range tests {
		t.Run(tt.field, func(t *testing.T) {
			_, err := tt.give.MarshalJSON()
			var field *analytics.FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, tt.field, field.Field)
		})
	}
}

func TestContextUnmarshal(t *testing.T) {
	const wire = `{
		"active": false, "ip": "203.0.113.7", "locale": "", "direct": false, "channel": 7,
		"device": {"id": "d-1", "adTrackingEnabled": false, "battery": 0.5},
		"campaign": {"name": "spring", "id": "c-7"},
		"location": {"latitude": 49.195, "longitude": 16.6068000000000000001},
		"screen": {"width": 320, "height": 1.5},
		"consent": {"categoryPreferences": {"Analytics": true}, "version": 2},
		"externalIds": [{"id": "7", "type": "x"}],
		"userAgentData": {"brands": [{"brand": "Chromium", "odd": 1}], "mobile": true},
		"library": {"name": "other", "version": "1"},
		"traits": {"n": 12345678901234567890},
		"os": null, "page": "not an object", "tenant": {"id": 1.50}
	}`
	var c analytics.Context
	require.NoError(t, json.Unmarshal([]byte(wire), &c))

	require.Equal(t, false, *c.Active)
	require.Equal(t, "203.0.113.7", c.IP)
	require.Equal(t, "d-1", c.Device.ID)
	require.Equal(t, false, *c.Device.AdTrackingEnabled)
	require.Equal(t, analytics.Campaign{Name: "spring", Extra: map[string]any{"id": "c-7"}}, c.Campaign)
	require.Equal(t, 49.195, *c.Location.Latitude)
	require.Nil(t, c.Location.Longitude, "a float64 would lose digits")
	require.Equal(t, analytics.ScreenInfo{Width: 320}, c.Screen)
	require.Equal(t, analytics.Consent{CategoryPreferences: map[string]bool{"Analytics": true}, Version: 2}, c.Consent)
	require.Equal(t, []analytics.ExternalID{{ID: "7", Type: "x"}}, c.ExternalIDs)
	require.Nil(t, c.UserAgentData.Brands, "a list that does not fit entirely stays whole in Extra")
	require.Equal(t, "other", c.Library.Name)
	require.Equal(t, analytics.Traits{"n": json.Number("12345678901234567890")}, c.Traits)
	require.Equal(t, map[string]any{"battery": json.Number("0.5")}, c.Extra["device"])

	got, err := c.MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, exactly(t, strings.Replace(wire, `{"name": "other", "version": "1"}`, ourLibrary, 1)), exactly(t, string(got)))

	require.NoError(t, json.Unmarshal([]byte(`null`), &c))
	require.Equal(t, "203.0.113.7", c.IP)
	var field *analytics.FieldError
	require.ErrorAs(t, json.Unmarshal([]byte(`[1]`), &c), &field)
	require.Equal(t, "context", field.Field)
}

// exactly decodes JSON without rounding its numbers.
func exactly(t *testing.T, s string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	require.NoError(t, d.Decode(&v))
	return v
}

func ExampleContext() {
	c := &analytics.Context{
		Active:   analytics.Ptr(false),
		IP:       "203.0.113.7",
		Location: analytics.Location{Country: "EC", Latitude: analytics.Ptr(0.0)},
		Extra:    map[string]any{"tenant": "t-1"},
	}
	b, err := json.Marshal(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(b))
	// Output:
	// {"active":false,"ip":"203.0.113.7","library":{"name":"headwater-go","version":"0.1.0"},"location":{"country":"EC","latitude":0},"tenant":"t-1"}
}
