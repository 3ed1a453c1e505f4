// An Overview as the JSON API answers it.

package overview

import (
	"encoding/json"
	"time"
)

// answer is an Overview on the wire. Its names are a promise to programs.
type answer struct {
	Window     string       `json:"window"`
	From       time.Time    `json:"from"`
	To         time.Time    `json:"to"`
	Received   int          `json:"received"`
	Failed     int          `json:"failed"`
	Filtered   int          `json:"filtered"`
	Eligible   int          `json:"eligible"`
	Duplicates int          `json:"duplicates"`
	ByType     []typeRow    `json:"byType"`
	ByName     []nameRow    `json:"byName"`
	ByVersion  []versionRow `json:"byVersion"`
	Reasons    []verdictRow `json:"reasons"`
	Series     []point      `json:"series"`
}

type typeRow struct {
	Type   string   `json:"type"`
	Count  int      `json:"count"`
	Change *float64 `json:"change"` // null when there is nothing to compare with
}

type nameRow struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

type versionRow struct {
	Version string `json:"version"`
	Count   int    `json:"count"`
}

type verdictRow struct {
	Verdict string `json:"verdict"`
	Count   int    `json:"count"`
}

type point struct {
	At       time.Time `json:"at"`
	Received int       `json:"received"`
	Failed   int       `json:"failed"`
	Filtered int       `json:"filtered"`
	Eligible int       `json:"eligible"`
}

// MarshalJSON writes
//
//	{"window":"24h","from":…,"to":…,
//	 "received":9,"failed":2,"filtered":1,"eligible":6,"duplicates":0,
//	 "byType":[{"type":"track","count":9,"change":12.5}],
//	 "byName":[{"name":"Order Completed","count":9}],
//	 "byVersion":[{"version":"1.2.0","count":9}],
//	 "reasons":[{"verdict":"no_user_anon_id","count":2}],
//	 "series":[{"at":…,"received":9,"failed":2,"filtered":1,"eligible":6}]}
//
// Times are RFC 3339 in UTC. A list without rows is [], and a change is null
// when there is nothing to compare with.
func (o Overview) MarshalJSON() ([]byte, error) {
	return json.Marshal(answer{
		Window: o.Window.Name, From: o.Window.From.UTC(), To: o.Window.To.UTC(),
		Received: o.Received, Failed: o.Failed, Filtered: o.Filtered, Eligible: o.Eligible,
		Duplicates: o.Duplicates,
		ByType:     list(o.ByType, func(r Row) typeRow { return typeRow{r.Label, r.Count, r.Change} }),
		ByName:     list(o.ByName, func(r Row) nameRow { return nameRow{r.Label, r.Count} }),
		ByVersion:  list(o.ByVersion, func(r Row) versionRow { return versionRow{r.Label, r.Count} }),
		Reasons:    list(o.Reasons, func(r Row) verdictRow { return verdictRow{r.Label, r.Count} }),
		Series:     list(o.Series, func(p Point) point { return point{p.At.UTC(), p.Received, p.Failed, p.Filtered, p.Eligible} }),
	})
}

// list writes each element of from, and an empty list rather than none.
func list[F, T any](from []F, write func(F) T) []T {
	to := make([]T, 0, len(from))
	for _, element := range from {
		to = append(to, write(element))
	}
	return to
}
