// The context object of a call: where, how and with what it was made.

package analytics

const (
	// Version is the version of this library, sent as context.library.version.
	Version = "0.1.0"

	// libraryName is sent as context.library.name, whatever a Context says.
	libraryName = "headwater-go"
)

// Context says where, how and with what a call was made: the `context` object
// of the Tracking API. The zero value is an empty context.
//
// A field that is empty is not sent. Where false or 0 means something, the field
// is a pointer, and Ptr makes one:
//
//	&analytics.Context{Active: analytics.Ptr(false)}
//
// A call's context is put together from three layers: the message's own
// Context, then what WithContext or a RequestEnricher put into the
// context.Context of the call, then Config.DefaultContext. What a higher layer
// left empty a lower one fills, field by field; Traits, Extra and the objects
// within them are merged key by key, lists are taken whole. No layer is ever
// written to, so one Context may serve any number of goroutines as long as none
// of them changes it.
//
// context.library always names this library: Library, and a "library" in Extra,
// are kept in the value but not sent.
type Context struct {
	// Active false tells an identify call to update traits without touching
	// when the user was last seen. nil sends nothing, which counts as active.
	Active *bool `json:"active,omitempty"`

	App      App      `json:"app,omitzero"`
	Campaign Campaign `json:"campaign,omitzero"`

	// Channel is where the call came from: "server", "browser" or "mobile".
	Channel string `json:"channel,omitempty"`

	Consent Consent `json:"consent,omitzero"`
	Device  Device  `json:"device,omitzero"`

	// Direct asks the API to take the user's IP address from the connection
	// (Tracking API: "Collecting IP Address"). Set it only where the user's own
	// device makes the connection. false is the same as absent, and so cannot
	// undo a true of a lower layer.
	Direct bool `json:"direct,omitempty"`

	// ExternalIDs are further identifiers of the user.
	ExternalIDs []ExternalID `json:"externalIds,omitempty"`

	// GroupID attributes a call other than group to an account.
	GroupID string `json:"groupId,omitempty"`

	// IP is the user's address. The API does not fill it in for calls made by a
	// server, unless Direct is set.
	IP string `json:"ip,omitempty"`

	// Library is there for reading contexts of other origin; see above.
	Library Library `json:"library,omitzero"`

	// Locale is a language and a region, such as "en-US".
	Locale string `json:"locale,omitempty"`

	Location Location   `json:"location,omitzero"`
	Network  Network    `json:"network,omitzero"`
	OS       OS         `json:"os,omitzero"`
	Page     PageInfo   `json:"page,omitzero"`
	Referrer Referrer   `json:"referrer,omitzero"`
	Screen   ScreenInfo `json:"screen,omitzero"`

	// Timezone is a name of the tz database, such as "Europe/Prague".
	Timezone string `json:"timezone,omitempty"`

	// Traits are the user's traits, as in an identify call, for destinations
	// that want them with every call.
	Traits Traits `json:"traits,omitempty"`

	UserAgent     string        `json:"userAgent,omitempty"`
	UserAgentData UserAgentData `json:"userAgentData,omitzero"`

	// Extra holds keys of your own, and of the API where this struct has none;
	// they are sent beside the fields above. A key that a field has too is
	// merged with it, and the field wins unless it is empty.
	Extra map[string]any `json:"-"`
}

// App is the application in which the call arose.
type App struct {
	Name      string `json:"name,omitempty"`
	Version   string `json:"version,omitempty"`
	Build     string `json:"build,omitempty"`
	Namespace string `json:"namespace,omitempty"` // "com.example.shop"
}

// Campaign is what brought the user here: the UTM parameters of a link.
type Campaign struct {
	Name    string         `json:"name,omitempty"` // utm_campaign
	Source  string         `json:"source,omitempty"`
	Medium  string         `json:"medium,omitempty"`
	Term    string         `json:"term,omitempty"`
	Content string         `json:"content,omitempty"`
	Extra   map[string]any `json:"-"` // any other UTM parameter, without its "utm_"
}

// Consent is what the user agreed to.
type Consent struct {
	// CategoryPreferences says for each category whether the user agreed. A
	// category that a message does not name keeps the answer of a lower layer.
	CategoryPreferences map[string]bool `json:"categoryPreferences,omitempty"`

	// Version is a number by the API's validation; 0 sends none.
	Version float64 `json:"version,omitempty"`
}

