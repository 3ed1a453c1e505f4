// Retry: every status, every form of Retry-After, the bounds of backoff, and errors that nothing mends.

package analytics

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestJudgeEveryStatus(t *testing.T) {
	retried := func(status int) bool {
		switch status {
		case 408, 410, 429, 460:
			return true
		case 501, 505, 511:
			return false
		}
		return status >= 500
	}
	for status := 100; status <= 599; status++ {
		for _, events := range []int{1, 2, 250} {
			for _, asked := range []time.Duration{0, time.Second} {
				want, wantPause := refused, time.Duration(0)
				switch {
				case retried(status) && asked > 0:
					want, wantPause = limited, asked
				case retried(status):
					want = again
				case events > 1 && (status == 400 || status == 413):
					want = tooMuch
				}
				err := fmt.Errorf("wrapped: %w", &ResponseError{StatusCode: status, RetryAfter: asked})
				got, pause := judge(err, events)
				require.Equal(t, want, got, "status %d, %d events, Retry-After %v", status, events, asked)
				require.Equal(t, wantPause, pause, "status %d", status)
			}
		}
	}
	for _, status := range []int{-1, 0, 99, 600, 999} {
		w, _ := judge(&ResponseError{StatusCode: status, RetryAfter: time.Second}, 1)
		require.Equal(t, refused, w, "status %d", status)
	}
}

func TestJudgeErrorsWithoutAStatus(t *testing.T) {
	w, pause := judge(nil, 1)
	require.Equal(t, accepted, w)
	require.Zero(t, pause)
	for _, err := range []error{io.ErrUnexpectedEOF, context.DeadlineExceeded, syscall.ECONNREFUSED, errors.New("anything")} {
		w, _ := judge(err, 250)
		require.Equal(t, again, w, "%v", err)
	}
	w, _ = judge(http.ErrSchemeMismatch, 250)
	require.Equal(t, refused, w)
}

func TestJudgeBoundsWhatATransportAsksFor(t *testing.T) {
	w, pause := judge(&ResponseError{StatusCode: 429, RetryAfter: 24 * time.Hour}, 1)
	require.Equal(t, limited, w)
	require.Equal(t, 300*time.Second, pause)
	w, pause = judge(&ResponseError{StatusCode: 429, RetryAfter: -time.Second}, 1)
	require.Equal(t, again, w)
	require.Zero(t, pause)
}

// retryAfterNow is what our clock says in the Retry-After tests.
var retryAfterNow = time.Date(2026, 11, 24, 3, 2, 1, 0, time.UTC)

