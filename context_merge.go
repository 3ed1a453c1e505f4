// Merging the layers of a Context: field by field, and key by key in its maps.

package analytics

import (
	"cmp"
	"maps"
	"slices"
)

// mergeContext returns one Context with everything its layers say, highest
// precedence first, and with this library as its Library. It shares nothing
// that can be changed with the layers, which are not written to. nil layers are
// skipped.
//
// A key of Extra that a field has too ends up in the field where it fits, and
// stays in Extra where it does not, so the result encodes as the layers do. An
// error is left for the encoder, which can say where it is.
func mergeContext(layers ...*Context) *Context {
	given := slices.DeleteFunc(slices.Clone(layers), func(c *Context) bool { return c == nil })
	merged := &Context{}
	object, err := map[string]any(nil), error(nil)
	if slices.ContainsFunc(given, (*Context).collides) {
		object, err = mergedObject(given)
	}
	if object != nil && err == nil {
		merged = contextOf(object)
	} else {
		for _, c := range given {
			merged.fill(c)
		}
		merged.Traits = mergedMaps(given, (*Context).traitsMap)
		merged.Extra = mergedMaps(given, (*Context).extraMap)
		merged.Campaign.Extra = mergedMaps(given, (*Context).campaignMap)
		for _, c := range slices.Backward(given) {
			for k, v := range c.Consent.CategoryPreferences {
				put(&merged.Consent.CategoryPreferences, k, v)
			}
		}
	}
	delete(merged.Extra, "library")
	merged.Library = Library{Name: libraryName, Version: Version}
	return merged.clone()
}

// mergedMaps overlays the maps that of finds in the layers; nil when they are
// empty. What is too large to merge is the first map as it stands.
func mergedMaps(layers []*Context, of func(*Context) map[string]any) map[string]any {
	found := pick(nil, layers, of)
	if len(found) == 0 {
		return nil
	}
	var seen overlay
	merged, err := seen.all(found)
	if err != nil {
		return maps.Clone(found[0])
	}
	return merged
}

func put[M ~map[string]V, V any](m *M, key string, v V) {
	if *m == nil {
		*m = M{}
	}
	(*m)[key] = v
}

// collides reports whether an Extra of c names what a field is for. "library" is
// no such name, as no layer has a say in it.
func (c *Context) collides() bool {
	for key := range c.Extra {
		if isContextKey(key) {
			return true
		}
	}
	for key := range c.Campaign.Extra {
		if isCampaignKey(key) {
			return true
		}
	}
	return false
}

func isContextKey(key string) bool {
	switch key {
	case "active", "app", "campaign", "channel", "consent", "device", "direct", "externalIds",
		"groupId", "ip", "locale", "location", "network", "os", "page", "referrer", "screen",
		"timezone", "traits", "userAgent", "userAgentData":
		return true
	}
	return false
}

func isCampaignKey(key string) bool {
	switch key {
	case "name", "source", "medium", "term", "content":
		return true
	}
	return false
}

// field returns the value of the field that has the name key on the wire.
func (c *Campaign) field(key string) string {
	switch key {
	case "name":
		return c.Name
	case "source":
		return c.Source
	case "medium":
		return c.Medium
	case "term":
		return c.Term
	case "content":
		return c.Content
	}
	return ""
}

// mergedObject returns the context that the layers make, as an object without
// its library. It goes the long way round: each layer becomes one object, its
// fields over its Extra, and these are merged. Only so does a higher layer win
// over a lower one whichever of the two ways either used.
func mergedObject(layers []*Context) (map[string]any, error) {
	var seen overlay
	objects := make([]map[string]any, 0, len(layers))
	for _, c := range layers {
		w := contextWriter{object{b: []byte{'{'}}}
		w.fields(c, []*Context{c})
		b, err := w.end()
		if err != nil {
			return nil, err
		}
		v, err := decoded(b)
		if err != nil {
			return nil, err
		}
		fields := v.(map[string]any)
		delete(fields, "library")
		whole, err := seen.all([]map[string]any{fields, c.Extra})
		if err != nil {
			return nil, err
		}
		delete(whole, "library")
		objects = append(objects, whole)
	}
	return seen.all(objects)
}

