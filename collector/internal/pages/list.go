// The list of sources, and the form that creates one.

package pages

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// quietAfter is how long after its last call a source counts as quiet.
const quietAfter = 10 * time.Minute

// maxForm bounds the body of a form, in bytes.
const maxForm = 64 << 10

// listPage is the list of sources. Name, Type and Problem are the form's.
type listPage struct {
	frame
	Groups  []group
	Count   int
	Types   []typeChoice
	Notices []string
	Name    string
	Problem problem
}

// group is the sources of one type.
type group struct {
	Type    sources.Type
	Sources []listed
}

// listed is a source in the list. Status is receiving, quiet, never or disabled.
type listed struct {
	Slug, Name string
	Status     string
	LastCall   time.Time
	Calls      int    // of the last 24 hours
	Line       string // them by hour, as the points of a polyline 96 wide and 24 high
}

// typeChoice is a type that the form offers.
type typeChoice struct {
	Type   sources.Type
	About  string
	Chosen bool
}

// problem is why a form was refused. The zero value is none.
type problem struct{ Form, Field, Reason string }

// At is the reason if it is about a field of a form.
func (p problem) At(form, field string) string {
	if p.Form == form && p.Field == field {
		return p.Reason
	}
	return ""
}

func (s *site) sourceList(w http.ResponseWriter, r *http.Request) {
	s.showList(w, r, http.StatusOK, "", sources.Website, problem{})
}

func (s *site) showList(w http.ResponseWriter, r *http.Request, status int, name string, chosen sources.Type, p problem) {
	groups, count, err := s.groups(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	notices, err := s.Notices(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page := listPage{newFrame(r, "Sources"), groups, count, nil, notices, name, p}
	for _, t := range sources.Types {
		page.Types = append(page.Types, typeChoice{t, aboutType(t), t == chosen})
	}
	s.render(w, r, status, "sources", page)
}

// groups are all sources by type, in the order of the types.
func (s *site) groups(r *http.Request) ([]group, int, error) {
	now := s.Now()
	totals, err := s.Totals(r.Context(), now.Add(-24*time.Hour), now)
	if err != nil {
		return nil, 0, err
	}
	all, byType := s.List(), map[sources.Type][]listed{}
	for _, src := range all {
		t := totals[src.ID]
		row := listed{src.Slug, src.Name, status(src, t, now), t.LastCall, t.Calls, ""}
		if t.Calls > 0 {
			from := now.Truncate(time.Hour).Add(-23 * time.Hour)
			points, err := s.Volume(r.Context(), src.ID, from, now, time.Hour)
			if err != nil {
				return nil, 0, err
			}
			row.Line = polyline(points)
		}
		byType[src.Type] = append(byType[src.Type], row)
	}
	var groups []group
	for _, t := range sources.Types {
		if len(byType[t]) > 0 {
			groups = append(groups, group{t, byType[t]})
		}
	}
	return groups, len(all), nil
}

func status(src sources.Source, t store.Totals, now time.Time) string {
	switch {
	case src.Disabled:
		return "disabled"
	case t.LastCall.IsZero():
		return "never"
	case now.Sub(t.LastCall) > quietAfter:
		return "quiet"
	}
	return "receiving"
}

// polyline draws the volume 96 wide and 24 high.
func polyline(points []store.Point) string {
	top := 1
	for _, p := range points {
		top = max(top, p.Failed+p.Filtered+p.Eligible)
	}
	var b strings.Builder
	for i, p := range points {
		x := 96 * float64(i) / float64(max(1, len(points)-1))
		y := 23 - 22*float64(p.Failed+p.Filtered+p.Eligible)/float64(top)
		b.WriteString(strconv.FormatFloat(x, 'f', 1, 64) + "," + strconv.FormatFloat(y, 'f', 1, 64) + " ")
	}
	return strings.TrimSpace(b.String())
}

func (s *site) create(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	name, t := strings.TrimSpace(r.PostFormValue("name")), sources.Type(r.PostFormValue("type"))
	src, err := s.Create(r.Context(), name, t, "")
	if field, reason, ok := refused(err); ok {
		if field != "type" {
			field = "name"
		}
		s.showList(w, r, http.StatusUnprocessableEntity, name, t, problem{"create", field, reason})
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	redirect(w, r, "sources/"+src.Slug+"/setup")
}

// backToList answers a reload of a refused form.
func (s *site) backToList(w http.ResponseWriter, r *http.Request) { redirect(w, r, "") }

// aboutType says what a type is for.
func aboutType(t sources.Type) string {
	switch t {
	case sources.Website:
		return "Analytics.js in a browser"
	case sources.Mobile:
		return "An app on a phone or a desktop"
	case sources.Server:
		return "A backend: Go, Node, Python …"
	case sources.HTTPAPI:
		return "Anything that can POST JSON"
	case sources.Pixel:
		return "Emails and ads: a 1×1 image"
	case sources.CloudEvent:
		return "A service that sends events"
	case sources.CloudObject:
		return "A service whose records are kept"
	case sources.ReverseETL:
		return "Rows of your warehouse"
	}
	return ""
}
