// Samples: up to ten calls that stopped at a step for one reason.

package pages

import (
	"net/http"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

const maxSamples = 10

type samplesPage struct {
	frame
	Samples []sample
}

// sample is a call with its message, indented.
type sample struct {
	Row
	Text string
}

// samples answers with a part of a page.
func (s *site) samples(w http.ResponseWriter, r *http.Request, src sources.Source) {
	q := r.URL.Query()
	f := store.CallFilter{Limit: maxSamples, Verdict: q.Get("verdict"), Step: stepNamed(q.Get("step"))}
	f.From, _ = time.Parse(time.RFC3339, q.Get("from")) // unreadable: no bound
	f.To, _ = time.Parse(time.RFC3339, q.Get("to"))
	rows, err := s.Rows(r.Context(), src.ID, f)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page := samplesPage{frame: sourceFrame(r, "overview", src)}
	for _, row := range rows {
		page.Samples = append(page.Samples, sample{row, indent(row.Raw)})
	}
	s.render(w, r, http.StatusOK, "overview/samples", page)
}
