// The Transport seam, what a batch looks like on the wire, and the HTTP transport.

package analytics

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Transport sends batches. HTTPTransport is the one a Client uses by itself;
// set Config.Transport to wrap or replace it.
type Transport interface {
	// Send delivers one batch, in one attempt, and returns nil when the far end
	// has accepted all of it. A *ResponseError, also a wrapped one, is judged by
	// its status and RetryAfter; any other error is retried, but for those of
	// certificates, schemes and URLs. The client does the waiting and retrying.
	// Send is called from many goroutines at once, at most
	// Config.MaxConcurrentUploads, and must return soon after ctx ends. The batch
	// and what AppendTo gave are not to be kept after Send returns.
	Send(ctx context.Context, b *Batch) error
}

// TokenSource gives OAuth 2.0 access tokens. Package oauth has one for the
// API's client-credentials flow. A golang.org/x/oauth2 source fits with
//
//	type tokens struct{ oauth2.TokenSource }
//
//	func (t tokens) Token(ctx context.Context, renew bool) (string, error) {
//		token, err := t.TokenSource.Token()
//		if err != nil {
//			return "", err
//		}
//		return token.AccessToken, nil
//	}
type TokenSource interface {
	// Token returns a valid access token, from a cache where it can. With renew
	// the server has just refused the last one: get another. It is called
	// before every request, from many goroutines at once.
	Token(ctx context.Context, renew bool) (string, error)
}

// Batch is what one request carries.
type Batch struct {
	Entries  []Entry   // read-only
	WriteKey string    // part of the body unless empty
	Attempt  int       // 0 the first time, then 1, 2, 3 …
	SentAt   time.Time // fresh for each attempt, or the API would take the wait for clock skew
}

// Format writes the batch by its size under every verb: a log of it holds neither
// the write key nor a payload.
func (b Batch) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "analytics.Batch(%d entries, attempt %d)", len(b.Entries), b.Attempt)
}

const (
	batchHead = `{"batch":[`
	batchSent = `],"sentAt":`
	batchKey  = `,"writeKey":`
	// envelopeBytes is the most that a batch without a write key adds around
	// its entries and the commas between them.
	envelopeBytes = len(batchHead) + len(batchSent) + len(`"2006-01-02T15:04:05.999999999Z"`) + len(`}`)
)

// AppendTo appends the JSON body of the request:
//
//	{"batch":[…],"sentAt":"…","writeKey":"…"}
//
// It is valid until Send returns.
func (b *Batch) AppendTo(buf []byte) []byte {
	buf = append(buf, batchHead...)
	for i := range b.Entries {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = append(buf, b.Entries[i].Body...)
	}
	buf = append(buf, batchSent...)
	buf = append(buf, '"')
	buf = b.SentAt.UTC().AppendFormat(buf, time.RFC3339Nano)
	buf = append(buf, '"')
	if b.WriteKey != "" {
		buf = append(buf, batchKey...)
		buf = appendString(buf, b.WriteKey)
	}
	return append(buf, '}')
}

// entryBytes is what Config leaves for the bodies of one batch: Limit.Bytes.
func (c *Config) entryBytes(writeKey string) int {
	key := len(batchKey) + len(appendString(nil, writeKey))
	return max(c.MaxBatchBytes-envelopeBytes-key-(c.BatchSize-1), 1)
}

const (
	answerDrained = 64 << 10 // of an answer is read, so that its connection can be reused
	answerKept    = 4 << 10  // of that is kept in a ResponseError
	hostKept      = 255      // of the host that a redirect names: no DNS name is longer
	// idleTimeout closes a connection that nobody used; redial makes a new one
	// from time to time, since the API moves: it wants DNS looked up again at
	// least every 24 h.
	idleTimeout = 90 * time.Second
	redial      = time.Hour
	// pingAfter and pingTimeout find an HTTP/2 connection that died unnoticed. A
	// request that times out does not end it, and the next would take it again.
	pingAfter   = 15 * time.Second
	pingTimeout = 5 * time.Second
)

