// Encoding of a Context, one layer or several at once.

package analytics

import "strconv"

// appendContext appends the context object made of layers, highest precedence
// first. nil layers are skipped and none is written to. Errors are *FieldError
// with a path relative to the context, or ErrMessageTooLarge.
//
// It allocates nothing, unless the Extra of a layer names what a field is for, or
// two layers have an object under one key of Traits or Extra.
func appendContext(b []byte, lim bounds, layers ...*Context) ([]byte, error) {
	lim, err := lim.deeper()
	if err != nil {
		return b, err
	}
	var room [8]*Context
	given, collided := room[:0], false
	for _, c := range layers {
		if c != nil {
			given = append(given, c)
			collided = collided || c.collides()
		}
	}
	w := contextWriter{object{b: append(b, '{'), lim: lim}}
	var maps [8]map[string]any
	switch {
	case collided:
		merged, err := mergedObject(given)
		if err != nil {
			return b, err
		}
		w.library()
		w.keys(append(maps[:0], merged), noKey)
	case len(given) == 1:
		w.fields(given[0], given)
		w.keys(pick(maps[:0], given, (*Context).extraMap), isLibrary)
	default:
		var merged Context
		for _, c := range given {
			merged.fill(c)
		}
		w.fields(&merged, given)
		w.keys(pick(maps[:0], given, (*Context).extraMap), isLibrary)
	}
	b, err = w.end()
	if err == nil && lim.exceeded(b, 0) {
		err = ErrMessageTooLarge
	}
	return b, err
}

// contextWriter writes the members of a context: the fields of one Context, which
// may be filled from several layers, and the maps of all layers. It does not hold
// the layers, because their slice would then be on the heap.
type contextWriter struct {
	object
}

// open begins an object as a member and returns where; close ends it, or takes it
// back when nothing was written in between. They are two calls and not one with a
// function, because that would put the writer on the heap.
func (w *contextWriter) open(name string) (start int) {
	if w.err != nil {
		return -1
	}
	start = len(w.b)
	w.key(name)
	w.b = append(w.b, '{')
	w.lim.depth++
	return start
}

func (w *contextWriter) close(start int, name string) {
	if start < 0 {
		return // the error is an earlier member's
	}
	w.lim.depth--
	switch {
	case w.err != nil:
		w.err = under(w.err, name)
	case w.b[len(w.b)-1] == '{':
		w.b = w.b[:start]
	default:
		w.b = append(closeObject(w.b), ',')
	}
}

func (w *contextWriter) bool(name string, v *bool) {
	if v != nil && w.err == nil {
		w.key(name)
		w.b = append(strconv.AppendBool(w.b, *v), ',')
	}
}

// float writes a number that may be 0.
func (w *contextWriter) float(name string, v *float64) {
	if v == nil || w.err != nil {
		return
	}
	w.key(name)
	if w.b, w.err = appendFloat(w.b, *v, 64); w.err != nil {
		w.err = under(w.err, name)
	}
	w.b = append(w.b, ',')
}

// named writes v under a name of the caller's, which may need escaping.
func (w *contextWriter) named(name string, v any) {
	if w.err != nil {
		return
	}
	if w.lim.exceeded(w.b, len(name)) {
		w.err = ErrMessageTooLarge
		return
	}
	w.b = append(appendString(w.b, name), ':')
	if w.b, w.err = appendValue(w.b, v, w.lim); w.err != nil {
		w.err = under(w.err, name)
	}
	w.b = append(w.b, ',')
}

// keys writes the members of several maps. The first map that has a key gives its
// value, merged with those below it when they are objects.
func (w *contextWriter) keys(maps []map[string]any, skip func(string) bool) {
	var seen overlay
	for i, m := range maps {
		for key := range m {
			if w.err != nil {
				return
			}
			if skip(key) || anyHas(maps[:i], key) {
				continue
			}
			v, err := seen.value(maps[i:], key)
			if err != nil {
				w.err = err
				return
			}
			w.named(key, v)
		}
	}
}

func anyHas(maps []map[string]any, key string) bool {
	for _, m := range maps {
		if _, ok := m[key]; ok {
			return true
		}
	}
	return false
}

func isLibrary(key string) bool { return key == "library" }

