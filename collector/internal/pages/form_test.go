// Forms: what they change, where they lead, and what they say when refused.

package pages_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/pages"
)

// post sends a form to a handler mounted under a prefix.
func post(f *fake, path string, form url.Values) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/tools"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	http.StripPrefix("/tools", pages.Handler(f)).ServeHTTP(w, r)
	return w
}

func TestFormsChangeSomething(t *testing.T) {
	t.Parallel()
	shopFilters := `{"event":"Cart *"}`
	for _, c := range []struct {
		path  string
		form  url.Values
		asked string
		leads string // from the form's address
	}{
		{"/sources", url.Values{"name": {" New one "}, "type": {"pixel"}}, "create New one pixel", "/tools/sources/made/setup"},
		{"/sources/shop/rename", url.Values{"name": {" Other "}}, "rename Other", "/tools/sources/shop/settings#name"},
		{"/sources/shop/disable", nil, "disabled true", "/tools/sources/shop/settings#state"},
		{"/sources/shop/enable", nil, "disabled false", "/tools/sources/shop/settings#state"},
		{"/sources/shop/rotate", nil, "rotate", "/tools/sources/shop/settings#key"},
		{"/sources/shop/filters", url.Values{"event": {" Cart * "}}, "filters [event \"Cart *\"]", "/tools/sources/shop/settings#filters"},
		{"/sources/shop/delete", url.Values{"name": {"Shop"}}, "delete shop", "/tools/"},
	} {
		f := newFake()
		f.sources[0].Name, f.sources[0].Filters = "Shop", nil
		w := post(f, c.path, c.form)
		require.Equal(t, http.StatusSeeOther, w.Code, c.path)
		require.Equal(t, []string{c.asked}, f.asked, c.path)
		require.True(t, strings.HasPrefix(w.Header().Get("Location"), "."), "a relative redirect")
		base, err := url.Parse("http://host/tools" + c.path)
		require.NoError(t, err)
		to, err := base.Parse(w.Header().Get("Location"))
		require.NoError(t, err)
		require.Equal(t, "http://host"+c.leads, to.String())

		if strings.HasSuffix(c.path, "/filters") {
			require.Len(t, f.sources[0].Filters, 1)
			require.Equal(t, http.StatusSeeOther, post(f, c.path, url.Values{"remove": {shopFilters}}).Code)
			require.Empty(t, f.sources[0].Filters)
		}
	}
}

func TestFormsRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 101)
	for _, c := range []struct {
		name, path string
		form       url.Values
		says       []string
	}{
		{"no name", "/sources", url.Values{"type": {"pixel"}}, []string{"Name is longer than", `value="pixel" required checked`}},
		{"long name", "/sources", url.Values{"name": {long}, "type": {"pixel"}}, []string{"Name is longer than", `value="` + long + `"`}},
		{"no type", "/sources", url.Values{"name": {"Kept"}}, []string{"Type is not one of", `value="Kept"`}},
		{"empty name", "/sources/shop/rename", url.Values{"name": {" "}}, []string{"Name is required."}},
		{"empty filter", "/sources/shop/filters", url.Values{}, []string{"It needs a condition"}},
		{"value alone", "/sources/shop/filters", url.Values{"value": {"kept"}, "call": {"track"}}, []string{"Value needs a property", `value="kept"`, `value="track" selected`}},
		{"twice", "/sources/shop/filters", url.Values{"event": {hostile}}, []string{"It is there already.", `value="&#34;&gt;&lt;img`}},
		{"wrong name", "/sources/shop/delete", url.Values{"name": {"Sh<b>op"}}, []string{"Nothing was deleted", `value="Sh&lt;b&gt;op"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			w := post(f, c.path, c.form)
			require.Equal(t, http.StatusUnprocessableEntity, w.Code)
			html := w.Body.String()
			for _, text := range c.says {
				require.Contains(t, html, text)
			}
			require.Empty(t, f.asked, "nothing was changed")
			require.Contains(t, html, `class="problem"`)
			require.NotContains(t, html, shopKey)
			require.NotContains(t, html, "<img")
			requireNothingInline(t, html)
			requireRelative(t, c.path, html)
			requireClosed(t, w.Header())
		})
	}
}

func TestFormTooLarge(t *testing.T) {
	t.Parallel()
	f := newFake()
	w := post(f, "/sources/shop/rename", url.Values{"name": {strings.Repeat("x", 100_000)}})
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Empty(t, f.asked)
}

func TestFormsOfADeletedSource(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"rename", "disable", "enable", "rotate", "delete", "filters"} {
		require.Equal(t, http.StatusNotFound, post(newFake(), "/sources/gone/"+action, nil).Code, action)
	}
}

func TestReloadAfterARefusal(t *testing.T) {
	t.Parallel()
	h := pages.Handler(newFake())
	require.Equal(t, "./", get(t, h, "/sources").Header.Get("Location"))
	require.Equal(t, "../../sources/shop/settings", get(t, h, "/sources/shop/rename").Header.Get("Location"))
}