func TestRetryAfterCorpus(t *testing.T) {
	const (
		top   = 300 * time.Second
		ansi  = time.ANSIC
		rfc85 = "Monday, 02-Jan-06 15:04:05 GMT"
	)
	in := func(d time.Duration, layout string) string { return retryAfterNow.Add(d).Format(layout) }
	imf := http.TimeFormat
	day := 24 * time.Hour
	for i, test := range []struct {
		value, date string
		want        time.Duration
	}{
		// Seconds.
		{"", "", 0}, {"0", "", 0}, {"00", "", 0}, {"1", "", time.Second}, {"9", "", 9 * time.Second},
		{"60", "", time.Minute}, {"060", "", time.Minute}, {"299", "", 299 * time.Second}, {"300", "", top},
		{"301", "", top}, {"3600", "", top}, {"86400", "", top},
		{strings.Repeat("0", 40) + "7", "", 7 * time.Second},
		// Where seconds overflow when multiplied, or parsed.
		{"9223372036", "", top}, {"9223372037", "", top}, {"18446744073", "", top}, {"4294967296", "", top},
		{"9223372036854775807", "", top}, {"9223372036854775808", "", top}, {"18446744073709551616", "", top},
		{"1" + strings.Repeat("0", 30), "", top}, {strings.Repeat("9", 4000), "", top},
		// Spaces.
		{" 5", "", 5 * time.Second}, {"5 ", "", 5 * time.Second}, {"\t5\t", "", 5 * time.Second}, {"   ", "", 0}, {"5 6", "", 0},
		// Numbers that HTTP does not know here.
		{"-1", "", 0}, {"-0", "", 0}, {"-9223372037", "", 0}, {"+5", "", 0}, {"1.5", "", 0}, {"5s", "", 0}, {"5,6", "", 0},
		{"1e3", "", 0}, {"0x10", "", 0}, {"NaN", "", 0}, {"Inf", "", 0}, {"soon", "", 0}, {"٣", "", 0}, {"５", "", 0}, {"\x00", "", 0},
		// The three forms of a date, our clock being right.
		{in(30*time.Second, imf), "", 30 * time.Second}, {in(30*time.Second, rfc85), "", 30 * time.Second},
		{in(30*time.Second, ansi), "", 30 * time.Second}, {in(0, imf), "", 0},
		{in(-time.Second, imf), "", 0}, {in(-day, rfc85), "", 0}, {in(-365*day, ansi), "", 0},
		{in(300*time.Second, imf), "", top}, {in(301*time.Second, imf), "", top}, {in(365*day, ansi), "", top},
		{" " + in(30*time.Second, imf) + " ", "", 30 * time.Second},
		{"Thu, 01 Jan 1970 00:00:00 GMT", "", 0}, {"Fri, 31 Dec 9999 23:59:59 GMT", "", top}, {"Mon, 01 Jan 0001 00:00:00 GMT", "", 0},
		{"Mon, 32 Jan 2026 00:00:00 GMT", "", 0}, {in(30*time.Second, time.RFC3339), "", 0}, {in(30*time.Second, time.RFC1123Z), "", 0},
		// Our clock a day late or early: the answer's own Date is what counts.
		{in(day+30*time.Second, imf), in(day, imf), 30 * time.Second}, {in(30*time.Second-day, imf), in(-day, imf), 30 * time.Second},
		{in(day+30*time.Second, ansi), in(day, rfc85), 30 * time.Second}, {in(day-time.Second, imf), in(day, imf), 0},
		{in(-day+time.Hour, imf), in(-day, imf), top}, {in(30*time.Second, imf), "yesterday", 30 * time.Second},
		{"30", in(day, imf), 30 * time.Second}, {"30", in(-day, imf), 30 * time.Second},
		{"Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", top},
		{"Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", 0},
	} {
		h := http.Header{"Retry-After": {test.value}}
		if test.date != "" {
			h.Set("Date", test.date)
		}
		require.Equal(t, test.want, parseRetryAfter(h, retryAfterNow), "case %d: Retry-After %.60q, Date %q", i, test.value, test.date)
	}
}

func TestRetryAfterOfSeveralHeadersTheFirstCounts(t *testing.T) {
	require.Zero(t, parseRetryAfter(nil, retryAfterNow))
	require.Equal(t, 7*time.Second, parseRetryAfter(http.Header{"Retry-After": {"7", "99"}}, retryAfterNow))
	require.Zero(t, parseRetryAfter(http.Header{"Retry-After": {"never", "99"}}, retryAfterNow))
	require.Zero(t, parseRetryAfter(http.Header{"Retry-After": {}}, retryAfterNow))
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range [][2]string{
		{"120", ""}, {"-1", ""}, {"9223372037", ""}, {"1" + strings.Repeat("0", 30), ""},
		{"Tue, 24 Nov 2026 03:03:01 GMT", "Tue, 24 Nov 2026 03:02:01 GMT"},
		{"Tuesday, 24-Nov-26 03:03:01 GMT", ""}, {"Tue Nov 24 03:03:01 2026", "soon"}, {" 5 ", "\x00"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, value, date string) {
		got := parseRetryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, retryAfterNow)
		require.GreaterOrEqual(t, got, time.Duration(0))
		require.LessOrEqual(t, got, 300*time.Second)
		if n, err := strconv.ParseUint(value, 10, 8); err == nil {
			require.Equal(t, time.Duration(n)*time.Second, got)
		}
	})
}

