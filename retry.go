// What an answer is worth and how long to wait: pure functions, and the numbers behind them.

package analytics

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = time.Minute
	// maxRetryAfter bounds what one answer can ask for.
	maxRetryAfter = 300 * time.Second
	// maxRetryTime bounds both kinds of waiting: backoff from a batch's first
	// failure, rate limiting from the first answer that limited.
	maxRetryTime = 12 * time.Hour
)

// worth is what the answer to one attempt is worth.
type worth int

const (
	accepted worth = iota // delivered
	refused               // never try again
	tooMuch               // part of the batch is at fault: send its halves
	again                 // try again after backoff
	limited               // try again after the Retry-After that pauses everything
)

// judge tells what the outcome of one attempt with a batch of events entries is
// worth, and for limited how long to pause.
func judge(err error, events int) (worth, time.Duration) {
	if err == nil {
		return accepted, 0
	}
	var answer *ResponseError
	if !errors.As(err, &answer) {
		if hopeless(err) {
			return refused, 0
		}
		return again, 0
	}
	switch {
	case retryable(answer.StatusCode) && answer.RetryAfter > 0:
		return limited, min(answer.RetryAfter, maxRetryAfter)
	case retryable(answer.StatusCode):
		return again, 0
	case events > 1 && (answer.StatusCode == http.StatusRequestEntityTooLarge || answer.StatusCode == http.StatusBadRequest):
		return tooMuch, 0
	default:
		return refused, 0
	}
}

// retryable is the status table of the first-party libraries. 511 is not in it:
// the transport renews the token and tries once before anyone sees it.
func retryable(status int) bool {
	switch status {
	case 408, 410, 429, 460:
		return true
	case 501, 505, 511:
		return false
	}
	return status >= 500 && status <= 599
}

// hopeless tells errors that no second attempt can mend: a certificate, a
// scheme or a URL that is wrong stays wrong.
func hopeless(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &verification), errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid):
		return true
	case errors.Is(err, http.ErrSchemeMismatch):
		return true
	}
	// The error of http.Client is a *url.Error itself, around one of a proxy's.
	for e := (*url.Error)(nil); errors.As(err, &e); err = e.Err {
		if e.Op == "parse" {
			return true
		}
	}
	return false
}

// backoff is the default wait before the attempt-th retry, 1 being the first:
// 500 ms doubling to 60 s, less up to half of it at random. The random part
// comes after the clamp, or else everyone at the cap would wait the same time.
func backoff(attempt int) time.Duration {
	d := maxBackoff
	if shift := max(attempt, 1) - 1; shift < 7 {
		d = min(firstBackoff<<shift, maxBackoff)
	}
	return d - rand.N(d/2+1)
}

// parseRetryAfter reads the first Retry-After header: seconds, or a date in any
// form HTTP knows, taken against the answer's own Date if it has one, since our
// clock may be wrong. Zero, negative and unreadable values count as absent.
func parseRetryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789") == "" {
		// Beyond ten digits, and when multiplied, it would overflow.
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if server, err := http.ParseTime(h.Get("Date")); err == nil {
		now = server
	}
	return min(max(date.Sub(now), 0), maxRetryAfter)
}
