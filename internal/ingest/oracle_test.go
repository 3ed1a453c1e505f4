// The decoder's judge: the same rules, written over maps, without a care for speed.

package ingest_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"unicode/utf8"

	"github.com/headwater-dev/analytics/internal/ingest"
)

// oracle decodes a body that Decode took into what its calls must be. A
// messageId that Decode has to assign is "".
func oracle(route string, body []byte) []ingest.Call {
	top := oracleObject(body)
	envelope := map[string]any{}
	if route != ingest.Batch {
		return []ingest.Call{oracleCall(route, oracleObject(body), envelope)}
	}
	maps.Copy(envelope, top)
	items, _ := top["batch"].([]any)
	var calls []ingest.Call
	for _, item := range items[:min(len(items), ingest.MaxEvents)] {
		m, _ := item.(map[string]any)
		calls = append(calls, oracleCall("", m, envelope))
	}
	return calls
}

func oracleObject(raw []byte) map[string]any {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var v any
	if decoder.Decode(&v) != nil {
		return nil
	}
	m, _ := v.(map[string]any)
	return m
}

func oracleCall(callType string, m, envelope map[string]any) ingest.Call {
	c := ingest.Call{Type: callType, ReceivedAt: received, Timestamp: received}
	if m == nil {
		c.Verdict, c.Reason, c.Assigned = ingest.BadRequest, "the message is not an object", true
		return c
	}
	if _, err := ingest.Route(http.MethodPost, "/v1/"+oracleText(m, "type")); c.Type == "" && err == nil && m["type"] != "batch" {
		c.Type = oracleText(m, "type")
	}
	c.MessageID = oracleText(m, "messageId")
	c.Assigned = c.MessageID == ""
	c.UserID, c.AnonymousID = oracleText(m, "userId"), oracleText(m, "anonymousId")
	c.PreviousID, c.GroupID = oracleText(m, "previousId"), oracleText(m, "groupId")
	c.Event, c.Name, c.Category = oracleText(m, "event"), oracleText(m, "name"), oracleText(m, "category")

	c.OriginalTimestamp = ingest.ParseTime(oracleText(m, "originalTimestamp"))
	if c.OriginalTimestamp.IsZero() {
		c.OriginalTimestamp = ingest.ParseTime(oracleText(m, "timestamp"))
	}
	if c.SentAt = ingest.ParseTime(oracleText(m, "sentAt")); m["sentAt"] == nil {
		c.SentAt = ingest.ParseTime(oracleText(envelope, "sentAt"))
	}
	c.Timestamp = ingest.Timestamp(c.OriginalTimestamp, c.SentAt, received)

	inherited, _ := envelope["context"].(map[string]any)
	context, isObject := oracleOverlay(inherited, m["context"]).(map[string]any)
	if app, _ := context["app"].(map[string]any); isObject {
		c.AppVersion = oracleText(app, "version")
		c.Direct = context["direct"] == true && context["ip"] == nil
	}
	switch {
	case c.Type == "":
		c.Verdict, c.Reason = ingest.BadRequest, "type is not one of the six calls"
	case utf8.RuneCountInString(c.MessageID) > ingest.MaxIDChars:
		c.Verdict, c.Reason = ingest.BadRequest, "messageId is longer than 100 characters"
	default:
		c.Verdict, c.Reason = oracleJudge(c.Type, m, context)
	}
	return c
}

func oracleOverlay(base map[string]any, top any) any {
	over, isObject := top.(map[string]any)
	switch {
	case top == nil && base == nil:
		return nil
	case top == nil:
		return base
	case base == nil || !isObject:
		return top
	}
	merged := maps.Clone(base)
	for key, value := range over {
		under, _ := base[key].(map[string]any)
		if merged[key] = value; value != nil {
			merged[key] = oracleOverlay(under, value)
		}
	}
	return merged
}

