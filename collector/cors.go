// CORS: browsers on any page may send calls, and ask first whether they may.

package collector

import "net/http"

// open makes the handler of an ingest path: it answers preflights, lets scripts
// of any origin read the answer, and refuses other methods than the one named
// ("" for any). Everything under /v1/ is authorised by a write key, never by
// what a browser adds of itself, so that no origin can do more than another.
func open(method string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "Retry-After, X-RateLimit-Reset")
		h.Set("X-Content-Type-Options", "nosniff")
		switch {
		case r.Method == http.MethodOptions:
			preflight(h, r)
			w.WriteHeader(http.StatusNoContent)
		case method != "" && r.Method != method && !(method == http.MethodGet && r.Method == http.MethodHead):
			h.Set("Allow", method+", OPTIONS")
			writeJSON(w, http.StatusMethodNotAllowed, reply{Code: "bad_request", Message: "only " + method + " is allowed here"})
		default:
			next(w, r)
		}
	})
}

func preflight(h http.Header, r *http.Request) {
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Max-Age", "86400") // seconds; browsers have limits of their own
	// Whatever header is asked for: which ones a library adds is its own business.
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
		h.Add("Vary", "Access-Control-Request-Headers")
	}
	// A page on the internet that sends to a collector on this machine.
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
}
