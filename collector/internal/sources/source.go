// A source: where calls come from, as the pages, the API and the ingest know it.

// Package sources holds the sources of a collector: their kinds, their write
// keys and the filters that keep calls out.
package sources

import "time"

// Source is one source. A Source handed out is a copy.
type Source struct {
	ID        int64
	Slug      string // in addresses; unique, never changes
	Name      string
	Type      Type // never changes
	WriteKey  string
	Disabled  bool
	CreatedAt time.Time
	Filters   []Filter
}

// Type is the kind of a source.
type Type string

// The types of sources.
const (
	Website     Type = "website"
	Mobile      Type = "mobile"
	Server      Type = "server"
	HTTPAPI     Type = "http-api"
	Pixel       Type = "pixel"
	CloudEvent  Type = "cloud-event"
	CloudObject Type = "cloud-object"
	ReverseETL  Type = "reverse-etl"
)

// Types lists the types in the order in which people are offered them.
var Types = []Type{Website, Mobile, Server, HTTPAPI, Pixel, CloudEvent, CloudObject, ReverseETL}

// Label is the type as people read it: "Reverse ETL".
func (t Type) Label() string {
	switch t {
	case Website:
		return "Website"
	case Mobile:
		return "Mobile"
	case Server:
		return "Server"
	case HTTPAPI:
		return "HTTP API"
	case Pixel:
		return "Pixel"
	case CloudEvent:
		return "Cloud app event"
	case CloudObject:
		return "Cloud app object"
	case ReverseETL:
		return "Reverse ETL"
	}
	return string(t)
}

// Filter blocks calls at the source. A call is blocked when it meets every
// condition that is given; a Filter without any blocks nothing.
type Filter struct {
	Call     string `json:"call,omitempty" yaml:"call"`         // track …; "" for any
	Event    string `json:"event,omitempty" yaml:"event"`       // the event's name; * stands for any text
	Property string `json:"property,omitempty" yaml:"property"` // a dotted path that is present in properties
	Trait    string `json:"trait,omitempty" yaml:"trait"`       // a dotted path that is present in traits
	Value    string `json:"value,omitempty" yaml:"value"`       // what the property or trait must be, as text; * stands for any text
}