// HTTPTransport is the Transport over HTTP: one POST a batch.
type HTTPTransport struct {
	client   *http.Client
	own      bool // client's connections are ours to close
	endpoint string
	agent    string
	plain    bool
	timeout  time.Duration
	tokens   TokenSource
	bodies   bodyPool
	zip      compressor

	mu       sync.Mutex
	redialed time.Time
}

// NewHTTPTransport returns the transport that New would use for config: its
// Endpoint, HTTPClient, TokenSource, Compression and RequestTimeout. Use it to
// wrap one. A nil config means the defaults.
func NewHTTPTransport(config *Config) (*HTTPTransport, error) {
	c, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	return newHTTPTransport(&c), nil
}

// newHTTPTransport takes a config that has its defaults.
func newHTTPTransport(c *Config) *HTTPTransport {
	t := &HTTPTransport{
		endpoint: c.Endpoint,
		agent:    libraryName + "/" + Version,
		plain:    c.Compression == None,
		timeout:  c.RequestTimeout,
		tokens:   c.TokenSource,
		redialed: time.Now(),
	}
	client := http.Client{}
	if c.HTTPClient != nil {
		client = *c.HTTPClient
	} else {
		t.own = true
		client.Transport = ownRoundTripper(c.MaxConcurrentUploads)
	}
	if client.Transport == nil {
		client.Transport = http.DefaultTransport
	}
	client.Transport = staying{client.Transport}
	// A redirect turns a POST into a GET without a body, or takes the write key
	// elsewhere. The answer itself is the error.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.client = &client
	return t
}

func ownRoundTripper(uploads int) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           uploads,
		MaxIdleConnsPerHost:    uploads,
		IdleConnTimeout:        idleTimeout,
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: answerDrained,
		DisableCompression:     true, // what is drained is bounded as it comes
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		// No MaxConnsPerHost: with HTTP/2 it can hang requests (golang/go#34941).
	}
}

// staying keeps http.Client from failing on a redirect whose Location it cannot
// parse, which would hide the status and be tried again.
type staying struct{ http.RoundTripper }

func (s staying) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.RoundTripper.RoundTrip(req)
	if err == nil && resp != nil && redirects(resp.StatusCode) {
		if _, unreadable := resp.Location(); unreadable != nil {
			resp.Header.Del("Location")
		}
	}
	return resp, err
}

// CloseIdleConnections passes on what http.Client asks of its RoundTripper.
func (s staying) CloseIdleConnections() {
	if c, ok := s.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func redirects(status int) bool { return status >= 300 && status <= 399 }

// Send implements Transport. A 401 or 511 renews the token of the TokenSource
// and tries once more at once.
func (t *HTTPTransport) Send(ctx context.Context, b *Batch) error {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	authorization := "Basic " + base64.StdEncoding.EncodeToString([]byte(b.WriteKey+":"))
	content := *b
	if t.tokens == nil {
		content.WriteKey = "" // it goes into the header
	} else {
		token, err := t.tokens.Token(ctx, false)
		if err != nil {
			return fmt.Errorf("analytics: token: %w", err)
		}
		authorization = "Bearer " + token
	}
	body := t.body(&content)
	defer body.release()
	err := t.post(ctx, body, b.Attempt, authorization)
	var answer *ResponseError
	if t.tokens == nil || !errors.As(err, &answer) || answer.StatusCode != 401 && answer.StatusCode != 511 {
		return err
	}
	token, err := t.tokens.Token(ctx, true)
	if err != nil {
		return fmt.Errorf("analytics: token after status %d: %w", answer.StatusCode, err)
	}
	return t.post(ctx, body, b.Attempt, "Bearer "+token)
}

// body encodes and compresses a batch.
func (t *HTTPTransport) body(b *Batch) *body {
	plain := t.bodies.get()
	plain.data = b.AppendTo(plain.data)
	if t.plain {
		return plain
	}
	zipped := t.bodies.get()
	zipped.data = t.zip.append(zipped.data, plain.data)
	plain.release()
	return zipped
}

func (t *HTTPTransport) post(ctx context.Context, body *body, attempt int, authorization string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.endpoint, body.reader())
	if err != nil {
		return fmt.Errorf("analytics: request: %w", err)
	}
	req.ContentLength = int64(len(body.data))
	// Without an Idempotency-Key net/http uses GetBody only where nothing was
	// written on a connection found dead: a replay that no counter need know.
	req.GetBody = func() (io.ReadCloser, error) { return body.reader(), nil }
	req.Header = http.Header{
		"Authorization": {authorization},
		"Content-Type":  {"application/json"},
		"User-Agent":    {t.agent},
	}
	if !t.plain {
		req.Header["Content-Encoding"] = []string{"gzip"}
	}
	if attempt > 0 {
		req.Header["X-Retry-Count"] = []string{strconv.Itoa(attempt)}
	}
	req.Close = t.redial()
	resp, err := t.client.Do(req)
	if err != nil {
		return fmt.Errorf("analytics: %w", redact(err))
	}
	return answer(resp)
}

