// The Overview of a source: four steps, one chart, one table.

package pages

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/overview"
	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// overviewPage is the Overview over a window. Its table is the one of Tab.
type overviewPage struct {
	frame
	Window  overview.Window
	Problem string // with the window asked for
	Asked   asked
	Windows []choice
	Steps   []stepCard
	Step    *stepCard // the chosen one
	Tabs    []choice
	Tab     string

	Rows    []overview.Row
	Reasons []reason
	Longest int // count of the longest row

	Chart       chart
	Duplicates  int
	Collections []store.Collection

	Newest int64 // the id of the latest call, after which the stream begins
}

// asked is what the address of an Overview says.
type asked struct{ Window, From, To, Step, Tab string }

// query writes the address with some of it replaced.
func (a asked) query(replace func(*asked)) string {
	replace(&a)
	v := url.Values{}
	for name, value := range map[string]string{"window": a.Window, "from": a.From, "to": a.To, "step": a.Step, "tab": a.Tab} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return "?" + v.Encode()
}

// choice is a link of which one in a row is chosen.
type choice struct {
	Key, Label, Short string
	Href              string
	Chosen            bool
}

// stepCard is a step of the pipeline.
type stepCard struct {
	choice
	Step  store.Step
	About string
	Count int
	Share string // of all received
}

// reason is why calls stopped at a step.
type reason struct {
	Verdict, Text string
	Count         int
	Samples       string // the address of some of them
	Debugger      string // the address of all of them
}

// chart is what the script draws.
type chart struct {
	Step   string     `json:"step"`
	Label  string     `json:"label"`
	Bucket int64      `json:"bucket"` // ms
	To     int64      `json:"to"`     // ms since 1970, where the window ends
	Points [][2]int64 `json:"points"` // beginning in ms since 1970, calls

	// Running says that the window has not ended: its last point still grows.
	Running bool `json:"running"`
}