// Device is the hardware in the user's hands.
type Device struct {
	ID                string `json:"id,omitempty"`
	AdvertisingID     string `json:"advertisingId,omitempty"`
	AdTrackingEnabled *bool  `json:"adTrackingEnabled,omitempty"`
	Manufacturer      string `json:"manufacturer,omitempty"`
	Model             string `json:"model,omitempty"`
	Name              string `json:"name,omitempty"`
	Type              string `json:"type,omitempty"` // "ios", "android"
	Version           string `json:"version,omitempty"`
	Token             string `json:"token,omitempty"` // for push notifications
}

// ExternalID is one more identifier of the user. The API wants all four fields.
type ExternalID struct {
	ID         string `json:"id,omitempty"`
	Type       string `json:"type,omitempty"`       // "email", "ios.idfa"
	Collection string `json:"collection,omitempty"` // "users" or "accounts"
	Encoding   string `json:"encoding,omitempty"`   // "none"
}

// Library is the code that made the call.
type Library struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
}

// Location is where the user is. The API names no units; degrees and metres per
// second are what devices report.
type Location struct {
	City      string   `json:"city,omitempty"`
	Country   string   `json:"country,omitempty"`
	Region    string   `json:"region,omitempty"`
	Latitude  *float64 `json:"latitude,omitempty"`
	Longitude *float64 `json:"longitude,omitempty"`
	Speed     *float64 `json:"speed,omitempty"`
}

// Network is how the device is connected. The API takes a context with neither
// Cellular nor WiFi for one made offline.
type Network struct {
	Bluetooth *bool  `json:"bluetooth,omitempty"`
	Carrier   string `json:"carrier,omitempty"`
	Cellular  *bool  `json:"cellular,omitempty"`
	WiFi      *bool  `json:"wifi,omitempty"`
}

// OS is the operating system of the device.
type OS struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
}

// PageInfo is the web page the user was on. Its name leaves Page to the call.
type PageInfo struct {
	Path     string `json:"path,omitempty"`
	Referrer string `json:"referrer,omitempty"`
	Search   string `json:"search,omitempty"`
	Title    string `json:"title,omitempty"`
	URL      string `json:"url,omitempty"`
	Hash     string `json:"hash,omitempty"`
}

// Referrer is what sent the user to the app.
type Referrer struct {
	ID   string `json:"id,omitempty"`
	Type string `json:"type,omitempty"`
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty"`
	Link string `json:"link,omitempty"`
}

// ScreenInfo is the screen of the device, in pixels. Its name leaves Screen to
// the call.
type ScreenInfo struct {
	Density float64 `json:"density,omitempty"`
	Height  int     `json:"height,omitempty"`
	Width   int     `json:"width,omitempty"`
}

// UserAgentData is the browser as it describes itself through User-Agent client
// hints. A browser always gives Brands, Mobile and Platform, the rest on demand.
type UserAgentData struct {
	Brands          []UserAgentBrand `json:"brands,omitempty"`
	Mobile          *bool            `json:"mobile,omitempty"`
	Platform        string           `json:"platform,omitempty"`
	Bitness         string           `json:"bitness,omitempty"`
	Model           string           `json:"model,omitempty"`
	PlatformVersion string           `json:"platformVersion,omitempty"`
	UAFullVersion   string           `json:"uaFullVersion,omitempty"`
	FullVersionList []UserAgentBrand `json:"fullVersionList,omitempty"`
	WOW64           *bool            `json:"wow64,omitempty"`
}

// UserAgentBrand is one name under which a browser goes.
type UserAgentBrand struct {
	Brand   string `json:"brand,omitempty"`
	Version string `json:"version,omitempty"`
}

// Ptr returns a pointer to a copy of v, for the fields of Context in which a
// false or a 0 means something.
func Ptr[T any](v T) *T { return &v }

// MarshalJSON returns the context as it would be sent were it the only layer,
// with this library as its library. It returns a *FieldError that names the
// field, as "context.location.latitude", for a value that JSON cannot express.
func (c Context) MarshalJSON() ([]byte, error) {
	b, err := appendContext(nil, bounds{}, &c)
	if err != nil {
		return nil, under(err, "context")
	}
	return b, nil
}
