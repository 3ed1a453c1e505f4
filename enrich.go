// Request enrichment: what a request says of its user, carried to the calls made
// while it is served by its context.Context.

package analytics

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

const (
	// maxUserAgent is the longest User-Agent taken from a request, in bytes.
	// Browsers stay far below; a longer one would only make calls too large.
	maxUserAgent = 2048

	// maxLocale is the longest language tag taken, in bytes: what RFC 5646
	// section 4.4.1 asks everyone to have room for.
	maxLocale = 35
)

// requestKey is where WithContext keeps a *requestValue in a context.Context.
type requestKey struct{}

// requestValue is never written to once it is in a context.Context.
type requestValue struct {
	context     *Context
	anonymousID string
}

// requestValues returns what WithContext and a RequestEnricher put into ctx: nil
// and "" when neither did. The Context is shared and must not be written to.
func requestValues(ctx context.Context) (c *Context, anonymousID string) {
	if ctx == nil {
		return nil, ""
	}
	v, _ := ctx.Value(requestKey{}).(*requestValue)
	if v == nil {
		return nil, ""
	}
	return v.context, v.anonymousID
}

// WithContext returns a context.Context whose calls carry c: it fills what the
// Context of a message leaves empty, and Config.DefaultContext fills what both
// leave empty. Calls of WithContext may be nested; the inner Context wins and the
// outer one fills what it leaves empty.
//
// c is copied, so changing it later changes nothing that is sent. A nil c returns
// ctx, a nil ctx counts as context.Background.
func WithContext(ctx context.Context, c *Context) context.Context {
	if c == nil {
		return orBackground(ctx)
	}
	return withValues(ctx, c, "")
}

// withValues puts c, and anonymousID unless it is empty, before what ctx carries.
func withValues(ctx context.Context, c *Context, anonymousID string) context.Context {
	ctx = orBackground(ctx)
	outer, outerID := requestValues(ctx)
	if anonymousID == "" {
		anonymousID = outerID
	}
	return context.WithValue(ctx, requestKey{}, &requestValue{mergeContext(c, outer), anonymousID})
}

func orBackground(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return ctx
}

// RequestEnricher takes from an HTTP request what a server would otherwise have
// to pass to every call: the IP address of the user, the user agent, and as
// locale the first language of Accept-Language. It fills what the Context of a
// message leaves empty.
//
// Page and Referrer are not filled: the URL of an API request is not the page the
// user sees, and query strings carry tokens and personal data that do not belong
// into a call.
//
// What cannot be right is left out and fails nothing: a user agent beyond 2048
// bytes, a language that is no tag, an address that is none.
//
// The zero value trusts no proxy and reads no cookie. A RequestEnricher must not
// be changed while in use; it may serve any number of goroutines.
type RequestEnricher struct {
	// TrustedProxies are the networks of your own load balancers and reverse
	// proxies. Only a request from one of them has its X-Forwarded-For read, from
	// the right: the user is the first address that is not a trusted proxy. What
	// stands further left anybody may have written, and is never used. A proxy
	// that connects through a Unix socket has no address and cannot be trusted.
	TrustedProxies []netip.Prefix

	// AnonymousID has the anonymous id that Segment's JavaScript library keeps in
	// the cookie ajs_anonymous_id fill the AnonymousID that a message leaves
	// empty, in all calls but alias. It is what ties the calls of a server to the
	// visit they belong to. The user can write it, so it proves nothing; a value
	// beyond 256 bytes or with control characters is ignored.
	AnonymousID bool
}

// Middleware enriches every request on its way to next with the zero
// RequestEnricher. Give the context.Context of the request to the calls:
//
//	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
//		err := client.Track(r.Context(), analytics.Track{UserID: id, Event: "Order Completed"})
//	})
//	http.ListenAndServe(addr, analytics.Middleware(mux))
func Middleware(next http.Handler) http.Handler {
	return RequestEnricher{}.Middleware(next)
}

// Middleware returns a handler that enriches every request on its way to next.
func (e RequestEnricher) Middleware(next http.Handler) http.Handler {
	e.TrustedProxies = slices.Clone(e.TrustedProxies)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(e.Context(r)))
	})
}

// Context returns the context of r together with what r says of its user. It is
// for routers whose middleware is no http.Handler; r itself is not changed. It
// counts as WithContext does when calls are nested.
func (e RequestEnricher) Context(r *http.Request) context.Context {
	if r == nil {
		return context.Background()
	}
	c := Context{IP: e.ip(r), Locale: firstLanguage(r.Header.Get("Accept-Language"))}
	if agent := r.UserAgent(); len(agent) <= maxUserAgent {
		c.UserAgent = agent
	}
	anonymousID := ""
	if e.AnonymousID {
		anonymousID = anonymousIDCookie(r)
	}
	return withValues(r.Context(), &c, anonymousID)
}

// ip returns the address of the user, or "" when r came without one.
func (e RequestEnricher) ip(r *http.Request) string {
	addr := forwardedFor(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), e.TrustedProxies)
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}

// firstLanguage returns the first language tag of an Accept-Language header. The
// first is the preferred one in what browsers send; weights are not compared.
// "*" and what is no tag give "".
func firstLanguage(header string) string {
	tag := header
	if end := strings.IndexAny(header, ",;"); end >= 0 {
		tag = header[:end]
	}
	tag = strings.Trim(tag, " \t")
	if len(tag) > maxLocale {
		return ""
	}
	for i := range len(tag) {
		letter := 'a' <= tag[i]|0x20 && tag[i]|0x20 <= 'z'
		if !letter && (i == 0 || tag[i] != '-' && (tag[i] < '0' || tag[i] > '9')) {
			return ""
		}
	}
	return tag
}
