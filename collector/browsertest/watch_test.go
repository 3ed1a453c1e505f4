// The watch over a tab: a test that trusts it must know that it sees.

package browsertest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTabSeesWhatGoesWrong(t *testing.T) {
	t.Parallel()
	troubles := map[string]struct{ page, want string }{
		"/violation":  {`<script>1</script>`, "Content Security Policy"},
		"/handler":    {`<img src="data:," onerror="1">`, "Content Security Policy"},
		"/exception":  {`<script src="/throws.js"></script>`, "exception"},
		"/console":    {`<script src="/complains.js"></script>`, "error on the console: \"alas\""},
		"/incomplete": {`<img src="/nothing.png">`, "404"},
		"/foreign":    {`<img src="http://elsewhere.invalid/x.png">`, "request to http://elsewhere.invalid/x.png"},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trouble, found := troubles[r.URL.Path]
		switch {
		case found:
			w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; img-src *")
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><h1>Trouble</h1>`+trouble.page) //nolint:errcheck // the browser has left
		case r.URL.Path == "/throws.js":
			io.WriteString(w, `throw new Error("oh")`) //nolint:errcheck // as above
		case r.URL.Path == "/complains.js":
			io.WriteString(w, `console.error("alas")`) //nolint:errcheck // as above
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	b := newTab(t, srv.URL)
	for path, trouble := range troubles {
		b.open(srv.URL + path)
		var heard string
		require.True(t, eventually(patience, func() bool {
			heard += strings.Join(b.heard(), "\n")
			return strings.Contains(heard, trouble.want)
		}), "%s was not noticed", path)
		b.open("about:blank")
		b.heard() // what it had to say beside that
	}
}
