// Verdicts: which calls are accepted, and the API's codes for the others.

package ingest

import "encoding/json"

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

// judge applies the API's checks to a message that inherits a context. A field
// that is null counts as not there: real clients send "userId": null beside an
// anonymousId. The text names the field, never its value.
func judge(callType string, m, inherited map[string]any) (Verdict, string) {
	for _, check := range []func(string, map[string]any) (Verdict, string){
		judgeIDs, judgeEvent, judgeObjects, judgeNames,
	} {
		if v, reason := check(callType, m); v != Accepted {
			return v, reason
		}
	}
	return judgeContext(callType, m, inherited)
}

// judgeIDs: Tracking API, the required fields of each call.
func judgeIDs(callType string, m map[string]any) (Verdict, string) {
	var required []string
	switch callType {
	case "group":
		required = []string{"groupId"}
	case "alias":
		required = []string{"userId", "previousId"}
	}
	for _, key := range append([]string{"userId", "anonymousId"}, required...) {
		if !textOrAbsent(m, key) {
			return IDNotString, key + " is empty or not a string"
		}
	}
	for _, key := range required {
		if m[key] == nil {
			return IDRequired, key + " is missing"
		}
	}
	if m["userId"] == nil && m["anonymousId"] == nil {
		return NoUserAnonID, "userId and anonymousId are missing"
	}
	return Accepted, ""
}

// textOrAbsent reports whether m[key] is missing, null or a string with something in it.
func textOrAbsent(m map[string]any, key string) bool {
	return m[key] == nil || text(m, key) != ""
}

func judgeEvent(callType string, m map[string]any) (Verdict, string) {
	if callType != "track" {
		return Accepted, ""
	}
	switch event := m["event"].(type) {
	case nil:
		return EventNotDefined, "event is missing"
	case string:
		if event == "" {
			return EventNotDefined, "event is empty"
		}
		return Accepted, ""
	}
	return EventNotString, "event is not a string"
}

func judgeObjects(callType string, m map[string]any) (Verdict, string) {
	key, code := "properties", PropertiesNotObject
	switch callType {
	case "identify", "group":
		key, code = "traits", TraitsNotObject
	case "alias": // has neither
		return Accepted, ""
	}
	if _, isObject := m[key].(map[string]any); m[key] != nil && !isObject {
		return code, key + " is not an object"
	}
	return Accepted, ""
}

func judgeNames(callType string, m map[string]any) (Verdict, string) {
	if callType != "page" && callType != "screen" {
		return Accepted, ""
	}
	if !textOrAbsent(m, "name") {
		return NameNotString, "name is empty or not a string"
	}
	if !textOrAbsent(m, "category") {
		return CategoryNotString, "category is empty or not a string"
	}
	return Accepted, ""
}

// judgeContext checks what the API reads itself, consent and the advertising
// id. Only those two are merged with what is inherited: merging all of it for
// each of 2500 messages lets one hostile body cost seconds.
func judgeContext(callType string, m, inherited map[string]any) (Verdict, string) {
	own, isObject := m["context"].(map[string]any)
	if m["context"] != nil && !isObject {
		return BadRequest, "context is not an object"
	}
	device, _ := overlay(inherited["device"], own["device"]).(map[string]any)
	if _, isText := device["advertisingId"].(string); device["advertisingId"] != nil && !isText {
		return AdvertisingIDNotString, "context.device.advertisingId is not a string"
	}
	consent, _ := overlay(inherited["consent"], own["consent"]).(map[string]any)
	if consent["categoryPreferences"] == nil && callType == "track" && m["event"] == consentEvent {
		return ConsentMissing, "context.consent.categoryPreferences is missing"
	}
	return judgeConsent(consent)
}

func judgeConsent(consent map[string]any) (Verdict, string) {
	preferences, isObject := consent["categoryPreferences"].(map[string]any)
	if consent["categoryPreferences"] != nil && !isObject {
		return ConsentNotObject, "context.consent.categoryPreferences is not an object"
	}
	for _, value := range preferences {
		if _, isBool := value.(bool); !isBool {
			return ConsentNotBool, "a value of context.consent.categoryPreferences is not true or false"
		}
	}
	if _, isNumber := consent["version"].(json.Number); consent["version"] != nil && !isNumber {
		return ConsentVersionNotNumber, "context.consent.version is not a number"
	}
	return Accepted, ""
}
