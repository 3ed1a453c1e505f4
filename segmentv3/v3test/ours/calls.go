// The six calls, by value and by pointer, and everything a message can carry.

package ours

import (
	"encoding/json"
	"net"
	"time"

	analytics "github.com/headwater-dev/analytics/segmentv3"
)

// spring is a time in a zone, with nanoseconds.
var spring = time.Date(2024, time.March, 20, 4, 6, 7, 123456789, time.FixedZone("", 2*60*60))

func (p program) calls() {
	client, _ := p.open("calls", analytics.Config{BatchSize: 4, Interval: time.Hour})
	traits := analytics.Traits{"plan": "free"}
	properties := analytics.Properties{"n": 1}
	alias := analytics.Alias{MessageId: "alias", PreviousId: "a-1", UserId: "u-1", Timestamp: spring}
	group := analytics.Group{MessageId: "group", AnonymousId: "a-1", UserId: "u-1", GroupId: "g-1", Traits: traits, Timestamp: spring}
	identify := analytics.Identify{MessageId: "identify", AnonymousId: "a-1", UserId: "u-1", Traits: traits, Timestamp: spring}
	page := analytics.Page{MessageId: "page", AnonymousId: "a-1", UserId: "u-1", Name: "Home", Properties: properties, Timestamp: spring}
	screen := analytics.Screen{MessageId: "screen", AnonymousId: "a-1", UserId: "u-1", Name: "Home", Properties: properties, Timestamp: spring}
	track := analytics.Track{MessageId: "track", AnonymousId: "a-1", UserId: "u-1", Event: "Done", Properties: properties, Timestamp: spring}
	track.Type = "page" // it says so in vain
	for _, m := range []analytics.Message{alias, group, identify, page, screen, track} {
		p.send(client, m)
	}
	alias.MessageId, group.MessageId, identify.MessageId = "*alias", "*group", "*identify"
	page.MessageId, screen.MessageId, track.MessageId = "*page", "*screen", "*track"
	for _, m := range []analytics.Message{&alias, &group, &identify, &page, &screen, &track} {
		p.send(client, m)
	}
	p.note("calls close", client.Close())
	p.note("calls type of the caller's", track.Type)
}

// generated leaves ids and times to the client.
func (p program) generated() {
	client, told := p.open("generated", analytics.Config{})
	told.byKind = true
	for _, m := range []analytics.Message{
		analytics.Alias{PreviousId: "a-1", UserId: "u-1"},
		analytics.Group{GroupId: "g-1", AnonymousId: "a-1"},
		analytics.Identify{AnonymousId: "a-1"},
		analytics.Page{AnonymousId: "a-1"},
		analytics.Screen{AnonymousId: "a-1"},
		analytics.Track{AnonymousId: "a-1", Event: "Done"},
	} {
		p.send(client, m)
	}
	p.note("generated close", client.Close())
}

