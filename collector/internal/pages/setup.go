// Set-up: the write key in ready snippets, and the wait for the first call.

package pages

import (
	"net/http"

	"github.com/headwater-dev/analytics/collector/internal/gocode"
	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// setupPage holds the write key, in its snippets.
type setupPage struct {
	frame
	Endpoint string
	Snippets []gocode.Snippet
	Last     *Row // the newest call, nil when there is none
}

func (s *site) setup(w http.ResponseWriter, r *http.Request, src sources.Source) {
	rows, err := s.Rows(r.Context(), src.ID, store.CallFilter{Limit: 1})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	endpoint := s.Endpoint(r)
	page := setupPage{sourceFrame(r, "setup", src), endpoint, gocode.Snippets(endpoint, src.WriteKey, src.Type), nil}
	if len(rows) > 0 {
		page.Last = &rows[0]
	}
	s.render(w, r, http.StatusOK, "setup", page)
}

// AsRows is the newest call for the template that lists calls.
func (p setupPage) AsRows() debuggerPage { return debuggerPage{frame: p.frame, Rows: []Row{*p.Last}} }
