// The Debugger: the latest calls, and each of them as Go code and as JSON.

package pages

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/headwater-dev/analytics/collector/internal/gocode"
	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// maxRows is how many calls the Debugger shows.
const maxRows = 500

// debuggerPage is the Debugger. Call is the one whose details are shown, if any.
type debuggerPage struct {
	frame
	Type, Verdict, Search string
	Types, Verdicts       []choice
	Rows                  []Row
	After                 int64  // the newest call shown
	Stream                string // the address of newer ones
}

func (s *site) debugger(w http.ResponseWriter, r *http.Request, src sources.Source) {
	q := r.URL.Query()
	f := debuggerFilter(q)
	f.Limit = maxRows
	rows, err := s.Rows(r.Context(), src.ID, f)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page := debuggerPage{
		frame: sourceFrame(r, "debugger", src),
		Type:  q.Get("type"), Verdict: q.Get("verdict"), Search: q.Get("q"), Rows: rows,
	}
	stream := url.Values{"type": {page.Type}, "verdict": {page.Verdict}, "q": {page.Search}}
	if len(rows) > 0 {
		page.After = rows[0].ID
	}
	stream.Set("after", strconv.FormatInt(page.After, 10))
	page.Stream = "live?" + stream.Encode()
	page.Types = callChoices(page.Type)
	page.Verdicts = verdictChoices(page.Verdict)
	s.render(w, r, http.StatusOK, "debugger", page)
}

// debuggerFilter reads type, verdict and q. A verdict is a code, or failed or
// filtered for all codes of that step.
func debuggerFilter(q url.Values) store.CallFilter {
	f := store.CallFilter{Type: q.Get("type"), Verdict: q.Get("verdict"), Search: q.Get("q")}
	switch f.Verdict {
	case "failed":
		f.Verdict, f.Step = "", store.Failed
	case "filtered":
		f.Verdict, f.Step = "", store.Filtered
	}
	return f
}

func callChoices(chosen string) []choice {
	choices := []choice{{Label: "All calls"}}
	for _, t := range []string{"identify", "track", "page", "screen", "group", "alias"} {
		choices = append(choices, choice{Key: t, Label: callLabel(t)})
	}
	return choose(choices, chosen)
}

// verdictChoices are a verdict that is fine, and the steps at which calls stop.
func verdictChoices(chosen string) []choice {
	return choose([]choice{
		{Key: "", Label: "All verdicts"}, {Key: "ok", Label: "OK"},
		{Key: "failed", Label: "Failed on ingest"}, {Key: "filtered", Label: "Filtered at source"},
	}, chosen)
}

// choose marks the choice of a key, and adds one for a key that came by a link.
func choose(choices []choice, key string) []choice {
	for i := range choices {
		if choices[i].Key == key {
			choices[i].Chosen = true
			return choices
		}
	}
	return append(choices, choice{Key: key, Label: short(key), Chosen: true})
}

// callPage is one call in full.
type callPage struct {
	frame
	Row     Row
	Explain string // of the verdict
	Pretty  string // "" when it cannot be written as Go
	Text    string // the message, indented
}

// call answers with a page, or with the part of it that ?part asks for.
func (s *site) call(w http.ResponseWriter, r *http.Request, src sources.Source) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id <= 0 {
		s.noPage(w, r)
		return
	}
	rows, err := s.Rows(r.Context(), src.ID, store.CallFilter{Limit: 1, ID: id})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if len(rows) == 0 {
		s.wrong(w, r, http.StatusNotFound, "No longer kept", "This call is older than what the collector keeps.")
		return
	}
	page := callPage{frame: sourceFrame(r, "debugger", src), Row: rows[0], Text: indent(rows[0].Raw)}
	if page.Row.Verdict != "ok" {
		page.Explain = explain(page.Row.Verdict, page.Row.Step)
	}
	if m := decode(rows[0].Raw); m != nil && rows[0].Type != "" {
		page.Pretty = gocode.Call(m)
	}
	view := "call"
	if r.URL.Query().Has("part") {
		view = "call/detail"
	}
	s.render(w, r, http.StatusOK, view, page)
}

// indent lays JSON out; what is not JSON stays as it is.
func indent(raw []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return string(raw)
	}
	return b.String()
}

// decode returns a message, nil when raw is not an object.
func decode(raw []byte) map[string]any {
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		return nil
	}
	return m
}