func (p program) setters() {
	client, _ := p.open("setters", analytics.Config{})
	p.send(client, analytics.Track{MessageId: "properties", UserId: "u-1", Event: "Order Completed", Timestamp: spring,
		Properties: analytics.NewProperties().
			SetRevenue(39.95).SetCurrency("EUR").SetValue(0).SetPath("/p").SetReferrer("https://example.com/?a=1&b=<2>").
			SetTitle("Title é 漢 \u2028").SetURL("https://example.com").SetName("name").SetCategory("category").
			SetSKU("sku-1").SetPrice(1e21).SetProductId("p-1").SetOrderId("o-1").SetTotal(42).SetSubtotal(-1.5).
			SetShipping(0.1).SetTax(1e-7).SetDiscount(5).SetCoupon("coupon").SetRepeat(true).
			SetProducts(
				analytics.Product{ID: "1", SKU: "sku-1", Name: "One", Price: 9.5},
				analytics.Product{ID: "2"}).
			Set("own", map[string]any{"list": []int{1, 2}, "null": nil, "bytes": []byte("abc"), "number": json.Number("1.50")})})
	p.send(client, analytics.Identify{MessageId: "traits", UserId: "u-1", Timestamp: spring,
		Traits: analytics.NewTraits().
			SetAddress("address").SetAge(42).SetAvatar("avatar").SetBirthday(spring).SetCreatedAt(spring).
			SetDescription("description").SetEmail("ada@example.com").SetFirstName("Ada").SetGender("female").
			SetLastName("Lovelace").SetName("Ada Lovelace").SetPhone("1").SetTitle("Countess").SetUsername("ada").
			SetWebsite("https://example.com").Set("own", struct {
			A int    `json:"a"`
			B string `json:",omitempty"`
			c int
		}{A: 1, c: 2})})
	p.send(client, analytics.Page{MessageId: "empty", UserId: "u-1", Timestamp: spring,
		Properties: analytics.NewProperties(), Integrations: analytics.NewIntegrations(), Context: &analytics.Context{}})
	var nothing *time.Time
	p.send(client, analytics.Track{MessageId: "kinds", UserId: "u-1", Event: "a\xffb", Timestamp: spring,
		Properties: analytics.Properties{"utf8": "a\xffb", "keys": map[int]string{1: "a"}, "times": map[time.Time]int{spring: 1},
			"nil slice": []string(nil), "empty slice": []string{}, "nil map": map[string]int(nil), "nil pointer": nothing,
			"large": 1e300, "small": 5e-324, "minus zero": -zero(), "int64": int64(-1 << 63), "float": 3.0, "": "no name",
			"array": [2]bool{true}, "tags": tagged{N: 1, Embedded: Embedded{Deep: "x"}}, "pointer": &marshaller{}, "value": marshaller{},
			"values": []marshaller{{}}, "any": []any{nil, true, "x", map[string]any{}}, "<&>": "<&>\u2028"}})
	p.send(client, analytics.Identify{MessageId: "float", UserId: "u-1", Timestamp: spring,
		Traits: analytics.Traits{"float32": float32(0.1), "uint64": uint64(1<<63 + 1), "rune": 'x', "duration": time.Second,
			"error": json.RawMessage(`{"a": 1.0}`), "pointer": &spring, "ip": net.IPv4(10, 0, 0, 1)}})
	p.send(client, analytics.Screen{MessageId: "zero time", UserId: "u-1", Timestamp: time.Time{}.In(spring.Location())})
	p.note("setters close", client.Close())
}

func zero() float64 { return 0 }

// Embedded is in tagged.
type Embedded struct {
	Deep string `json:"deep"`
}

// tagged uses what encoding/json knows.
type tagged struct {
	Embedded

	N     int       `json:"n,string"`
	Skip  string    `json:"-"`
	Empty []int     `json:"empty,omitempty"`
	Zero  time.Time `json:"zero,omitzero"`
	Plain any
}

// marshaller has its JSON by pointer only.
type marshaller struct{ A int }

// MarshalJSON implements json.Marshaler.
func (*marshaller) MarshalJSON() ([]byte, error) { return []byte(`{"by":"pointer"}`), nil }

// everywhere has every field set.
func everywhere() *analytics.Context {
	return &analytics.Context{
		App:      analytics.AppInfo{Name: "app", Version: "1.2", Build: "3", Namespace: "com.example"},
		Campaign: analytics.CampaignInfo{Name: "name", Source: "source", Medium: "medium", Term: "term", Content: "content"},
		Device: analytics.DeviceInfo{Id: "d-1", Manufacturer: "maker", Model: "model", Name: "device", Type: "ios",
			Version: "2", AdvertisingID: "ad-1"},
		Library:   analytics.LibraryInfo{Name: "mine", Version: "9"},
		Location:  analytics.LocationInfo{City: "Graz", Country: "Austria", Region: "Styria", Latitude: 47.07, Longitude: 15.44, Speed: 1.5},
		Network:   analytics.NetworkInfo{Bluetooth: true, Cellular: true, WIFI: true, Carrier: "carrier"},
		OS:        analytics.OSInfo{Name: "os", Version: "17"},
		Page:      analytics.PageInfo{Hash: "#h", Path: "/p", Referrer: "r", Search: "?q=1", Title: "t", URL: "https://example.com/p"},
		Referrer:  analytics.ReferrerInfo{Type: "type", Name: "referrer", URL: "https://example.org", Link: "link"},
		Screen:    analytics.ScreenInfo{Density: 2, Width: 320, Height: 480},
		IP:        net.ParseIP("2001:db8::1"),
		Direct:    true,
		Locale:    "de-AT",
		GroupID:   "g-1",
		Timezone:  "Europe/Vienna",
		UserAgent: "agent",
		Traits:    analytics.NewTraits().SetEmail("ada@example.com"),
		Extra:     map[string]any{"own": map[string]any{"a": 1}, "locale": "the field wins", "more": "x"},
	}
}

