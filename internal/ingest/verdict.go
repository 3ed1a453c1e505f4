// Verdicts: which calls are accepted, and the API's codes for the others.

package ingest

// Verdict is what becomes of a call: Accepted, or the code under which the API
// discards it ("Failed on Ingest" of the delivery overview). The zero value is
// no verdict.
type Verdict string

// Verdicts on a call.
const (
	Accepted Verdict = "accepted"

	NoUserAnonID        Verdict = "no_user_anon_id"       // neither userId nor anonymousId
	IDRequired          Verdict = "id_required"           // group without groupId, alias without previousId or userId
	IDNotString         Verdict = "id_not_string"         // an id that is empty or not a string
	EventNotDefined     Verdict = "event_not_defined"     // track without an event, or with an empty one
	EventNotString      Verdict = "event_not_string"      // track whose event is not a string
	PropertiesNotObject Verdict = "properties_not_object" // of a track, page or screen
	TraitsNotObject     Verdict = "traits_not_object"     // of an identify or group
	NameNotString       Verdict = "name_not_string"       // page or screen: empty or not a string
	CategoryNotString   Verdict = "category_not_string"   // page or screen: empty or not a string

	ConsentMissing          Verdict = "consent_categorypreferences_should_exist"            // consentEvent without them
	ConsentNotObject        Verdict = "consent_categorypreferences_fields_should_be_object" // context.consent.categoryPreferences
	ConsentNotBool          Verdict = "consent_categorypreferences_fields_should_be_bool"   // a value in it
	ConsentVersionNotNumber Verdict = "consent_version_should_be_number"                    // context.consent.version
	AdvertisingIDNotString  Verdict = "device_advertisingid_should_be_string"               // context.device.advertisingId
	BadRequest              Verdict = "bad_request"                                         // not an object, no type, no way to read it
	UnknownSource           Verdict = "unknown_source"                                      // no source has this write key
)

// consentEvent is the one event that must carry consent preferences.
const consentEvent = "Segment Consent Preference Updated"

// Verdicts on a whole batch, besides Accepted and UnknownSource.
const (
	EmptyBatch       Verdict = "empty_batch"        // it had no messages
	EmptyBatchResult Verdict = "empty_batch_result" // none of them was accepted
	MultiUserError   Verdict = "multi_user_error"   // some were not; the others were
)

// judge applies the API's checks to a message whose context is laid over what it
// inherits. A field that is null counts as not there: real clients send
// "userId": null beside an anonymousId. The text names the field, never its value.
func judge(callType string, m *fields, context *contextFields) (Verdict, string) {
	for _, check := range [...]func(string, *fields) (Verdict, string){
		judgeIDs, judgeEvent, judgeObjects, judgeNames,
	} {
		if v, reason := check(callType, m); v != Accepted {
			return v, reason
		}
	}
	return judgeContext(callType, m, context)
}

// judgeIDs: Tracking API, the required fields of each call.
func judgeIDs(callType string, m *fields) (Verdict, string) {
	switch {
	case !textOrAbsent(m.userID):
		return IDNotString, "userId is empty or not a string"
	case !textOrAbsent(m.anonymousID):
		return IDNotString, "anonymousId is empty or not a string"
	case callType == "group" && !textOrAbsent(m.groupID):
		return IDNotString, "groupId is empty or not a string"
	case callType == "alias" && !textOrAbsent(m.previousID):
		return IDNotString, "previousId is empty or not a string"
	case callType == "group" && absent(m.groupID):
		return IDRequired, "groupId is missing"
	case callType == "alias" && absent(m.userID):
		return IDRequired, "userId is missing"
	case callType == "alias" && absent(m.previousID):
		return IDRequired, "previousId is missing"
	case absent(m.userID) && absent(m.anonymousID):
		return NoUserAnonID, "userId and anonymousId are missing"
	}
	return Accepted, ""
}

// textOrAbsent reports whether raw is missing, null or a string with something in it.
func textOrAbsent(raw []byte) bool { return absent(raw) || isText(raw) }

func judgeEvent(callType string, m *fields) (Verdict, string) {
	switch {
	case callType != "track" || isText(m.event):
		return Accepted, ""
	case absent(m.event):
		return EventNotDefined, "event is missing"
	case m.event[0] == '"':
		return EventNotDefined, "event is empty"
	}
	return EventNotString, "event is not a string"
}

func judgeObjects(callType string, m *fields) (Verdict, string) {
	switch callType {
	case "track", "page", "screen":
		if !absent(m.properties) && !isObject(m.properties) {
			return PropertiesNotObject, "properties is not an object"
		}
	case "identify", "group":
		if !absent(m.traits) && !isObject(m.traits) {
			return TraitsNotObject, "traits is not an object"
		}
	}
	return Accepted, ""
}

func judgeNames(callType string, m *fields) (Verdict, string) {
	switch {
	case callType != "page" && callType != "screen":
	case !textOrAbsent(m.name):
		return NameNotString, "name is empty or not a string"
	case !textOrAbsent(m.category):
		return CategoryNotString, "category is empty or not a string"
	}
	return Accepted, ""
}

// judgeContext checks what the API reads itself, consent and the advertising id.
func judgeContext(callType string, m *fields, c *contextFields) (Verdict, string) {
	switch {
	case !absent(m.context) && !isObject(m.context):
		return BadRequest, "context is not an object"
	case !absent(c.advertisingID) && c.advertisingID[0] != '"':
		return AdvertisingIDNotString, "context.device.advertisingId is not a string"
	case absent(c.preferences) && callType == "track" && string(plainText(m.event)) == consentEvent:
		return ConsentMissing, "context.consent.categoryPreferences is missing"
	case !absent(c.preferences) && !isObject(c.preferences):
		return ConsentNotObject, "context.consent.categoryPreferences is not an object"
	case len(c.wrong) > 0:
		return ConsentNotBool, "a value of context.consent.categoryPreferences is not true or false"
	case !absent(c.consentVersion) && !isNumber(c.consentVersion):
		return ConsentVersionNotNumber, "context.consent.version is not a number"
	}
	return Accepted, ""
}
