// Integrations: which destinations a call goes to, and with what options.

package analytics

// allDestinations is the name that stands for every destination not named.
const allDestinations = "All"

// Integrations says which destinations a call goes to: a destination's name, in the
// spelling of Segment's catalogue, and either a bool or an object of options for it. What is
// not named follows "All", which is true when absent. The zero value says nothing.
//
// Every method returns the map, and makes one when it is nil.
//
// Tracking API, Spec: Common Fields: only to Salesforce a call does not go unless it is
// named, and All false does not stop warehouses.
type Integrations map[string]any

// Enable sends the call to the destination.
func (in Integrations) Enable(destination string) Integrations { return in.Set(destination, true) }

// Disable keeps the call from the destination.
func (in Integrations) Disable(destination string) Integrations { return in.Set(destination, false) }

// EnableAll sends the call to all destinations that are not named.
func (in Integrations) EnableAll() Integrations { return in.Set(allDestinations, true) }

// DisableAll keeps the call from all destinations that are not named.
func (in Integrations) DisableAll() Integrations { return in.Set(allDestinations, false) }

// Set sets a bool or options: a map with string keys, a struct, a pointer to one, Fields,
// or a json.RawMessage holding an object. Anything else is a *FieldError of the call.
func (in Integrations) Set(destination string, value any) Integrations {
	if in == nil {
		in = Integrations{}
	}
	in[destination] = value
	return in
}

// validate refuses values that are neither a bool nor an object. The error's Field is the
// destination's name; a caller puts it under "integrations".
func (in Integrations) validate() error {
	for destination, v := range in {
		if !switchOrOptions(v) {
			return under(&FieldError{Reason: "must be a bool or an object of options"}, destination)
		}
	}
	return nil
}

// switchOrOptions reports whether v is a bool or an object in JSON. Of most types nothing
// but their encoding tells; what cannot be encoded passes here, and is refused there with
// its path.
func switchOrOptions(v any) bool {
	switch v := v.(type) {
	case bool:
		return true
	case map[string]any:
		return v != nil
	}
	doc, err := appendValue(nil, v, bounds{max: maxCopied})
	return err != nil || doc[0] == '{' || string(doc) == "true" || string(doc) == "false"
}
