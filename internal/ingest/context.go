// What the receiver itself reads of a context: a message's own over its envelope's.

package ingest

// contextFields are the values of a context that the receiver reads, as they
// stand in the text; nil when missing. Only these are laid over each other for
// each message: merging all of a context 2500 times lets one hostile body cost
// seconds.
type contextFields struct {
	device, advertisingID                []byte
	consent, preferences, consentVersion []byte
	app, appVersion                      []byte
	direct, ip                           []byte

	// wrong holds preferences that are neither true nor false: none, or at least one.
	wrong map[string]bool
}

// readContext reads the context raw, which may be missing or no object.
func readContext(raw []byte) contextFields {
	var f contextFields
	for key, value := range members(raw) {
		switch string(key) {
		case "device":
			f.device = value
		case "consent":
			f.consent = value
		case "app":
			f.app = value
		case "direct":
			f.direct = value
		case "ip":
			f.ip = value
		}
	}
	f.advertisingID = member(f.device, "advertisingId")
	f.preferences = member(f.consent, "categoryPreferences")
	f.wrong = notBools(f.preferences)
	f.consentVersion = member(f.consent, "version")
	f.appVersion = member(f.app, "version")
	return f
}

// member returns the value of key in the object raw, nil when raw is none or has
// no such key.
func member(raw []byte, key string) []byte {
	var found []byte
	for k, value := range members(raw) {
		if string(k) == key {
			found = value
		}
	}
	return found
}

// notBools returns the keys of the object raw whose values are neither true nor
// false, nil when there are none.
func notBools(raw []byte) map[string]bool {
	var wrong map[string]bool
	for key, value := range members(raw) {
		switch isBool := value[0] == 't' || value[0] == 'f'; {
		case !isBool && wrong == nil:
			wrong = map[string]bool{string(key): true}
		case !isBool:
			wrong[string(key)] = true
		default:
			delete(wrong, string(key)) // the last of a repeated key counts
		}
	}
	return wrong
}

// lay puts f over what the envelope says, the way overlay does.
func (f *contextFields) lay(under *contextFields) {
	if inherits(&f.device, under.device) {
		inherits(&f.advertisingID, under.advertisingID)
	}
	if inherits(&f.app, under.app) {
		inherits(&f.appVersion, under.appVersion)
	}
	if inherits(&f.consent, under.consent) {
		inherits(&f.consentVersion, under.consentVersion)
		f.layPreferences(under)
	}
	inherits(&f.direct, under.direct)
	inherits(&f.ip, under.ip)
}

// layPreferences adds the wrong preferences of the envelope, unless f hides them all.
func (f *contextFields) layPreferences(under *contextFields) {
	own := f.preferences
	if !inherits(&f.preferences, under.preferences) || len(under.wrong) == 0 {
		return
	}
	hidden := map[string]bool{}
	for key := range members(own) {
		if under.wrong[string(key)] {
			hidden[string(key)] = true
		}
	}
	if len(hidden) < len(under.wrong) {
		f.wrong = under.wrong
	}
}

// inherits puts under in the place of a missing own, and reports whether members
// of under show through: own was missing, or both are objects.
func inherits(own *[]byte, under []byte) bool {
	if *own == nil {
		*own = under
		return true
	}
	return isObject(*own) && isObject(under)
}
