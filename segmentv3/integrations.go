// Integrations: which destinations get a message.

package analytics

import headwater "github.com/headwater-dev/analytics"

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

// modern spells "all" as the API does, unless that is there too, and makes a true of a
// text or a number: to v3 a destination is on unless it says false, and the API knows
// bools and objects only.
func (i Integrations) modern() headwater.Integrations {
	if i == nil {
		return nil
	}
	spelt := make(headwater.Integrations, len(i))
	for name, v := range i {
		switch v.(type) {
		case string, int, int64, float64:
			v = true
		}
		spelt[name] = v
	}
	if v, ok := spelt[all]; ok {
		delete(spelt, all)
		if _, ok := spelt[allOnWire]; !ok {
			spelt[allOnWire] = v
		}
	}
	return spelt
}
