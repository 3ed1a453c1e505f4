// Paths: from a message to a value inside it, for those who ask a call things.

package ingest

import (
	"strconv"
	"strings"
)

// Find walks from a decoded JSON value along a dotted path, "products.0.sku", and
// reports whether there is something, null included. A key that itself contains a
// dot is not reached.
func Find(value any, path string) (any, bool) {
	for key := range strings.SplitSeq(path, ".") {
		switch under := value.(type) {
		case map[string]any:
			next, ok := under[key]
			if !ok {
				return nil, false
			}
			value = next
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(under) {
				return nil, false
			}
			value = under[i]
		default:
			return nil, false
		}
	}
	return value, true
}