var somewhere = &analytics.Context{Locale: "de-AT"}

func (p program) contexts() {
	standard := everywhere()
	client, _ := p.open("contexts", analytics.Config{DefaultContext: standard})
	p.note("contexts library of the caller's", standard.Library.Name)
	p.send(client, analytics.Track{MessageId: "default", UserId: "u-1", Event: "Done"})
	p.send(client, &analytics.Page{MessageId: "both", UserId: "u-1", Context: &analytics.Context{
		App:    analytics.AppInfo{Name: "other"},
		IP:     net.IPv4(10, 0, 0, 1),
		Locale: "en",
		Traits: analytics.Traits{"plan": "free"},
		Extra:  map[string]any{"own": map[string]any{"b": 2}},
	}})
	p.note("contexts close", client.Close())

	client, _ = p.open("context", analytics.Config{})
	p.send(client, analytics.Screen{MessageId: "own", UserId: "u-1", Context: everywhere()})
	p.send(client, analytics.Group{MessageId: "zero", UserId: "u-1", GroupId: "g-1", Context: &analytics.Context{
		Extra: map[string]any{"null": nil, "empty": "", "app": map[string]any{"name": "from extra"}},
	}})
	for _, m := range []analytics.Message{
		analytics.Alias{MessageId: "alias", UserId: "u-1", PreviousId: "a-1", Context: somewhere},
		analytics.Group{MessageId: "group", UserId: "u-1", GroupId: "g-1", Context: somewhere},
		analytics.Identify{MessageId: "identify", UserId: "u-1", Context: somewhere},
		analytics.Page{MessageId: "page", UserId: "u-1", Context: somewhere},
		analytics.Screen{MessageId: "screen", UserId: "u-1", Context: somewhere},
		analytics.Track{MessageId: "track", UserId: "u-1", Event: "Done", Context: somewhere},
	} {
		p.send(client, m)
	}
	p.note("context close", client.Close())

	doc, err := json.Marshal(everywhere())
	p.note("context as JSON", string(doc))
	p.note("context as JSON error", err)
	_, err = analytics.Context{Extra: map[string]any{"f": func() {}}}.MarshalJSON()
	p.note("context that has no JSON", err)
}

func (p program) integrations() {
	client, _ := p.open("integrations", analytics.Config{})
	for id, i := range map[string]analytics.Integrations{
		"enable all":  analytics.NewIntegrations().EnableAll().Disable("Mixpanel"),
		"disable all": analytics.NewIntegrations().DisableAll().Enable("Intercom"),
		"set":         analytics.Integrations{"All": true}.Set("Amplitude", map[string]any{"session_id": 1}),
		"both":        analytics.Integrations{"All": true, "all": false},
	} {
		p.send(client, analytics.Track{MessageId: id, UserId: "u-1", Event: "Done", Integrations: i})
		p.note("integrations of the caller's "+id, len(i))
	}
	some := analytics.Integrations{"Mixpanel": false}
	for _, m := range []analytics.Message{
		analytics.Alias{MessageId: "alias", UserId: "u-1", PreviousId: "a-1", Integrations: some},
		analytics.Group{MessageId: "group", UserId: "u-1", GroupId: "g-1", Integrations: some},
		analytics.Identify{MessageId: "identify", UserId: "u-1", Integrations: some},
		analytics.Page{MessageId: "page", UserId: "u-1", Integrations: some},
		analytics.Screen{MessageId: "screen", UserId: "u-1", Integrations: some},
		analytics.Track{MessageId: "track", UserId: "u-1", Event: "Done", Integrations: some},
	} {
		p.send(client, m)
	}
	p.note("integrations close", client.Close())
}
