// The variants: everything that is measured, from one goroutine and from eight.

package main

import (
	"fmt"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/headwater-dev/analytics"
)

// variant is one thing measured from one number of goroutines.
type variant struct {
	name       string
	goroutines int
	open       opener

	driver string // the variant that only builds the same messages; empty for a driver
	floor  string // what it is compared with; empty for drivers
	peer   bool   // somebody else's library
	events int    // a run; 0 is what the plan says
	ids    bool   // it sends a messageId for each event and none beside
}

// String tells variants apart.
func (v variant) String() string {
	if v.events > 0 {
		return fmt.Sprintf("%s ×%d, %d events", v.name, v.goroutines, v.events)
	}
	return fmt.Sprintf("%s ×%d", v.name, v.goroutines)
}

// under is the driver of a variant, by name only.
func (v variant) under() variant {
	return variant{name: v.driver, goroutines: v.goroutines, events: v.events}
}

// batchSize is what every variant puts into a request, the default of all of them.
const batchSize = 250

const (
	floorGzip  = "floor, gzip"
	floorPlain = "floor, plain"
	mapGzip    = "headwater, map, gzip"
	attrsGzip  = "headwater, Attrs, gzip"
)

// loads are the numbers of goroutines from which load comes.
var loads = []int{1, 8}

// variants lists those of one number of goroutines. The floor serves one.
func variants(n int) []variant {
	const ofEvents, ofMaps, ofAttrs = "driver, events", "driver, map", "driver, Attrs"
	var list []variant
	driven := func(name, driver, floor string, ids bool, open opener) {
		list = append(list, variant{name: name, goroutines: n, driver: driver, floor: floor, ids: ids, open: open})
	}
	driven(ofMaps, "", "", false, drive(trackWithMap))
	driven(ofAttrs, "", "", false, drive(trackWithAttrs))
	if n == 1 {
		driven(ofEvents, "", "", false, drive(itself))
		driven(floorGzip, ofEvents, floorGzip, true, openFloor(true))
		driven(floorPlain, ofEvents, floorPlain, true, openFloor(false))
	}
	driven(mapGzip, ofMaps, floorGzip, true, openHeadwater(trackWithMap, analytics.Gzip))
	driven(attrsGzip, ofAttrs, floorGzip, true, openHeadwater(trackWithAttrs, analytics.Gzip))
	driven("headwater, map, plain", ofMaps, floorPlain, true, openHeadwater(trackWithMap, analytics.None))
	driven("headwater, Attrs, plain", ofAttrs, floorPlain, true, openHeadwater(trackWithAttrs, analytics.None))
	peer := func(module, name string, driver, open opener) {
		name += " " + versionOf(module)
		driven("driver, "+name, "", "", false, driver)
		driven(name, "driver, "+name, floorPlain, false, open)
		list[len(list)-1].peer = true
	}
	peer("github.com/posthog/posthog-go", "posthog-go", drive(captureOf), openPosthog)
	peer("github.com/segmentio/analytics-go/v3", "analytics-go", drive(segmentTrack), openSegment)
	peer("gopkg.in/segmentio/analytics-go.v3", "analytics-go", drive(gopkgTrack), openGopkg)
	return list
}

// everything is what one benchmark measures.
func everything() []variant {
	var list []variant
	for _, n := range loads {
		list = append(list, variants(n)...)
	}
	return list
}

// find returns the variant of a name.
func find(list []variant, name string) (variant, error) {
	i := slices.IndexFunc(list, func(v variant) bool { return v.name == name })
	if i < 0 {
		return variant{}, fmt.Errorf("no variant is called %q", name)
	}
	return list[i], nil
}

// chosen are the variants whose String contains one of words, with what they are
// compared with; all of them without words.
func chosen(list []variant, words []string) []variant {
	wanted := make(map[string]bool)
	var want func(variant)
	want = func(v variant) {
		wanted[v.String()] = true
		for _, o := range list {
			if o.String() == v.under().String() || o.name == v.floor && o.name != v.name {
				want(o)
			}
		}
	}
	for _, v := range list {
		asked := func(word string) bool { return strings.Contains(v.String(), word) }
		if len(words) == 0 || slices.ContainsFunc(words, asked) {
			want(v)
		}
	}
	return slices.DeleteFunc(slices.Clone(list), func(v variant) bool { return !wanted[v.String()] })
}

// versionOf is the version of a module built into this program.
func versionOf(module string) string {
	info, _ := debug.ReadBuildInfo()
	if info != nil {
		for _, dep := range info.Deps {
			if dep.Path == module {
				return dep.Version
			}
		}
	}
	return "(" + path.Base(module) + ")"
}
