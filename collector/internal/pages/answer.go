// Answers: headers, rendering, redirects, and the pages that say what went wrong.

package pages

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/headwater-dev/analytics/collector/internal/sources"
)

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// harden sets what every answer carries.
func harden(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// root is the way from a page to the list of sources: "../" for each level.
func root(r *http.Request) string {
	if depth := strings.Count(r.URL.Path, "/") - 1; depth > 0 {
		return strings.Repeat("../", depth)
	}
	return "./"
}

// redirect sends the client on with 303 to a path below the list of sources.
// http.Redirect would make it absolute and lose the prefix.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Location", root(r)+to)
	w.WriteHeader(http.StatusSeeOther)
}

// frame is what every page has.
type frame struct {
	Root   string // the way to the list of sources
	Title  string
	Here   string      // overview, debugger, setup or settings; "" outside a source
	Source *sourceView // nil outside a source
}

// sourceView is a source as pages see it: without its write key.
type sourceView struct {
	Slug, Name string
	Type       sources.Type
	Disabled   bool
	Filters    []sources.Filter
}

func newFrame(r *http.Request, title string) frame {
	return frame{Root: root(r), Title: title}
}

func sourceFrame(r *http.Request, here string, src sources.Source) frame {
	view := &sourceView{Slug: src.Slug, Name: src.Name, Type: src.Type, Disabled: src.Disabled, Filters: src.Filters}
	return frame{Root: root(r), Title: src.Name, Here: here, Source: view}
}

// render answers with a page. It is rendered in full first, so that an error
// cannot leave half of it behind.
func (s *site) render(w http.ResponseWriter, r *http.Request, status int, view string, data any) {
	var page bytes.Buffer
	if err := s.views.execute(&page, view, data); err != nil {
		s.Failed(r, err)
		http.Error(w, "This page could not be rendered. The collector's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // an error means that nobody is left to read it
}

// wrong is a page that says what went wrong and what to do.
type wrong struct {
	frame
	Status int
	Text   string
}

func (s *site) wrong(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	s.render(w, r, status, "wrong", wrong{newFrame(r, title), status, text})
}

// elsewhere answers where no page is: 404, or 405 where another method would do.
func (s *site) elsewhere(w http.ResponseWriter, r *http.Request) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "/" {
			w.Header().Set("Allow", method)
			s.wrong(w, r, http.StatusMethodNotAllowed, "Not like this", "This address does not answer to "+r.Method+".")
			return
		}
	}
	s.noPage(w, r)
}

func (s *site) noPage(w http.ResponseWriter, r *http.Request) {
	s.wrong(w, r, http.StatusNotFound, "Nothing here", "No page has this address. Perhaps its source has been deleted.")
}

// fail answers for an error of the backend.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, sources.ErrNotFound):
		s.wrong(w, r, http.StatusNotFound, "Nothing here", "This source has been deleted.")
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil: // nobody is left to read an answer
	default:
		s.Failed(r, err)
		s.wrong(w, r, http.StatusInternalServerError, "That did not work", "The collector could not answer. Its log says why; trying again is safe.")
	}
}

// refused reports whether err is about what somebody typed, and if so at which
// field, and what is wrong as a sentence.
func refused(err error) (field, text string, ok bool) {
	var bad *sources.Error
	if !errors.As(err, &bad) {
		return "", "", false
	}
	field = bad.Field[strings.LastIndex(bad.Field, ".")+1:] // filters[0].event is event
	return field, sentence(field, bad.Reason), true
}

// sentence makes one of a field and what is wrong with it: "Name is required."
func sentence(field, reason string) string {
	if field == "" || strings.HasPrefix(field, "filters") {
		field = "it"
	}
	return strings.ToUpper(field[:1]) + field[1:] + " " + reason + "."
}