func (s *site) overview(w http.ResponseWriter, r *http.Request, src sources.Source) {
	q := r.URL.Query()
	a := asked{q.Get("window"), q.Get("from"), q.Get("to"), q.Get("step"), q.Get("tab")}
	page := overviewPage{frame: sourceFrame(r, "overview", src), Asked: a}
	window, err := overview.ParseWindow(a.Window, inUTC(a.From), inUTC(a.To), s.Now())
	if err != nil {
		page.Problem = windowProblem(err)
		window, err = overview.ParseWindow("", "", "", s.Now())
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page.Window, page.Asked.Window = window, window.Name
	if window.Name != "custom" {
		page.Asked.From, page.Asked.To = "", ""
	}

	// Asked for before the numbers: what comes in between is news to the stream.
	newest, err := s.Rows(r.Context(), src.ID, store.CallFilter{Limit: 1})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for _, row := range newest {
		page.Newest = row.ID
	}
	step := stepNamed(a.Step)
	o, err := s.Overview(r.Context(), src.ID, window, step)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page.Collections, err = s.Collections(r.Context(), src.ID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page.fill(o, step, s.Now())
	status := http.StatusOK
	if page.Problem != "" {
		status = http.StatusUnprocessableEntity
	}
	s.render(w, r, status, "overview", page)
}

// inUTC completes what a datetime-local field sends where no script has put it in
// the viewer's zone.
func inUTC(text string) string {
	if _, err := time.Parse("2006-01-02T15:04", text); err == nil {
		return text + ":00Z"
	}
	return text
}

// windowProblem is what is wrong with a window, as a sentence.
func windowProblem(err error) string {
	var bad *overview.Error
	if !errors.As(err, &bad) {
		return sentence("window", err.Error())
	}
	return sentence(bad.Field, bad.Reason)
}

// stepNamed is the step of a name, and Received for a name that is none.
func stepNamed(name string) store.Step {
	step, err := overview.ParseStep(name)
	if err != nil {
		return store.Received
	}
	return step
}

// fill lays out an overview of which step is shown, as it is now.
func (p *overviewPage) fill(o *overview.Overview, step store.Step, now time.Time) {
	p.fillChoices(o, step)
	p.Tab = p.Asked.Tab
	stopped := step == store.Failed || step == store.Filtered
	if p.Tab == "" && stopped {
		p.Tab = "reasons"
	}
	tabs := []choice{{Key: "type", Label: "Event type"}, {Key: "name", Label: "Event name"}, {Key: "version", Label: "App version"}}
	if stopped {
		tabs = append([]choice{{Key: "reasons", Label: "Reasons"}}, tabs...)
	}
	switch p.Tab {
	case "name":
		p.Rows = o.ByName
	case "version":
		p.Rows = o.ByVersion
	case "reasons":
		if stopped {
			p.fillReasons(o, step)
			break
		}
		p.Tab, p.Rows = "type", o.ByType
	default:
		p.Tab, p.Rows = "type", o.ByType
	}
	for _, row := range p.Rows {
		p.Longest = max(p.Longest, row.Count)
	}
	for _, t := range tabs {
		t.Chosen = t.Key == p.Tab
		t.Href = p.Asked.query(func(a *asked) { a.Tab = t.Key })
		p.Tabs = append(p.Tabs, t)
	}
	p.Duplicates = o.Duplicates
	p.Chart = newChart(o, step, p.Step.Label)
	p.Chart.Running = o.Window.To.After(now)
}

// fillChoices makes the windows and the steps.
func (p *overviewPage) fillChoices(o *overview.Overview, step store.Step) {
	for _, w := range []choice{
		{Key: "10m", Label: "Last 10 minutes", Short: "10 min"}, {Key: "1h", Label: "Last hour", Short: "1 hour"},
		{Key: "24h", Label: "Last 24 hours", Short: "24 hours"}, {Key: "7d", Label: "Last 7 days", Short: "7 days"},
		{Key: "2w", Label: "Last 2 weeks", Short: "2 weeks"},
	} {
		w.Chosen = w.Key == p.Window.Name
		w.Href = p.Asked.query(func(a *asked) { a.Window, a.From, a.To = w.Key, "", "" })
		p.Windows = append(p.Windows, w)
	}
	p.Steps = []stepCard{
		{choice{Key: "received", Label: "Events successfully received"}, store.Received, "Everything that arrived", o.Received, ""},
		{choice{Key: "failed", Label: "Failed on ingest"}, store.Failed, "Broke a rule of the API", o.Failed, share(o.Failed, o.Received)},
		{choice{Key: "filtered", Label: "Filtered at source"}, store.Filtered, "Blocked by your filters", o.Filtered, share(o.Filtered, o.Received)},
		{choice{Key: "eligible", Label: "Eligible events"}, store.Eligible, "What flows on", o.Eligible, share(o.Eligible, o.Received)},
	}
	for i := range p.Steps {
		c := &p.Steps[i]
		c.Href = p.Asked.query(func(a *asked) {
			a.Step = c.Key
			if a.Tab == "reasons" {
				a.Tab = ""
			}
		})
		if c.Step == step {
			c.Chosen, p.Step, p.Asked.Step = true, c, c.Key
		}
	}
}

func (p *overviewPage) fillReasons(o *overview.Overview, step store.Step) {
	for _, row := range o.Reasons {
		p.Longest = max(p.Longest, row.Count)
		v := url.Values{"verdict": {row.Label}}
		debugger := "debugger?" + v.Encode()
		v.Set("step", p.Step.Key)
		v.Set("from", p.Window.From.UTC().Format(time.RFC3339))
		v.Set("to", p.Window.To.UTC().Format(time.RFC3339))
		p.Reasons = append(p.Reasons, reason{row.Label, explain(row.Label, step), row.Count, "samples?" + v.Encode(), debugger})
	}
}

func newChart(o *overview.Overview, step store.Step, label string) chart {
	c := chart{
		Step: stepKey(step), Label: label, Bucket: o.Window.Bucket.Milliseconds(), To: o.Window.To.UnixMilli(),
		Points: [][2]int64{},
	}
	for _, p := range o.Series {
		n := p.Received
		switch step {
		case store.Failed:
			n = p.Failed
		case store.Filtered:
			n = p.Filtered
		case store.Eligible:
			n = p.Eligible
		}
		c.Points = append(c.Points, [2]int64{p.At.UnixMilli(), int64(n)})
	}
	return c
}

func stepKey(step store.Step) string {
	return overview.Steps[min(int(step), len(overview.Steps)-1)]
}

// At and Calls are a point's, for the table.
func (c chart) At(point [2]int64) time.Time { return time.UnixMilli(point[0]) }
func (c chart) Calls(point [2]int64) int    { return int(point[1]) }
