// The errors of v3, and which one stands for an error of the modern client.

package analytics

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"

	headwater "github.com/headwater-dev/analytics"
)

// These are the values of the modern client, so that errors.Is finds both.
var (
	// ErrClosed is returned by Enqueue after Close, and by a second Close.
	ErrClosed = headwater.ErrClosed

	// ErrTooManyRequests means that a message found no room in the queue.
	ErrTooManyRequests = headwater.ErrQueueFull

	// ErrMessageTooBig means that the JSON of a message is longer than 32 000 bytes.
	ErrMessageTooBig = headwater.ErrMessageTooLarge
)

// ConfigError is returned by NewWithConfig for a Config that it cannot accept.
type ConfigError struct {
	Reason string // why not
	Field  string // of Config
	Value  any    // of the field
}

// Error reads "analytics.NewWithConfig: reason (analytics.Config.Field: value)".
func (e ConfigError) Error() string {
	return fmt.Sprintf("analytics.NewWithConfig: %s (analytics.Config.%s: %#v)", e.Reason, e.Field, e.Value)
}

// FieldError is returned by Validate for a field that is missing.
type FieldError struct {
	Type  string // of the message: "analytics.Track"
	Name  string // of the field
	Value any    // of the field
}

// Error reads "analytics.Track.Event: invalid field value: value".
func (e FieldError) Error() string {
	return fmt.Sprintf("%s.%s: invalid field value: %#v", e.Type, e.Name, e.Value)
}

// missing is the FieldError of an empty field of a message.
func missing(m Message, field string) error {
	return FieldError{Type: "analytics." + reflect.TypeOf(m).Name(), Name: field, Value: ""}
}

// cause returns the error that v3 would have given for err, bare, since its users
// compare and assert types; err where there is none.
func cause(err error) error {
	for _, known := range []error{ErrClosed, ErrTooManyRequests, ErrMessageTooBig} {
		if errors.Is(err, known) {
			return known
		}
	}
	var (
		fault      configFault
		request    *url.Error
		marshaller *json.MarshalerError
		kind       *json.UnsupportedTypeError
		value      *json.UnsupportedValueError
		answer     *headwater.ResponseError
	)
	switch {
	case errors.As(err, &fault):
		return fault.err
	case errors.As(err, &answer):
		if broken := answer.Unwrap(); broken != nil {
			return broken
		}
		return err
	case errors.As(err, &request):
		return request
	case errors.As(err, &marshaller):
		return marshaller
	case errors.As(err, &kind):
		return kind
	case errors.As(err, &value):
		return value
	}
	return err
}
