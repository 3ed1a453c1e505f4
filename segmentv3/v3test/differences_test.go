// Where ours differs from v3: every difference that the program can see, with what each side did.
package v3test_test

import "maps"

// sides are what the program saw with v3 and with ours.
type sides struct{ v3, ours string }

// differences is complete: a difference that is not in it fails TestTheProgramSeesTheSame, and so does one that is gone.
var differences = all(wire, delivery, enqueue, limits, texts, documents)

// wire: what arrives.
var wire = map[string]sides{
	"request encoding":                 {"", "gzip"},
	"request agent":                    {"analytics-go (version: 3.0.0)", "headwater-go"},
	"request members":                  {"[batch context messageId sentAt]", "[batch sentAt]"},
	"library":                          {"analytics-go; mine", "headwater-go"}, // "mine" is what a message of the program said
	"contexts library of the caller's": {"analytics-go", "mine"},               // v3 writes to Config.DefaultContext
	// The same instants, in UTC.
	"timestamps of the program's": {"2024-03-20T04:06:07.123456789+02:00", "2024-03-20T02:06:07.123456789Z"},

	// Only time.Time{} itself means now there.
	"arrived setters zero time.timestamp": {`"the year 1"`, `"the client's"`},
	// An Endpoint that ends in a slash or /v1.
	"request slash":   {"POST //v1/batch application/json", absent},
	"request version": {"POST /v1/v1/batch application/json", absent},

	// The Tracking API knows "sku" and "All".
	"arrived setters properties.properties.products[0].sky": {`"sku-1"`, absent},
	"arrived setters properties.properties.products[0].sku": {absent, `"sku-1"`},
	"arrived integrations enable all.integrations.all":      {"true", absent},
	"arrived integrations enable all.integrations.All":      {absent, "true"},
	"arrived integrations disable all.integrations.all":     {"false", absent},
	"arrived integrations disable all.integrations.All":     {absent, "false"},
	"arrived integrations both.integrations.all":            {"false", absent}, // "All" is there too, and wins
}

// delivery: how often something is tried, and what the Callback and the Logger are told.
var delivery = map[string]sides{
	// What is refused with 400 will be refused again.
	"sent refused batches of": {"[1 1 1 1 1 1 1 1 1 1]", "[1]"},
	"refused waits":           {"[0 1 2 3 4 5 6 7 8 9]", "[]"},
	"told refused bad":        {"*errors.errorString: 400 400 Bad Request", "*analytics.ResponseError: analytics: server answered 400"},
	// v3 waits once more after the tenth attempt, and then gives up.
	"away waits": {"[0 1 2 3 4 5 6 7 8 9]", "[0 1 2 3 4 5 6 7 8]"},
}

// enqueue: what is an error of Enqueue here, and with v3 of the Callback alone.
var enqueue = map[string]sides{
	"encoding big enqueue":        {"<nil>", "*errors.errorString: analytics: message is too large"},
	"encoding function enqueue":   {"<nil>", "*json.UnsupportedTypeError: json: unsupported type: func()"},
	"encoding infinity enqueue":   {"<nil>", notANumber},
	"encoding marshaller enqueue": {"<nil>", "*json.MarshalerError: json: error calling MarshalJSON for type program.broken: the API is away"},
	"default context enqueue": {"<nil>",
		"*json.MarshalerError: json: error calling MarshalJSON for type *analytics.Context: json: unsupported type: func()"},
	"endpoint enqueue": {"<nil>", notAnEndpoint},

	// Here the Callback is told another type than with v3.
	"endpoint told": {`*url.Error: parse "://nowhere/v1/batch": missing protocol scheme`, notAnEndpoint},

	"enqueue nil":         {nilPanic, "*errors.errorString: analytics: the message is nil"},
	"enqueue nil pointer": {nilPanic, "*errors.errorString: analytics: the message is a nil *analytics.Track"},
}

