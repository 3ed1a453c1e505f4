// Views: the templates, and how they write numbers and times.

package pages

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

//go:embed templates
var templateFiles embed.FS

// views are the pages' templates by name.
type views map[string]*template.Template

// parseViews makes a page of each template; it panics when one is wrong, which
// every test would show.
func parseViews(a *assets) views {
	shared := template.Must(template.New("").Funcs(template.FuncMap{
		"asset": a.address, "number": number, "change": change, "share": share, "bar": bar,
		"step": stepKey, "callLabel": callLabel, "clock": clock, "stamp": stamp, "utc": utc, "short": short, "list": func(v ...any) []any { return v },
	}).ParseFS(templateFiles, "templates/frame.html", "templates/icons.html", "templates/rows.html", "templates/detail.html"))

	v := views{}
	for _, name := range []string{"sources", "setup", "overview", "debugger", "call", "settings", "wrong"} {
		page := template.Must(shared.Clone())
		v[name] = template.Must(page.ParseFS(templateFiles, "templates/"+name+".html"))
	}
	return v
}

// execute writes a page; "page/part" writes that part of it.
func (v views) execute(w io.Writer, view string, data any) error {
	page, part, found := strings.Cut(view, "/")
	if !found {
		part = "frame"
	}
	if err := v[page].ExecuteTemplate(w, part, data); err != nil {
		return fmt.Errorf("render %s: %w", view, err)
	}
	return nil
}

// number writes 12345 as 12,345.
func number(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// change writes a relative change; "new" where there was nothing before.
func change(percent *float64, count int) string {
	switch {
	case percent == nil && count > 0:
		return "new"
	case percent == nil:
		return "–"
	case math.Abs(*percent) < 0.05:
		return "0.0 %"
	case math.Abs(*percent) >= 1000:
		return strings.Replace(fmt.Sprintf("%+.0f %%", *percent), "-", "−", 1)
	}
	return strings.Replace(fmt.Sprintf("%+.1f %%", *percent), "-", "−", 1)
}

// share writes a part of a whole in percent; "" of nothing.
func share(part, whole int) string {
	if whole == 0 {
		return ""
	}
	percent := 100 * float64(part) / float64(whole)
	switch {
	case part > 0 && percent < 0.1:
		return "< 0.1 %"
	case part < whole && percent > 99.9:
		return "> 99.9 %"
	}
	return fmt.Sprintf("%.1f %%", percent)
}

// bar is the length of a bar in percent; something is always seen.
func bar(part, longest int) string {
	if longest == 0 || part == 0 {
		return "0"
	}
	return strconv.FormatFloat(max(0.5, 100*float64(part)/float64(longest)), 'f', 2, 64)
}

// The times of pages are in UTC until a script puts them in the viewer's zone.
func utc(t time.Time) string   { return t.UTC().Format(time.RFC3339Nano) }
func stamp(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// short cuts text for a place where it only names something.
func short(text string) string {
	if utf8.RuneCountInString(text) <= 120 {
		return text
	}
	return string([]rune(text)[:120]) + "…"
}
