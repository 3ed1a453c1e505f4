// Steps: where in the pipeline a call ended, by name.

package overview

import (
	"slices"
	"strings"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

// Steps lists the names of the steps in the order of the pipeline; the index of
// one is its store.Step.
var Steps = []string{store.Received: "received", store.Failed: "failed", store.Filtered: "filtered", store.Eligible: "eligible"}

// ParseStep returns the step of a name in Steps, and store.Received for "". The
// error is an *Error.
func ParseStep(name string) (store.Step, error) {
	if name == "" {
		return store.Received, nil
	}
	i := slices.Index(Steps, name)
	if i < 0 {
		return store.Received, &Error{"step", "must be one of " + strings.Join(Steps, ", ")}
	}
	return store.Step(i), nil
}
