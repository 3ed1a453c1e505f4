// Context: where a message came from, and how it is written as the modern client's.

package analytics

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"

	headwater "github.com/headwater-dev/analytics"
)

// Context says where a message came from. Fields win over entries of Extra.
type Context struct {
	App       AppInfo      `json:"app,omitzero"`
	Campaign  CampaignInfo `json:"campaign,omitzero"`
	Device    DeviceInfo   `json:"device,omitzero"`
	Library   LibraryInfo  `json:"library,omitzero"` // a message always carries this library's own
	Location  LocationInfo `json:"location,omitzero"`
	Network   NetworkInfo  `json:"network,omitzero"`
	OS        OSInfo       `json:"os,omitzero"`
	Page      PageInfo     `json:"page,omitzero"`
	Referrer  ReferrerInfo `json:"referrer,omitzero"`
	Screen    ScreenInfo   `json:"screen,omitzero"`
	IP        net.IP       `json:"ip,omitempty"`
	Direct    bool         `json:"direct,omitempty"`
	Locale    string       `json:"locale,omitempty"`
	GroupID   string       `json:"groupId,omitempty"`
	Timezone  string       `json:"timezone,omitempty"`
	UserAgent string       `json:"userAgent,omitempty"`
	Traits    Traits       `json:"traits,omitempty"`

	// Extra are further members of the context, beside the fields.
	Extra map[string]any `json:"-"`
}

// AppInfo is the app.
type AppInfo struct {
	Name      string `json:"name,omitempty"`
	Version   string `json:"version,omitempty"`
	Build     string `json:"build,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

// CampaignInfo is the campaign that led to the message.
type CampaignInfo struct {
	Name    string `json:"name,omitempty"`
	Source  string `json:"source,omitempty"`
	Medium  string `json:"medium,omitempty"`
	Term    string `json:"term,omitempty"`
	Content string `json:"content,omitempty"`
}

// DeviceInfo is the device.
type DeviceInfo struct {
	Id            string `json:"id,omitempty"`
	Manufacturer  string `json:"manufacturer,omitempty"`
	Model         string `json:"model,omitempty"`
	Name          string `json:"name,omitempty"`
	Type          string `json:"type,omitempty"`
	Version       string `json:"version,omitempty"`
	AdvertisingID string `json:"advertisingId,omitempty"`
}

// LibraryInfo is the library that made the message.
type LibraryInfo struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
}

// LocationInfo is where the user is.
type LocationInfo struct {
	City      string  `json:"city,omitempty"`
	Country   string  `json:"country,omitempty"`
	Region    string  `json:"region,omitempty"`
	Latitude  float64 `json:"latitude,omitempty"`
	Longitude float64 `json:"longitude,omitempty"`
	Speed     float64 `json:"speed,omitempty"`
}

// NetworkInfo is the network of the device.
type NetworkInfo struct {
	Bluetooth bool   `json:"bluetooth,omitempty"`
	Cellular  bool   `json:"cellular,omitempty"`
	WIFI      bool   `json:"wifi,omitempty"`
	Carrier   string `json:"carrier,omitempty"`
}

// OSInfo is the operating system.
type OSInfo struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
}

// PageInfo is the page of a website.
type PageInfo struct {
	Hash     string `json:"hash,omitempty"`
	Path     string `json:"path,omitempty"`
	Referrer string `json:"referrer,omitempty"`
	Search   string `json:"search,omitempty"`
	Title    string `json:"title,omitempty"`
	URL      string `json:"url,omitempty"`
}

// ReferrerInfo is what led to the message.
type ReferrerInfo struct {
	Type string `json:"type,omitempty"`
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty"`
	Link string `json:"link,omitempty"`
}

// ScreenInfo is the screen of the device.
type ScreenInfo struct {
	Density int `json:"density,omitempty"`
	Width   int `json:"width,omitempty"`
	Height  int `json:"height,omitempty"`
}

// MarshalJSON writes the fields that are not zero and the entries of Extra as one
// object. Of a field and an entry with the same name the field is written.
func (ctx Context) MarshalJSON() ([]byte, error) {
	type fields Context // without this method
	doc, err := json.Marshal(fields(ctx))
	if err != nil || len(ctx.Extra) == 0 {
		return doc, err
	}
	members := maps.Clone(ctx.Extra)
	var own map[string]json.RawMessage
	if err := json.Unmarshal(doc, &own); err != nil {
		return nil, err
	}
	for name, v := range own {
		members[name] = v
	}
	return json.Marshal(members)
}

// modern writes a context as the modern client's; nil for nil. What v3 leaves out
// because it is false or 0 is left out.
func (ctx *Context) modern() (*headwater.Context, error) {
	if ctx == nil {
		return nil, nil
	}
	ip, err := ctx.IP.MarshalText()
	if err != nil {
		return nil, fmt.Errorf("analytics: Context.IP: %w", err)
	}
	d, c, l, n, p, r, s := ctx.Device, ctx.Campaign, ctx.Location, ctx.Network, ctx.Page, ctx.Referrer, ctx.Screen
	return &headwater.Context{
		App:      headwater.App(ctx.App),
		Campaign: headwater.Campaign{Name: c.Name, Source: c.Source, Medium: c.Medium, Term: c.Term, Content: c.Content},
		Device: headwater.Device{ID: d.Id, Manufacturer: d.Manufacturer, Model: d.Model, Name: d.Name, Type: d.Type,
			Version: d.Version, AdvertisingID: d.AdvertisingID},
		Location: headwater.Location{City: l.City, Country: l.Country, Region: l.Region,
			Latitude: unlessZero(l.Latitude), Longitude: unlessZero(l.Longitude), Speed: unlessZero(l.Speed)},
		Network: headwater.Network{Bluetooth: unlessZero(n.Bluetooth), Cellular: unlessZero(n.Cellular), WiFi: unlessZero(n.WIFI),
			Carrier: n.Carrier},
		OS:        headwater.OS(ctx.OS),
		Page:      headwater.PageInfo{Hash: p.Hash, Path: p.Path, Referrer: p.Referrer, Search: p.Search, Title: p.Title, URL: p.URL},
		Referrer:  headwater.Referrer{Type: r.Type, Name: r.Name, URL: r.URL, Link: r.Link},
		Screen:    headwater.ScreenInfo{Density: float64(s.Density), Width: s.Width, Height: s.Height},
		IP:        string(ip),
		Direct:    ctx.Direct,
		Locale:    ctx.Locale,
		GroupID:   ctx.GroupID,
		Timezone:  ctx.Timezone,
		UserAgent: ctx.UserAgent,
		Traits:    headwater.Traits(ctx.Traits),
		Extra:     ctx.Extra,
	}, nil
}

// unlessZero returns a pointer to v, nil if v is zero.
func unlessZero[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
