// The guard of the pages and the JSON API: who may look, from where, under which name.

package collector

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// guard lets through what asks for a known host, comes from our own pages or
// from no page at all, and knows the password if there is one.
func (c *Collector) guard(next http.Handler) http.Handler {
	// Requests that change something and come from another site's page are refused
	// by what the browser says of their origin.
	sameOrigin := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'") // pages allow themselves more
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		switch {
		case !c.knownHost(r.Host):
			http.Error(w, "This collector is not known under the name in your address bar. Use localhost or its IP address, or start it with --host and that name.", http.StatusMisdirectedRequest)
		case !c.allowed(r):
			h.Set("WWW-Authenticate", `Basic realm="Headwater collector", charset="UTF-8"`)
			http.Error(w, "The password is missing or wrong.", http.StatusUnauthorized)
		default:
			sameOrigin.ServeHTTP(w, r)
		}
	})
}

// knownHost reports whether a browser that asks for host can only mean us. A
// name that strangers own can be made to resolve to this machine, and their page
// would then count as ours; an address cannot.
func (c *Collector) knownHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return slices.ContainsFunc(c.options.Hosts, func(known string) bool { return strings.EqualFold(known, name) })
}

// allowed compares the password in constant time.
func (c *Collector) allowed(r *http.Request) bool {
	if c.options.Password == "" {
		return true
	}
	_, given, _ := r.BasicAuth()
	want, got := sha256.Sum256([]byte(c.options.Password)), sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}
