// Integrations: which destinations get a message.

package analytics

import (
	"maps"

	headwater "github.com/headwater-dev/analytics"
)

// all is the key that v3 writes for every destination not named; allOnWire is how the
// Tracking API spells it.
const (
	all       = "all"
	allOnWire = "All"
)

// Integrations says which destinations get a message: a name, and a bool or an object
// of options.
type Integrations map[string]any

// NewIntegrations returns empty Integrations.
func NewIntegrations() Integrations { return make(Integrations) }

// EnableAll sends the message to all destinations that are not named.
func (i Integrations) EnableAll() Integrations { return i.Enable(all) }

// DisableAll keeps the message from all destinations that are not named.
func (i Integrations) DisableAll() Integrations { return i.Disable(all) }

// Enable sends the message to a destination.
func (i Integrations) Enable(name string) Integrations { return i.Set(name, true) }

// Disable keeps the message from a destination.
func (i Integrations) Disable(name string) Integrations { return i.Set(name, false) }

// Set sets what a destination gets and returns i, which must not be nil.
func (i Integrations) Set(name string, value any) Integrations {
	i[name] = value
	return i
}

// modern spells "all" as the API does, unless that is there too.
func (i Integrations) modern() headwater.Integrations {
	v, ok := i[all]
	if !ok {
		return headwater.Integrations(i)
	}
	spelt := maps.Clone(i)
	delete(spelt, all)
	if _, ok := spelt[allOnWire]; !ok {
		spelt[allOnWire] = v
	}
	return headwater.Integrations(spelt)
}