// pick appends the maps that of finds in the layers, without the empty ones.
func pick(maps []map[string]any, layers []*Context, of func(*Context) map[string]any) []map[string]any {
	for _, c := range layers {
		if m := of(c); len(m) > 0 {
			maps = append(maps, m)
		}
	}
	return maps
}

func (c *Context) extraMap() map[string]any    { return c.Extra }
func (c *Context) traitsMap() map[string]any   { return c.Traits }
func (c *Context) campaignMap() map[string]any { return c.Campaign.Extra }

// library writes the member that every context has.
func (w *contextWriter) library() {
	if w.err == nil {
		w.b = append(w.b, `"library":{"name":"`+libraryName+`","version":"`+Version+`"},`...)
	}
}

// fields writes the fields of c; what is a map in them comes from the layers. It
// skips Extra. Most objects are not there most of the time: to ask first costs
// less than to write one and take it back.
func (w *contextWriter) fields(c *Context, layers []*Context) {
	w.bool("active", c.Active)
	if c.App != (App{}) {
		c.App.member(w, "app")
	}
	c.Campaign.member(w, "campaign", layers)
	w.text("channel", c.Channel)
	if anyConsents(layers) {
		c.Consent.member(w, "consent", layers)
	}
	if c.Device != (Device{}) {
		c.Device.member(w, "device")
	}
	if c.Direct {
		w.bool("direct", &c.Direct)
	}
	w.list("externalIds", len(c.ExternalIDs), func(i int) { c.ExternalIDs[i].members(w) })
	w.text("groupId", c.GroupID)
	w.text("ip", c.IP)
	w.library()
	w.text("locale", c.Locale)
	if c.Location != (Location{}) {
		c.Location.member(w, "location")
	}
	if c.Network != (Network{}) {
		c.Network.member(w, "network")
	}
	if c.OS != (OS{}) {
		c.OS.member(w, "os")
	}
	if c.Page != (PageInfo{}) {
		c.Page.member(w, "page")
	}
	if c.Referrer != (Referrer{}) {
		c.Referrer.member(w, "referrer")
	}
	if c.Screen != (ScreenInfo{}) {
		c.Screen.member(w, "screen")
	}
	w.text("timezone", c.Timezone)
	var room [8]map[string]any
	if maps := pick(room[:0], layers, (*Context).traitsMap); len(maps) > 0 {
		at := w.open("traits")
		w.keys(maps, noKey)
		w.close(at, "traits")
	}
	w.text("userAgent", c.UserAgent)
	if !c.UserAgentData.empty() {
		c.UserAgentData.member(w, "userAgentData")
	}
}

func noKey(string) bool { return false }

// list writes an array of n objects, or nothing when n is 0.
func (w *contextWriter) list(name string, n int, members func(i int)) {
	if n == 0 || w.err != nil {
		return
	}
	w.key(name)
	w.b = append(w.b, '[')
	for i := range n {
		w.b = append(w.b, '{')
		members(i)
		w.b = append(closeObject(w.b), ',')
	}
	w.b[len(w.b)-1] = ']'
	w.b = append(w.b, ',')
}

func (a App) member(w *contextWriter, name string) {
	at := w.open(name)
	w.text("build", a.Build)
	w.text("name", a.Name)
	w.text("namespace", a.Namespace)
	w.text("version", a.Version)
	w.close(at, name)
}

func (c Campaign) member(w *contextWriter, name string, layers []*Context) {
	at := w.open(name)
	w.text("content", c.Content)
	w.text("medium", c.Medium)
	w.text("name", c.Name)
	w.text("source", c.Source)
	w.text("term", c.Term)
	var maps [8]map[string]any
	// Only a layer encoded by itself comes here with an Extra that collides.
	w.keys(pick(maps[:0], layers, (*Context).campaignMap), func(key string) bool {
		return c.field(key) != ""
	})
	w.close(at, name)
}

func (c Consent) member(w *contextWriter, name string, layers []*Context) {
	at := w.open(name)
	preferences := w.open("categoryPreferences")
	w.preferences(layers)
	w.close(preferences, "categoryPreferences")
	w.number("version", c.Version)
	w.close(at, name)
}

