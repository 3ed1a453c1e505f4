// Errors of the registry: what a person typed wrong, and a source that is not there.

package sources

import (
	"errors"
	"strings"
)

// ErrNotFound is wrapped by the methods of Registry that take a slug when no
// source has it.
var ErrNotFound = errors.New("no such source")

// Error says what is wrong with something a person gave. Methods of Registry and
// ParseFlag wrap it. It never holds a write key.
type Error struct {
	Field  string // "id", "name", "type", "key", or one of a filter's: "filters[0].event"
	Reason string // reads on after the field: "is longer than 100 characters"
}

// Error returns the field and the reason.
func (e *Error) Error() string { return strings.TrimSpace(e.Field + " " + e.Reason) }

func bad(field, reason string) error { return &Error{Field: field, Reason: reason} }
