// Request enrichment: addresses behind proxies, languages, cookies, and what is not believed.

package analytics

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestWithContext(t *testing.T) {
	c, id := requestValues(t.Context())
	require.Nil(t, c)
	require.Empty(t, id)
	var none context.Context // counts as Background
	c, _ = requestValues(none)
	require.Nil(t, c)

	given := &Context{IP: "::1", Traits: Traits{"a": 1}, Network: Network{WiFi: Ptr(true)}}
	outer := WithContext(none, given)
	given.IP, given.Traits["a"], *given.Network.WiFi = "::9", 9, false
	inner := WithContext(outer, &Context{Locale: "cs", IP: "::2", Traits: Traits{"b": 2}})

	require.Equal(t, map[string]any{"ip": "::1", "network": map[string]any{"wifi": true}, "traits": parsed(t, `{"a":1}`)}, carried(t, outer))
	require.Equal(t, map[string]any{"ip": "::2", "locale": "cs", "network": map[string]any{"wifi": true}, "traits": parsed(t, `{"a":1,"b":2}`)}, carried(t, inner))
	require.Equal(t, inner, WithContext(inner, nil))
	require.NotNil(t, WithContext(none, nil))

	require.Zero(t, testing.AllocsPerRun(50, func() { requestValues(inner) }))
	plain := t.Context()
	require.Zero(t, testing.AllocsPerRun(50, func() { requestValues(plain) }))
}

// carried returns what ctx adds to a call, without the library.
func carried(t *testing.T, ctx context.Context) map[string]any {
	t.Helper()
	c, _ := requestValues(ctx)
	return encoded(t, c)
}