// anyConsents reports whether a layer has something to say of consent.
func anyConsents(layers []*Context) bool {
	for _, c := range layers {
		if len(c.Consent.CategoryPreferences) > 0 || c.Consent.Version != 0 {
			return true
		}
	}
	return false
}

// preferences writes the consent categories of all layers.
func (w *contextWriter) preferences(layers []*Context) {
	for i, c := range layers {
		for category, agreed := range c.Consent.CategoryPreferences {
			if !anyPrefers(layers[:i], category) {
				w.named(category, agreed)
			}
		}
	}
}

func anyPrefers(layers []*Context, category string) bool {
	for _, c := range layers {
		if _, ok := c.Consent.CategoryPreferences[category]; ok {
			return true
		}
	}
	return false
}

func (d Device) member(w *contextWriter, name string) {
	at := w.open(name)
	w.bool("adTrackingEnabled", d.AdTrackingEnabled)
	w.text("advertisingId", d.AdvertisingID)
	w.text("id", d.ID)
	w.text("manufacturer", d.Manufacturer)
	w.text("model", d.Model)
	w.text("name", d.Name)
	w.text("token", d.Token)
	w.text("type", d.Type)
	w.text("version", d.Version)
	w.close(at, name)
}

func (e ExternalID) members(w *contextWriter) {
	w.text("collection", e.Collection)
	w.text("encoding", e.Encoding)
	w.text("id", e.ID)
	w.text("type", e.Type)
}

func (l Location) member(w *contextWriter, name string) {
	at := w.open(name)
	w.text("city", l.City)
	w.text("country", l.Country)
	w.float("latitude", l.Latitude)
	w.float("longitude", l.Longitude)
	w.text("region", l.Region)
	w.float("speed", l.Speed)
	w.close(at, name)
}

func (n Network) member(w *contextWriter, name string) {
	at := w.open(name)
	w.bool("bluetooth", n.Bluetooth)
	w.text("carrier", n.Carrier)
	w.bool("cellular", n.Cellular)
	w.bool("wifi", n.WiFi)
	w.close(at, name)
}

func (s OS) member(w *contextWriter, name string) {
	at := w.open(name)
	w.text("name", s.Name)
	w.text("version", s.Version)
	w.close(at, name)
}

func (p PageInfo) member(w *contextWriter, name string) {
	at := w.open(name)
	w.text("hash", p.Hash)
	w.text("path", p.Path)
	w.text("referrer", p.Referrer)
	w.text("search", p.Search)
	w.text("title", p.Title)
	w.text("url", p.URL)
	w.close(at, name)
}

func (r Referrer) member(w *contextWriter, name string) {
	at := w.open(name)
	w.text("id", r.ID)
	w.text("link", r.Link)
	w.text("name", r.Name)
	w.text("type", r.Type)
	w.text("url", r.URL)
	w.close(at, name)
}

func (s ScreenInfo) member(w *contextWriter, name string) {
	at := w.open(name)
	w.number("density", s.Density)
	w.whole("height", s.Height)
	w.whole("width", s.Width)
	w.close(at, name)
}

// empty reports whether u would be left out. A list that is not nil may still be empty.
func (u *UserAgentData) empty() bool {
	return u.Bitness == "" && u.Brands == nil && u.FullVersionList == nil && u.Mobile == nil && u.Model == "" &&
		u.Platform == "" && u.PlatformVersion == "" && u.UAFullVersion == "" && u.WOW64 == nil
}

func (u UserAgentData) member(w *contextWriter, name string) {
	at := w.open(name)
	w.text("bitness", u.Bitness)
	w.list("brands", len(u.Brands), func(i int) { u.Brands[i].members(w) })
	w.list("fullVersionList", len(u.FullVersionList), func(i int) { u.FullVersionList[i].members(w) })
	w.bool("mobile", u.Mobile)
	w.text("model", u.Model)
	w.text("platform", u.Platform)
	w.text("platformVersion", u.PlatformVersion)
	w.text("uaFullVersion", u.UAFullVersion)
	w.bool("wow64", u.WOW64)
	w.close(at, name)
}

func (u UserAgentBrand) members(w *contextWriter) {
	w.text("brand", u.Brand)
	w.text("version", u.Version)
}
