// Slugs: the names of sources in addresses.

package sources

import (
	"fmt"
	"strconv"
	"strings"
)

// maxSlug is a slug's length in bytes, the number behind it included.
const maxSlug = 60

// reserved are first segments of addresses that are not sources.
var reserved = map[string]bool{"v1": true, "api": true, "assets": true}

// latin spells the letters with marks that names in Latin script have, by the
// letters without.
var latin = map[string]string{
	"àáâãäåāăą": "a", "æ": "ae", "çćĉċč": "c", "ďđð": "d", "èéêëēĕėęě": "e", "ĝğġģ": "g", "ĥħ": "h",
	"ìíîïĩīĭįı": "i", "ĵ": "j", "ķ": "k", "ĺļľŀł": "l", "ñńņň": "n", "òóôõöøōŏő": "o", "œ": "oe",
	"ŕŗř": "r", "śŝşšș": "s", "ß": "ss", "ţťŧț": "t", "þ": "th", "ùúûüũūŭůűų": "u", "ŵ": "w",
	"ýÿŷ": "y", "źżž": "z",
}

// newSlug makes a slug of a name that is not taken: "Café No. 1" becomes
// "cafe-no-1", what has no Latin letter or digit "source", and a number goes behind
// it when that is taken or reserved.
func newSlug(name string, taken func(slug string) bool) string {
	base := slugify(name)
	if base == "" {
		base = "source"
	}
	for n := 1; ; n++ {
		suffix := ""
		if n > 1 {
			suffix = "-" + strconv.Itoa(n)
		}
		slug := strings.TrimRight(base[:min(len(base), maxSlug-len(suffix))], "-") + suffix
		if !reserved[slug] && !taken(slug) {
			return slug
		}
	}
}

// slugify keeps letters and digits; whatever else stands between them is one dash.
func slugify(name string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(name) {
		letters := spell(r)
		if letters == "" {
			dash = b.Len() > 0
			continue
		}
		if dash {
			b.WriteByte('-')
			dash = false
		}
		b.WriteString(letters)
	}
	return b.String()
}

func spell(r rune) string {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return string(r)
	}
	for letters, plain := range latin {
		if strings.ContainsRune(letters, r) {
			return plain
		}
	}
	return ""
}

// checkSlug refuses an id that this package would not have made.
func checkSlug(slug string) error {
	switch {
	case len(slug) > maxSlug:
		return bad("id", fmt.Sprintf("is longer than %d characters", maxSlug))
	case reserved[slug]:
		return bad("id", "is reserved: v1, api and assets are addresses of the collector")
	case strings.Trim(slug, "-") != slug || slug == "":
		return bad("id", "begins or ends with a dash, or is empty")
	}
	for _, c := range []byte(slug) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return bad("id", "has something other than a to z, 0 to 9 and dashes in it")
		}
	}
	return nil
}
