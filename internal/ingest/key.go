// The write key of a request.

package ingest

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"strings"
)

// writeKey returns the key of a request whose body has camel as "writeKey" and
// snake as "write_key", which a well-known client sends. Tracking API
// "Authentication": Basic with the key as user name and an empty password, a
// Bearer token with the key in the body, or the body alone. Which wins when they
// differ is documented nowhere; here the header does, then "writeKey".
func writeKey(h http.Header, camel, snake []byte) string {
	return cmp.Or(HeaderKey(h), text(camel), text(snake))
}

// HeaderKey returns the write key of the Authorization header, "" when there is
// none in it: all that is known of a request whose body cannot be read.
func HeaderKey(h http.Header) string { return basicKey(h.Get("Authorization")) }

// basicKey returns the user name of a Basic header, "" for anything else. The
// API still takes a key without its colon, which net/http's BasicAuth does not,
// and a documented shell recipe leaves a newline at its end.
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
	return strings.TrimSpace(key)
}