func prefixes(list ...string) (p []netip.Prefix) {
	for _, s := range list {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}

func TestForwardedFor(t *testing.T) {
	internal := prefixes("10.0.0.0/8", "fd00::/8")
	tests := []struct {
		name    string
		remote  string
		lines   []string
		trusted []netip.Prefix
		want    string
	}{
		{"no proxy", "203.0.113.7:1234", nil, nil, "203.0.113.7"},
		{"no proxy trusted", "10.0.0.1:1234", []string{"203.0.113.7"}, nil, "10.0.0.1"},
		{"spoofed without a proxy", "203.0.113.7:1234", []string{"192.0.2.1"}, internal, "203.0.113.7"},
		{"one proxy", "10.0.0.1:1234", []string{"203.0.113.7"}, internal, "203.0.113.7"},
		{"two proxies", "10.0.0.1:1234", []string{"203.0.113.7, 10.0.0.2"}, internal, "203.0.113.7"},
		{"spoofed left entry", "10.0.0.1:1234", []string{"192.0.2.1, 203.0.113.7"}, internal, "203.0.113.7"},
		{"spoofed trusted entry", "10.0.0.1:1234", []string{"10.9.9.9, 203.0.113.7, 10.0.0.2"}, internal, "203.0.113.7"},
		{"spoofed line before the proxy's own", "10.0.0.1:1234", []string{"192.0.2.1", "203.0.113.7"}, internal, "203.0.113.7"},
		{"several lines", "10.0.0.1:1234", []string{"203.0.113.7", "10.0.0.3,10.0.0.2"}, internal, "203.0.113.7"},
		{"all trusted", "10.0.0.1:1234", []string{"10.0.0.9, 10.0.0.2"}, internal, "10.0.0.9"},
		{"trusted without a header", "10.0.0.1:1234", nil, internal, "10.0.0.1"},
		{"empty header", "10.0.0.1:1234", []string{""}, internal, "10.0.0.1"},
		{"garbage at the end", "10.0.0.1:1234", []string{"203.0.113.7, garbage"}, internal, "10.0.0.1"},
		{"garbage in the middle", "10.0.0.1:1234", []string{"203.0.113.7, unknown, 10.0.0.2"}, internal, "10.0.0.2"},
		{"empty entry", "10.0.0.1:1234", []string{"203.0.113.7,,10.0.0.2"}, internal, "10.0.0.2"},
		{"no number of octets", "10.0.0.1:1234", []string{"203.0.113"}, internal, "10.0.0.1"},
		{"leading zeros", "10.0.0.1:1234", []string{"203.0.113.007"}, internal, "10.0.0.1"},
		{"entry with a port", "10.0.0.1:1234", []string{"203.0.113.7:5678"}, internal, "203.0.113.7"},
		{"IPv6", "[2001:db8::1]:1234", nil, nil, "2001:db8::1"},
		{"IPv6 with a zone", "[fe80::1%eth0]:1234", nil, nil, "fe80::1"},
		{"IPv6 proxy", "[fd00::1]:1234", []string{"2001:db8::7"}, internal, "2001:db8::7"},
		{"IPv6 entry with a port", "[fd00::1]:1234", []string{"[2001:db8::7]:443"}, internal, "2001:db8::7"},
		{"IPv6 entry in brackets", "[fd00::1]:1234", []string{"[2001:db8::7]"}, internal, "2001:db8::7"},
		{"IPv6 entry, half a bracket", "[fd00::1]:1234", []string{"[2001:db8::7"}, internal, "fd00::1"},
		{"mapped remote", "[::ffff:203.0.113.7]:1234", nil, nil, "203.0.113.7"},
		{"mapped proxy", "[::ffff:10.0.0.1]:1234", []string{"203.0.113.7"}, internal, "203.0.113.7"},
		{"mapped entry", "10.0.0.1:1234", []string{"::ffff:203.0.113.7"}, internal, "203.0.113.7"},
		{"mapped prefix", "10.0.0.1:1234", []string{"203.0.113.7"}, prefixes("::ffff:10.0.0.0/104"), "203.0.113.7"},
		{"zero prefix trusts nobody", "10.0.0.1:1234", []string{"203.0.113.7"}, []netip.Prefix{{}}, "10.0.0.1"},
		{"remote without a port", "203.0.113.7", nil, nil, "203.0.113.7"},
		{"remote is a Unix socket", "@", []string{"203.0.113.7"}, internal, ""},
		{"no remote", "", []string{"203.0.113.7"}, prefixes("0.0.0.0/0", "::/0"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tt.remote
			for _, line := range tt.lines {
				r.Header.Add("X-Forwarded-For", line)
			}
			c, _ := requestValues(RequestEnricher{TrustedProxies: tt.trusted}.Context(r))
			require.Equal(t, tt.want, c.IP)
		})
	}
}

func FuzzForwardedFor(f *testing.F) {
	f.Add("10.0.0.1:80", "192.0.2.1, 203.0.113.7, 10.0.0.2", "")
	f.Add("[fd00::1%x]:80", "[::1]:9, ::ffff:10.0.0.1", ",,")
	f.Add("10.0.0.1", ",", "unknown")
	trusted := prefixes("10.0.0.0/8", "fd00::/8")
	f.Fuzz(func(t *testing.T, remote, first, second string) {
		got := forwardedFor(remote, []string{first, second}, trusted)
		require.Equal(t, got, forwardedFor(remote, []string{first + "," + second}, trusted), "lines are one list")
		require.Equal(t, got, got.Unmap().WithZone(""))
		if peer := parseAddr(remote); !isTrusted(peer, trusted) {
			require.Equal(t, peer, got, "nobody else's header is believed")
		}
		const user = "203.0.113.7"
		appended := forwardedFor("10.0.0.1:80", []string{first, second, user}, trusted)
		require.Equal(t, user, appended.String(), "what stands left of the user is never used")
	})
}

func TestFirstLanguage(t *testing.T) {
	tests := map[string]string{
		"":                         "",
		"cs-CZ,cs;q=0.9,en;q=0.8":  "cs-CZ",
		"en;q=0.5, cs":             "en",
		"  de-1996 ":               "de-1996",
		"zh-Hant-TW":               "zh-Hant-TW",
		"*":                        "",
		"*,en":                     "",
		"en_US":                    "",
		"<script>":                 "",
		"-en":                      "",
		"1":                        "",
		strings.Repeat("a", 35):    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		strings.Repeat("a", 36):    "",
		strings.Repeat("a", 1<<20): "",
		"\xff":                     "",
	}
	for header, want := range tests {
		require.Equal(t, want, firstLanguage(header), "%.60q", header)
	}
}

func TestDecodeAnonymousID(t *testing.T) {
	const id = "0b8d2f1e-6f0a-4f59-9d5d-3a4b0c8f7e21"
	tests := []struct{ value, want string }{
		{"", ""},
		{id, id},
		{"%22" + id + "%22", id},
		{`"` + id + `"`, id},
		{"%22a%5C%22b%22", `a"b`},
		{"a+b", "a+b"},
		{"%C5%99", "ř"},
		{"null", ""},
		{"%22null%22", ""},
		{"%22%22", ""},
		{"%20", ""},
		{"%22unfinished", ""},
		{"%22a%22b", ""},
		{"%zz", ""},
		{"%ff", ""},
		{"a%0Ab", ""},
		{"%00", ""},
		{strings.Repeat("a", 256), strings.Repeat("a", 256)},
		{strings.Repeat("a", 257), ""},
		{strings.Repeat("%61", 256), strings.Repeat("a", 256)},
		{strings.Repeat("a", 1<<20), ""},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, decodeAnonymousID(tt.value), "%.60q", tt.value)
	}
}