func oracleText(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func oracleJudge(callType string, m, context map[string]any) (ingest.Verdict, string) {
	for _, check := range []func(string, map[string]any) (ingest.Verdict, string){
		oracleIDs, oracleEvent, oracleObjects, oracleNames,
	} {
		if v, reason := check(callType, m); v != ingest.Accepted {
			return v, reason
		}
	}
	if _, isObject := m["context"].(map[string]any); m["context"] != nil && !isObject {
		return ingest.BadRequest, "context is not an object"
	}
	return oracleContext(callType, m, context)
}

func oracleIDs(callType string, m map[string]any) (ingest.Verdict, string) {
	var required []string
	switch callType {
	case "group":
		required = []string{"groupId"}
	case "alias":
		required = []string{"userId", "previousId"}
	}
	for _, key := range append([]string{"userId", "anonymousId"}, required...) {
		if m[key] != nil && oracleText(m, key) == "" {
			return ingest.IDNotString, key + " is empty or not a string"
		}
	}
	for _, key := range required {
		if m[key] == nil {
			return ingest.IDRequired, key + " is missing"
		}
	}
	if m["userId"] == nil && m["anonymousId"] == nil {
		return ingest.NoUserAnonID, "userId and anonymousId are missing"
	}
	return ingest.Accepted, ""
}

func oracleEvent(callType string, m map[string]any) (ingest.Verdict, string) {
	_, isText := m["event"].(string)
	switch {
	case callType != "track":
	case m["event"] == nil:
		return ingest.EventNotDefined, "event is missing"
	case m["event"] == "":
		return ingest.EventNotDefined, "event is empty"
	case !isText:
		return ingest.EventNotString, "event is not a string"
	}
	return ingest.Accepted, ""
}

func oracleObjects(callType string, m map[string]any) (ingest.Verdict, string) {
	key, code := "properties", ingest.PropertiesNotObject
	switch callType {
	case "identify", "group":
		key, code = "traits", ingest.TraitsNotObject
	case "alias":
		return ingest.Accepted, ""
	}
	if _, isObject := m[key].(map[string]any); m[key] != nil && !isObject {
		return code, key + " is not an object"
	}
	return ingest.Accepted, ""
}

func oracleNames(callType string, m map[string]any) (ingest.Verdict, string) {
	if callType != "page" && callType != "screen" {
		return ingest.Accepted, ""
	}
	if m["name"] != nil && oracleText(m, "name") == "" {
		return ingest.NameNotString, "name is empty or not a string"
	}
	if m["category"] != nil && oracleText(m, "category") == "" {
		return ingest.CategoryNotString, "category is empty or not a string"
	}
	return ingest.Accepted, ""
}

func oracleContext(callType string, m, context map[string]any) (ingest.Verdict, string) {
	device, _ := context["device"].(map[string]any)
	if _, isText := device["advertisingId"].(string); device["advertisingId"] != nil && !isText {
		return ingest.AdvertisingIDNotString, "context.device.advertisingId is not a string"
	}
	consent, _ := context["consent"].(map[string]any)
	preferences, isObject := consent["categoryPreferences"].(map[string]any)
	if consent["categoryPreferences"] == nil && callType == "track" && m["event"] == "Segment Consent Preference Updated" {
		return ingest.ConsentMissing, "context.consent.categoryPreferences is missing"
	}
	if consent["categoryPreferences"] != nil && !isObject {
		return ingest.ConsentNotObject, "context.consent.categoryPreferences is not an object"
	}
	for _, value := range preferences {
		if _, isBool := value.(bool); !isBool {
			return ingest.ConsentNotBool, "a value of context.consent.categoryPreferences is not true or false"
		}
	}
	if _, isNumber := consent["version"].(json.Number); consent["version"] != nil && !isNumber {
		return ingest.ConsentVersionNotNumber, "context.consent.version is not a number"
	}
	return ingest.Accepted, ""
}
