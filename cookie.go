// The anonymous id that Segment's JavaScript library keeps in a cookie.

package analytics

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	anonymousIDName = "ajs_anonymous_id"

	// maxAnonymousID is the longest anonymous id taken from a cookie, in bytes,
	// and three times that what its encoding may take. The library's own are
	// UUIDs, but a site may set any.
	maxAnonymousID = 256
)

// anonymousIDCookie returns the anonymous id of the first cookie that holds one,
// or "".
func anonymousIDCookie(r *http.Request) string {
	for _, cookie := range r.CookiesNamed(anonymousIDName) {
		if id := decodeAnonymousID(cookie.Value); id != "" {
			return id
		}
	}
	return ""
}

// decodeAnonymousID reads the value of the cookie: the id, which may be a JSON
// string, which may be URL-encoded. Anyone can write a cookie, so whatever is
// not plainly an id gives "".
func decodeAnonymousID(value string) string {
	if len(value) > 3*(maxAnonymousID+len(`""`)) {
		return ""
	}
	id, err := url.PathUnescape(value)
	if err != nil {
		return ""
	}
	if strings.HasPrefix(id, `"`) {
		quoted := id
		if id = ""; json.Unmarshal([]byte(quoted), &id) != nil {
			return ""
		}
	}
	// Older versions of the library write null when there is no id.
	if id == "null" || len(id) > maxAnonymousID || !utf8.ValidString(id) {
		return ""
	}
	if strings.TrimSpace(id) == "" || strings.ContainsFunc(id, unicode.IsControl) {
		return ""
	}
	return id
}