func TestBackoffBounds(t *testing.T) {
	for attempt := -1; attempt <= 100; attempt++ {
		most := 60 * time.Second
		if n := max(attempt, 1) - 1; n < 7 {
			most = 500 * time.Millisecond << n
		}
		for range 50 {
			d := backoff(attempt)
			require.LessOrEqual(t, d, most, "attempt %d", attempt)
			require.GreaterOrEqual(t, d, most/2, "attempt %d", attempt)
		}
	}
}

func TestBackoffVariesAtTheCap(t *testing.T) {
	seen := map[time.Duration]bool{}
	var sum time.Duration
	const n = 1000
	for range n {
		d := backoff(50)
		seen[d] = true
		sum += d
	}
	require.Greater(t, len(seen), n*9/10, "jitter before the clamp would leave one value")
	require.InDelta(t, 45, (sum / n).Seconds(), 2)
}

func TestHopeless(t *testing.T) {
	endpoint := "http://["
	endpoint += "::1"
	_, parseErr := url.Parse(endpoint)
	_, typeErr := new(x509.Certificate).Verify(x509.VerifyOptions{Roots: x509.NewCertPool()})
	require.Error(t, typeErr)
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"bad certificate":           {&tls.CertificateVerificationError{Err: errors.New("x")}, true},
		"unknown authority":         {x509.UnknownAuthorityError{}, true},
		"wrong name":                {x509.HostnameError{Certificate: new(x509.Certificate), Host: "h"}, true},
		"expired":                   {x509.CertificateInvalidError{Reason: x509.Expired}, true},
		"plain HTTP behind https":   {http.ErrSchemeMismatch, true},
		"URL":                       {parseErr, true},
		"URL of a proxy, inside":    {&url.Error{Op: "Post", URL: "u", Err: fmt.Errorf("proxy: %w", parseErr)}, true},
		"refused":                   {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false},
		"reset":                     {&url.Error{Op: "Post", Err: syscall.ECONNRESET}, false},
		"name not found":            {&net.DNSError{IsNotFound: true}, false},
		"timeout":                   {&url.Error{Op: "Post", Err: context.DeadlineExceeded}, false},
		"cut answer":                {io.ErrUnexpectedEOF, false},
		"TLS record that is no TLS": {tls.RecordHeaderError{Msg: "x"}, false},
		"joined":                    {errors.Join(io.EOF, x509.UnknownAuthorityError{}), true},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, hopeless(test.err))
			require.Equal(t, test.want, hopeless(&url.Error{Op: "Post", URL: "u", Err: test.err}), "as http.Client wraps it")
		})
	}
}

// TestHopelessOnRealHandshakes judges what net/http makes of real servers.
func TestHopelessOnRealHandshakes(t *testing.T) {
	quiet := log.New(io.Discard, "", 0)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = quiet
	server.StartTLS()
	defer server.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer plain.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	certificate := server.Certificate()

	for name, test := range map[string]struct {
		url  string
		tls  *tls.Config
		want bool
	}{
		"unknown authority": {server.URL, &tls.Config{}, true},
		"wrong name":        {server.URL, &tls.Config{RootCAs: trusted, ServerName: "elsewhere.example"}, true},
		"expired": {server.URL, &tls.Config{RootCAs: trusted, Time: func() time.Time {
			return certificate.NotAfter.Add(time.Hour)
		}}, true},
		"not yet valid": {server.URL, &tls.Config{RootCAs: trusted, Time: func() time.Time {
			return certificate.NotBefore.Add(-time.Hour)
		}}, true},
		"plain HTTP behind https": {strings.Replace(plain.URL, "http:", "https:", 1), &tls.Config{}, true},
		"refused":                 {closed.URL, &tls.Config{}, false},
		"no common TLS version":   {server.URL, &tls.Config{RootCAs: trusted, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, false},
	} {
		t.Run(name, func(t *testing.T) {
			transport := &http.Transport{TLSClientConfig: test.tls}
			defer transport.CloseIdleConnections()
			resp, err := (&http.Client{Transport: transport}).Get(test.url)
			if err == nil {
				resp.Body.Close()
			}
			require.Error(t, err)
			require.Equal(t, test.want, hopeless(err), "%v", err)
		})
	}
}