// fill gives the empty fields of c the values of low, maps aside.
func (c *Context) fill(low *Context) {
	c.Active = cmp.Or(c.Active, low.Active)
	c.App.fill(&low.App)
	c.Campaign.fill(&low.Campaign)
	c.Channel = cmp.Or(c.Channel, low.Channel)
	c.Consent.Version = cmp.Or(c.Consent.Version, low.Consent.Version)
	c.Device.fill(&low.Device)
	c.Direct = c.Direct || low.Direct
	if len(c.ExternalIDs) == 0 {
		c.ExternalIDs = low.ExternalIDs
	}
	c.GroupID = cmp.Or(c.GroupID, low.GroupID)
	c.IP = cmp.Or(c.IP, low.IP)
	c.Locale = cmp.Or(c.Locale, low.Locale)
	c.Location.fill(&low.Location)
	c.Network.fill(&low.Network)
	c.OS.Name = cmp.Or(c.OS.Name, low.OS.Name)
	c.OS.Version = cmp.Or(c.OS.Version, low.OS.Version)
	c.Page.fill(&low.Page)
	c.Referrer.fill(&low.Referrer)
	c.Screen.Density = cmp.Or(c.Screen.Density, low.Screen.Density)
	c.Screen.Height = cmp.Or(c.Screen.Height, low.Screen.Height)
	c.Screen.Width = cmp.Or(c.Screen.Width, low.Screen.Width)
	c.Timezone = cmp.Or(c.Timezone, low.Timezone)
	c.UserAgent = cmp.Or(c.UserAgent, low.UserAgent)
	c.UserAgentData.fill(&low.UserAgentData)
}

func (a *App) fill(low *App) {
	a.Name = cmp.Or(a.Name, low.Name)
	a.Version = cmp.Or(a.Version, low.Version)
	a.Build = cmp.Or(a.Build, low.Build)
	a.Namespace = cmp.Or(a.Namespace, low.Namespace)
}

func (c *Campaign) fill(low *Campaign) {
	c.Name = cmp.Or(c.Name, low.Name)
	c.Source = cmp.Or(c.Source, low.Source)
	c.Medium = cmp.Or(c.Medium, low.Medium)
	c.Term = cmp.Or(c.Term, low.Term)
	c.Content = cmp.Or(c.Content, low.Content)
}

func (d *Device) fill(low *Device) {
	d.ID = cmp.Or(d.ID, low.ID)
	d.AdvertisingID = cmp.Or(d.AdvertisingID, low.AdvertisingID)
	d.AdTrackingEnabled = cmp.Or(d.AdTrackingEnabled, low.AdTrackingEnabled)
	d.Manufacturer = cmp.Or(d.Manufacturer, low.Manufacturer)
	d.Model = cmp.Or(d.Model, low.Model)
	d.Name = cmp.Or(d.Name, low.Name)
	d.Type = cmp.Or(d.Type, low.Type)
	d.Version = cmp.Or(d.Version, low.Version)
	d.Token = cmp.Or(d.Token, low.Token)
}

func (l *Location) fill(low *Location) {
	l.City = cmp.Or(l.City, low.City)
	l.Country = cmp.Or(l.Country, low.Country)
	l.Region = cmp.Or(l.Region, low.Region)
	l.Latitude = cmp.Or(l.Latitude, low.Latitude)
	l.Longitude = cmp.Or(l.Longitude, low.Longitude)
	l.Speed = cmp.Or(l.Speed, low.Speed)
}

func (n *Network) fill(low *Network) {
	n.Bluetooth = cmp.Or(n.Bluetooth, low.Bluetooth)
	n.Carrier = cmp.Or(n.Carrier, low.Carrier)
	n.Cellular = cmp.Or(n.Cellular, low.Cellular)
	n.WiFi = cmp.Or(n.WiFi, low.WiFi)
}

func (p *PageInfo) fill(low *PageInfo) {
	p.Path = cmp.Or(p.Path, low.Path)
	p.Referrer = cmp.Or(p.Referrer, low.Referrer)
	p.Search = cmp.Or(p.Search, low.Search)
	p.Title = cmp.Or(p.Title, low.Title)
	p.URL = cmp.Or(p.URL, low.URL)
	p.Hash = cmp.Or(p.Hash, low.Hash)
}

func (r *Referrer) fill(low *Referrer) {
	r.ID = cmp.Or(r.ID, low.ID)
	r.Type = cmp.Or(r.Type, low.Type)
	r.Name = cmp.Or(r.Name, low.Name)
	r.URL = cmp.Or(r.URL, low.URL)
	r.Link = cmp.Or(r.Link, low.Link)
}

func (u *UserAgentData) fill(low *UserAgentData) {
	if len(u.Brands) == 0 {
		u.Brands = low.Brands
	}
	if len(u.FullVersionList) == 0 {
		u.FullVersionList = low.FullVersionList
	}
	u.Mobile = cmp.Or(u.Mobile, low.Mobile)
	u.Platform = cmp.Or(u.Platform, low.Platform)
	u.Bitness = cmp.Or(u.Bitness, low.Bitness)
	u.Model = cmp.Or(u.Model, low.Model)
	u.PlatformVersion = cmp.Or(u.PlatformVersion, low.PlatformVersion)
	u.UAFullVersion = cmp.Or(u.UAFullVersion, low.UAFullVersion)
	u.WOW64 = cmp.Or(u.WOW64, low.WOW64)
}
