// The Source Overview in numbers.

package collectortest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Overview is what a source received in a window of time.
type Overview struct {
	Window   string // "24h"
	From, To time.Time

	// Received = Failed + Filtered + Eligible.
	Received, Failed, Filtered, Eligible int

	// Duplicates came with a messageId seen before. They are not among the received.
	Duplicates int

	// Calls received, by what the map is named for. At most five hundred names stand
	// for themselves; those with the fewest calls share the key "(12 more)".
	ByType    map[string]int
	ByName    map[string]int // track calls by event, all others under "Unnamed"
	ByVersion map[string]int // by context.app.version, "" when there is none

	// Change is the change of ByType in percent against the window before, of equal
	// length; -100 for a type that is gone. One that was not there before has none.
	Change map[string]float64

	Series []Point
}

// Point is one bucket of an Overview's series.
type Point struct {
	At       time.Time `json:"at"`
	Received int       `json:"received"`
	Failed   int       `json:"failed"`
	Filtered int       `json:"filtered"`
	Eligible int       `json:"eligible"`
}

// Overview returns the numbers of a window: "10m", "1h", "24h", "7d", "2w", or ""
// for 24 hours.
func (s *Source) Overview(ctx context.Context, window string) (*Overview, error) {
	path, err := s.path("overview", url.Values{"window": {window}})
	if err != nil {
		return nil, err
	}
	o := new(Overview)
	if err := s.api.do(ctx, request{op: "overview", method: http.MethodGet, path: path}, o); err != nil {
		return nil, err
	}
	return o, nil
}

// UnmarshalJSON reads the answer of the JSON API, where each breakdown is a list.
func (o *Overview) UnmarshalJSON(text []byte) error {
	var answer struct {
		Window                                           string
		From, To                                         time.Time
		Received, Failed, Filtered, Eligible, Duplicates int
		ByType                                           []struct {
			Type   string
			Count  int
			Change *float64
		}
		ByName []struct {
			Name  string
			Count int
		}
		ByVersion []struct {
			Version string
			Count   int
		}
		Series []Point
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	*o = Overview{
		Window: answer.Window, From: answer.From, To: answer.To,
		Received: answer.Received, Failed: answer.Failed, Filtered: answer.Filtered, Eligible: answer.Eligible,
		Duplicates: answer.Duplicates,
		ByType:     map[string]int{}, ByName: map[string]int{}, ByVersion: map[string]int{}, Change: map[string]float64{},
		Series: answer.Series,
	}
	for _, row := range answer.ByType {
		if row.Count > 0 { // a type that is gone has a row for its change
			o.ByType[row.Type] = row.Count
		}
		if row.Change != nil {
			o.Change[row.Type] = *row.Change
		}
	}
	for _, row := range answer.ByName {
		o.ByName[row.Name] = row.Count
	}
	for _, row := range answer.ByVersion {
		o.ByVersion[row.Version] = row.Count
	}
	return nil
}
