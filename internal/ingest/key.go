// The write key of a request.

package ingest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// writeKey returns the key of a request whose body has field as "writeKey".
// Tracking API "Authentication": Basic with the key as user name and an empty
// password, a Bearer token with the key in the body, or the body alone. Which
// wins when two differ is documented nowhere; here the header does.
func writeKey(h http.Header, field json.RawMessage) string {
	if key := basicKey(h.Get("Authorization")); key != "" {
		return key
	}
	var key string
	if json.Unmarshal(field, &key) != nil {
		return ""
	}
	return key
}

// basicKey returns the user name of a Basic header, "" for anything else. The
// API still takes a key without its colon, which net/http's BasicAuth does not.
func basicKey(header string) string {
	scheme, value, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Basic") {
		return ""
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
	if err != nil {
		return ""
	}
	key, _, _ := strings.Cut(string(plain), ":")
	return key
}