func FuzzDecodeAnonymousID(f *testing.F) {
	for _, s := range []string{"abc", "%22abc%22", `"a\u0000"`, "%", "null", `"\ud800"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		id := decodeAnonymousID(value)
		require.LessOrEqual(t, len(id), maxAnonymousID)
		require.True(t, utf8.ValidString(id))
		require.False(t, strings.ContainsAny(id, "\x00\n\r\x7f"))
		if id != "" {
			require.NotEmpty(t, strings.TrimSpace(id))
		}
	})
}

func TestRequestEnricher(t *testing.T) {
	request := func(cookies ...string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/reset?token=secret", nil)
		r.RemoteAddr = "203.0.113.7:1234"
		r.Header.Set("User-Agent", "Mozilla/5.0")
		r.Header.Set("Accept-Language", "cs-CZ,cs;q=0.9")
		r.Header.Set("Referer", "https://shop.example/?token=secret")
		for _, c := range cookies {
			r.AddCookie(&http.Cookie{Name: "ajs_anonymous_id", Value: c})
		}
		return r
	}

	t.Run("takes address, agent and locale, and no URL", func(t *testing.T) {
		ctx := RequestEnricher{}.Context(request("anon-1"))
		require.Equal(t, map[string]any{"ip": "203.0.113.7", "userAgent": "Mozilla/5.0", "locale": "cs-CZ"}, carried(t, ctx))
		_, id := requestValues(ctx)
		require.Empty(t, id, "cookies are read on request only")
	})
	t.Run("anonymous id", func(t *testing.T) {
		ctx := RequestEnricher{AnonymousID: true}.Context(request("%zz", "%22anon-1%22", "anon-2"))
		_, id := requestValues(ctx)
		require.Equal(t, "anon-1", id, "the first cookie that holds one")
		_, id = requestValues(WithContext(ctx, &Context{Locale: "de"}))
		require.Equal(t, "anon-1", id, "what is nested keeps it")
		_, id = requestValues(RequestEnricher{AnonymousID: true}.Context(request()))
		require.Empty(t, id)
	})
	t.Run("fills over what the request already carries", func(t *testing.T) {
		r := request()
		r = r.WithContext(WithContext(r.Context(), &Context{IP: "::9", GroupID: "g-1"}))
		require.Equal(t, map[string]any{"ip": "203.0.113.7", "userAgent": "Mozilla/5.0", "locale": "cs-CZ", "groupId": "g-1"},
			carried(t, RequestEnricher{}.Context(r)))
	})
	t.Run("an endless user agent is left out", func(t *testing.T) {
		r := request()
		r.Header.Set("User-Agent", strings.Repeat("x", maxUserAgent+1))
		require.NotContains(t, carried(t, RequestEnricher{}.Context(r)), "userAgent")
	})
	t.Run("middleware", func(t *testing.T) {
		trusted := prefixes("203.0.113.0/24")
		seen := map[string]any{}
		next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = carried(t, r.Context()) })
		handler := RequestEnricher{TrustedProxies: trusted}.Middleware(next)
		trusted[0] = netip.Prefix{} // changing the slice later changes nothing
		r := request()
		r.Header.Set("X-Forwarded-For", "198.51.100.4")
		handler.ServeHTTP(httptest.NewRecorder(), r)
		require.Equal(t, "198.51.100.4", seen["ip"])
		Middleware(next).ServeHTTP(httptest.NewRecorder(), r)
		require.Equal(t, "203.0.113.7", seen["ip"])
		c, _ := requestValues(r.Context())
		require.Nil(t, c, "the request given is not changed")
	})
	t.Run("no request", func(t *testing.T) {
		require.NotNil(t, RequestEnricher{}.Context(nil))
	})
}
