// Deep copies of a Context.

package analytics

import (
	"maps"
	"slices"
)

// clone returns a copy that shares nothing changeable with c; nil of nil. In
// Traits and Extra, a value behind a pointer or of a struct type is copied as
// its JSON reads.
func (c *Context) clone() *Context {
	if c == nil {
		return nil
	}
	d := *c
	d.Active = clonePtr(c.Active)
	d.Consent.CategoryPreferences = maps.Clone(c.Consent.CategoryPreferences)
	d.Device.AdTrackingEnabled = clonePtr(c.Device.AdTrackingEnabled)
	d.ExternalIDs = slices.Clone(c.ExternalIDs)
	d.Location.Latitude = clonePtr(c.Location.Latitude)
	d.Location.Longitude = clonePtr(c.Location.Longitude)
	d.Location.Speed = clonePtr(c.Location.Speed)
	d.Network.Bluetooth = clonePtr(c.Network.Bluetooth)
	d.Network.Cellular = clonePtr(c.Network.Cellular)
	d.Network.WiFi = clonePtr(c.Network.WiFi)
	d.UserAgentData.Brands = slices.Clone(c.UserAgentData.Brands)
	d.UserAgentData.FullVersionList = slices.Clone(c.UserAgentData.FullVersionList)
	d.UserAgentData.Mobile = clonePtr(c.UserAgentData.Mobile)
	d.UserAgentData.WOW64 = clonePtr(c.UserAgentData.WOW64)
	left := maxCopied
	d.Campaign.Extra = cloneMap(c.Campaign.Extra, &left)
	d.Traits = cloneMap(c.Traits, &left)
	d.Extra = cloneMap(c.Extra, &left)
	return &d
}

// cloneMap copies m deeply. A value that cannot be copied is not encodable either
// and stays as it is, for the encoder to name.
func cloneMap[M ~map[string]any](m M, left *int) M {
	if m == nil {
		return nil
	}
	cloned := make(M, len(m))
	for key, v := range m {
		if copied, err := copyValue(v, bounds{}, left); err == nil {
			v = copied
		}
		cloned[key] = v
	}
	return cloned
}

func clonePtr[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return Ptr(*p)
}