const (
	notANumber    = "*json.UnsupportedValueError: json: unsupported value: +Inf"
	notAnEndpoint = "*analytics.FieldError: analytics: config: Endpoint: is not a URL, want something like https://api.segment.io"
	nilPanic      = "*errors.errorString: panic: runtime error: invalid memory address or nil pointer dereference"

	theirClosed = "*errors.errorString: the client was already closed"
	ourClosed   = "*errors.errorString: analytics: client is closed"
	theirTooBig = "*errors.errorString: the message exceeds the maximum allowed size"
	ourTooBig   = "*errors.errorString: analytics: message is too large"
)

// limits: what one of the two refuses.
var limits = map[string]sides{
	// What the Tracking API does not take.
	"limits long id enqueue":      {"<nil>", longID},
	"told limits-long-id track":   {"success", longID},
	"arrived limits-long-id":      {"track", absent},
	"key  enqueue":                {"<nil>", noKey},
	"told  key":                   {"success", noKey},
	"arrived ":                    {"track", absent},
	"key limits of a key enqueue": {"<nil>", badKey},
	"told limits of a key key":    {"success", badKey},
	"arrived limits of a key":     {"track", absent},
	"limits address enqueue":      {"<nil>", badAddress},
	"told limits-address track": {"*json.MarshalerError: json: error calling MarshalJSON for type *analytics.Context: " +
		"json: error calling MarshalText for type net.IP: address 0102: invalid IP address", badAddress},

	// The context, with that of the Config and the library, counts as part of the message here.
	"limits nearly big enqueue":      {"<nil>", ourTooBig},
	"told limits-nearly-big track":   {"success", ourTooBig},
	"arrived limits-nearly-big":      {"track", absent},
	"limits big by merge enqueue":    {"<nil>", ourTooBig},
	"told limits-big-by-merge track": {"success", ourTooBig},
	"arrived limits-big-by-merge":    {"track", absent},
	// v3 writes "<" as six bytes.
	"told limits-big-by-< track": {theirTooBig, "success"},
	"arrived limits-big-by-<":    {absent, "track"},
}

const (
	longID     = "*analytics.FieldError: analytics: track: messageId: is longer than 99 characters"
	noKey      = "*analytics.FieldError: analytics: config: WriteKey: is empty: pass the write key of your source to New"
	badKey     = "*analytics.FieldError: analytics: config: WriteKey: has a space, a colon or a control character in it"
	badAddress = "*fmt.wrapError: analytics: Context.IP: address 0102: invalid IP address"
)

// texts: the error values are the modern client's, and so is what they say.
var texts = map[string]sides{
	"ErrClosed":           {theirClosed, ourClosed},
	"close twice":         {theirClosed, ourClosed},
	"enqueue after close": {theirClosed, ourClosed},
	"ErrMessageTooBig":    {theirTooBig, ourTooBig},
	"encoding big told":   {theirTooBig, ourTooBig},
	"ErrTooManyRequests":  {"*errors.errorString: too many requests are already in-flight", "*errors.errorString: analytics: queue is full"},
	"Version":             {"3.0.0", "0.1.0"},
}

// documents: a type as JSON, for a program that writes one itself. A time that is not set is left out.
var documents = map[string]sides{
	"JSON of Alias":    {`{"previousId":"","userId":"","timestamp":"0001-01-01T00:00:00Z"}`, `{"previousId":"","userId":""}`},
	"JSON of Group":    {`{"groupId":"","timestamp":"0001-01-01T00:00:00Z"}`, `{"groupId":""}`},
	"JSON of Identify": {`{"timestamp":"0001-01-01T00:00:00Z"}`, `{}`},
	"JSON of Page":     {`{"timestamp":"0001-01-01T00:00:00Z"}`, `{}`},
	"JSON of Screen":   {`{"timestamp":"0001-01-01T00:00:00Z"}`, `{}`},
	"JSON of Product":  {`{"id":"1","sky":"2","price":0}`, `{"id":"1","sku":"2","price":0}`},
}

func all(groups ...map[string]sides) map[string]sides {
	whole := make(map[string]sides)
	for _, group := range groups {
		maps.Copy(whole, group)
	}
	return whole
}
