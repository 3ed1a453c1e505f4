// Settings of a source: its key, its name, its filters, its end.

package pages

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/headwater-dev/analytics/collector/internal/sources"
)

// settingsPage shows settings. Input is what a refused form held, by field.
type settingsPage struct {
	frame
	Calls   []choice
	Filters []shownFilter
	Problem problem
	Input   map[string]string
}

// shownFilter is a filter in words. JSON names it in the form that removes it.
type shownFilter struct {
	Conditions []condition
	JSON       string
}

// condition reads: Subject verb Object.
type condition struct{ Subject, Verb, Object string }

func (s *site) settings(w http.ResponseWriter, r *http.Request, src sources.Source) {
	s.showSettings(w, r, http.StatusOK, src, problem{})
}

func (s *site) showSettings(w http.ResponseWriter, r *http.Request, status int, src sources.Source, p problem) {
	page := settingsPage{frame: sourceFrame(r, "settings", src), Problem: p, Input: map[string]string{}}
	if p != (problem{}) {
		for field := range r.PostForm {
			page.Input[p.Form+"."+field] = r.PostForm.Get(field)
		}
	}
	page.Calls = callChoices(page.Input["filters.call"])
	page.Calls[0].Label = "Any call"
	for _, f := range src.Filters {
		page.Filters = append(page.Filters, shownFilter{conditions(f), filterJSON(f)})
	}
	s.render(w, r, status, "settings", page)
}

func conditions(f sources.Filter) []condition {
	var c []condition
	if f.Call != "" {
		c = append(c, condition{"call", "is", f.Call})
	}
	if f.Event != "" {
		c = append(c, condition{"event", "is", f.Event})
	}
	for _, path := range []struct{ subject, name string }{{"property", f.Property}, {"trait", f.Trait}} {
		switch {
		case path.name != "" && f.Value != "":
			c = append(c, condition{path.subject + " " + path.name, "is", f.Value})
		case path.name != "":
			c = append(c, condition{path.subject + " " + path.name, "is", "present"})
		}
	}
	return c
}

func filterJSON(f sources.Filter) string {
	b, err := json.Marshal(f)
	if err != nil {
		panic(err) // strings alone always marshal
	}
	return string(b)
}

// key answers with the write key as text.
func (s *site) key(w http.ResponseWriter, _ *http.Request, src sources.Source) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(src.WriteKey)) // an error means that nobody is left to read it
}

// change does what a form of the settings asks for and shows the settings again.
func (s *site) change(w http.ResponseWriter, r *http.Request, src sources.Source, form string, do func() error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		s.wrong(w, r, http.StatusBadRequest, "That did not work", "The form could not be read.")
		return
	}
	err := do()
	if field, reason, ok := refused(err); ok {
		s.showSettings(w, r, http.StatusUnprocessableEntity, src, problem{form, fieldOf(form, field), reason})
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	redirect(w, r, "sources/"+src.Slug+"/settings#"+form)
}

// fieldOf is the field of a form at which a refusal is shown: its own, or the
// first where it is about none of them.
func fieldOf(form, field string) string {
	fields := []string{"name"}
	if form == "filters" {
		fields = []string{"event", "call", "property", "trait", "value"}
	}
	if slices.Contains(fields, field) {
		return field
	}
	return fields[0]
}

func (s *site) rename(w http.ResponseWriter, r *http.Request, src sources.Source) {
	s.change(w, r, src, "name", func() error {
		return s.Rename(r.Context(), src.Slug, strings.TrimSpace(r.PostForm.Get("name")))
	})
}

func (s *site) disable(w http.ResponseWriter, r *http.Request, src sources.Source) {
	s.change(w, r, src, "state", func() error { return s.SetDisabled(r.Context(), src.Slug, true) })
}

func (s *site) enable(w http.ResponseWriter, r *http.Request, src sources.Source) {
	s.change(w, r, src, "state", func() error { return s.SetDisabled(r.Context(), src.Slug, false) })
}

func (s *site) rotate(w http.ResponseWriter, r *http.Request, src sources.Source) {
	s.change(w, r, src, "key", func() error {
		_, err := s.Rotate(r.Context(), src.Slug, "")
		return err
	})
}

// filters adds the filter of the form, or removes the one it names.
func (s *site) filters(w http.ResponseWriter, r *http.Request, src sources.Source) {
	s.change(w, r, src, "filters", func() error {
		filters := slices.Clone(src.Filters)
		if gone := r.PostForm.Get("remove"); gone != "" {
			filters = slices.DeleteFunc(filters, func(f sources.Filter) bool { return filterJSON(f) == gone })
			return s.SetFilters(r.Context(), src.Slug, filters)
		}
		field := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
		add := sources.Filter{
			Call: field("call"), Event: field("event"), Property: field("property"), Trait: field("trait"), Value: field("value"),
		}
		if err := add.Check(); err != nil {
			return err
		}
		if slices.Contains(filters, add) {
			return &sources.Error{Reason: "is there already"}
		}
		return s.SetFilters(r.Context(), src.Slug, append(filters, add))
	})
}

func (s *site) remove(w http.ResponseWriter, r *http.Request, src sources.Source) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if strings.TrimSpace(r.PostFormValue("name")) != src.Name {
		p := problem{"delete", "name", "This is not the name of the source. Nothing was deleted."}
		s.showSettings(w, r, http.StatusUnprocessableEntity, src, p)
		return
	}
	if err := s.Delete(r.Context(), src.Slug); err != nil {
		s.fail(w, r, err)
		return
	}
	redirect(w, r, "")
}

// backToSettings answers a reload of a refused form.
func (s *site) backToSettings(w http.ResponseWriter, r *http.Request, src sources.Source) {
	redirect(w, r, "sources/"+src.Slug+"/settings")
}