// answer reads what the server said. A body that breaks off changes nothing:
// the status is known.
func answer(resp *http.Response) error {
	defer resp.Body.Close()
	rest := io.LimitReader(resp.Body, answerDrained)
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		_, _ = io.Copy(io.Discard, rest)
		return nil
	}
	var kept []byte
	var broken error
	// After a 101 the body is the bare connection, which no deadline ends.
	if resp.StatusCode >= 200 {
		if kept, broken = io.ReadAll(io.LimitReader(rest, answerKept)); broken == nil {
			_, broken = io.Copy(io.Discard, rest)
		}
	}
	err := &ResponseError{
		StatusCode: resp.StatusCode,
		RetryAfter: parseRetryAfter(resp.Header, time.Now()),
		Body:       clip(strings.ToValidUTF8(string(kept), "\uFFFD"), answerKept),
		err:        broken,
	}
	if redirects(resp.StatusCode) {
		if target, e := resp.Location(); e == nil {
			return fmt.Errorf("analytics: redirected to %s://%s: set Config.Endpoint to where the API is: %w",
				target.Scheme, clip(target.Host, hostKept), err)
		}
	}
	return err
}

// clip cuts s to at most max bytes without cutting a character in two.
func clip(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}

// redact takes the query and any password out of the URL in an error of
// http.Client, which a wrapped RoundTripper may have put there, and out of those
// of another http.Client beneath it.
func redact(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		if u, parseErr := url.Parse(e.URL); parseErr == nil {
			u.RawQuery, u.User = "", nil
			return &url.Error{Op: e.Op, URL: u.String(), Err: redact(e.Err)}
		}
	}
	return err
}

// redial reports, once in a while, that a request is to be the last one on its
// connection, so that the next is made to where DNS points by then. That works
// on a busy HTTP/2 connection too, which is never idle. Idle connections of our
// own are dropped at once; those of a client the user gave are the user's.
func (t *HTTPTransport) redial() bool {
	t.mu.Lock()
	due := time.Since(t.redialed) >= redial
	if due {
		t.redialed = time.Now()
	}
	t.mu.Unlock()
	if due {
		t.CloseIdleConnections()
	}
	return due
}

// CloseIdleConnections drops connections that carry no request, so that the
// next request makes a new one. The client calls it when an API stops
// answering and when it has shut down. The connections of a Config.HTTPClient
// are left alone.
func (t *HTTPTransport) CloseIdleConnections() {
	if t.own {
		t.client.CloseIdleConnections()
	}
}

// closeIdle closes the idle connections of a transport that can.
func closeIdle(t Transport) {
	if c, ok := t.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
