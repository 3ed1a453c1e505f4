// Explanations: what a verdict means, in plain language.

package pages

import (
	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// explain says what a verdict means and what to do about it.
func explain(verdict string, step store.Step) string {
	if text := explainFailed(verdict); text != "" {
		return text
	}
	switch verdict {
	case sources.EventSetting:
		return "A filter of this source blocks this call or event."
	case sources.SchemaViolation:
		return "A filter of this source blocks one of its properties or traits."
	case "common_schema_violation":
		return "It does not have the shape that is laid down for it."
	case "unplanned", "unplanned_and_schema_violation":
		return "No plan names this event."
	}
	if step == store.Filtered {
		return "A filter of this source blocks it."
	}
	return "The API does not accept this call."
}

func explainFailed(verdict string) string {
	switch verdict {
	case "no_user_anon_id":
		return "It says nobody: set userId or anonymousId."
	case "id_required":
		return "An id this call needs is missing: groupId for group, userId and previousId for alias."
	case "id_not_string":
		return "An id is empty or not a string. Send numbers as text: \"42\"."
	case "event_not_defined":
		return "A track call needs the name of its event."
	case "event_not_string":
		return "The name of the event must be a string."
	case "properties_not_object":
		return "Properties must be an object: {\"key\": \"value\"}."
	case "traits_not_object":
		return "Traits must be an object: {\"key\": \"value\"}."
	case "name_not_string":
		return "The name of a page or screen is empty or not a string. Leave it out when there is none."
	case "category_not_string":
		return "The category of a page or screen is empty or not a string. Leave it out when there is none."
	case "consent_categorypreferences_should_exist":
		return "A consent event needs context.consent.categoryPreferences."
	case "consent_categorypreferences_fields_should_be_object":
		return "context.consent.categoryPreferences must be an object."
	case "consent_categorypreferences_fields_should_be_bool":
		return "Every value in context.consent.categoryPreferences must be true or false."
	case "consent_version_should_be_number":
		return "context.consent.version must be a number."
	case "device_advertisingid_should_be_string":
		return "context.device.advertisingId must be a string."
	case "empty_batch":
		return "The batch had no calls in it."
	case "empty_batch_result":
		return "No call of the batch could be accepted."
	case "multi_user_error":
		return "Some calls of the batch were refused; the others were accepted."
	case "source_disabled", "SOURCE_DISABLED":
		return "The source is disabled. Enable it in the settings."
	case "bad_request", "BAD_REQUEST":
		return "It could not be read as a call: not a JSON object, or without a type."
	case "unknown_source":
		return "No source has this write key."
	}
	return ""
}

// callLabel is a type of call as people read it.
func callLabel(t string) string {
	switch t {
	case "identify":
		return "Identify"
	case "track":
		return "Track"
	case "page":
		return "Page"
	case "screen":
		return "Screen"
	case "group":
		return "Group"
	case "alias":
		return "Alias"
	case "":
		return "Unknown"
	}
	return t
}
