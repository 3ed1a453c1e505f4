// An auth server for the tests: it checks every assertion twice, with the JWT library and without.

package oauth_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// authServer gives out token-1, token-2 … to the app clientID.
type authServer struct {
	audience string
	life     any // expires_in; nil leaves it out
	clock    func() time.Time

	mu         sync.Mutex
	keys       map[string]*rsa.PublicKey // by key id
	script     []http.HandlerFunc        // what the next requests meet instead; nil is the usual
	assertions []string
	ids        map[string]bool
	issued     int
	active     int
	most       int // requests at once
}

func newAuthServer() *authServer {
	return &authServer{
		audience: "https://auth.test",
		life:     86400,
		clock:    time.Now,
		keys:     map[string]*rsa.PublicKey{keyID: &firstKey().PublicKey},
		ids:      map[string]bool{},
	}
}

func (a *authServer) next(script ...http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.script = append(a.script, script...)
}

// requests is how many came.
func (a *authServer) requests() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.assertions)
}

func (a *authServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scripted := a.arrive(r)
	defer func() {
		a.mu.Lock()
		a.active--
		a.mu.Unlock()
	}()
	w.Header().Set("Date", a.clock().UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	if scripted != nil {
		scripted(w, r)
		return
	}
	if err := a.check(r); err != nil {
		refuse(http.StatusUnauthorized, "invalid_client", err.Error())(w, r)
		return
	}
	a.mu.Lock()
	a.issued++
	answer := map[string]any{"access_token": fmt.Sprintf("token-%d", a.issued), "token_type": "Bearer"}
	a.mu.Unlock()
	if a.life != nil {
		answer["expires_in"] = a.life
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (a *authServer) arrive(r *http.Request) (scripted http.HandlerFunc) {
	assertion := r.PostFormValue("client_assertion")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.assertions = append(a.assertions, assertion)
	a.active++
	a.most = max(a.most, a.active)
	if len(a.script) > 0 {
		scripted, a.script = a.script[0], a.script[1:]
	}
	return scripted
}

// check looks at everything that the OAuth API asks for.
func (a *authServer) check(r *http.Request) error {
	for _, c := range []struct{ what, got, want string }{
		{"method", r.Method, "POST"},
		{"path", r.URL.String(), "/token"},
		{"content type", r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"},
		{"fields", fmt.Sprint(len(r.PostForm)), "4"},
		{"grant_type", r.PostFormValue("grant_type"), "client_credentials"},
		{"client_assertion_type", r.PostFormValue("client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		{"scope", r.PostFormValue("scope"), "tracking_api:write"},
	} {
		if c.got != c.want {
			return fmt.Errorf("%s is %s", c.what, c.got)
		}
	}
	assertion := r.PostFormValue("client_assertion")
	return errors.Join(a.byLibrary(assertion), a.byHand(assertion))
}

func (a *authServer) key(id any) (*rsa.PublicKey, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name, _ := id.(string)
	if key := a.keys[name]; key != nil {
		return key, nil
	}
	return nil, errors.New("unknown kid")
}

func (a *authServer) byLibrary(assertion string) error {
	_, err := jwt.Parse(assertion, func(t *jwt.Token) (any, error) { return a.key(t.Header["kid"]) },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithAudience(a.audience), jwt.WithIssuer(clientID), jwt.WithSubject(clientID),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(a.clock))
	return err
}

func (a *authServer) byHand(assertion string) error {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return errors.New("assertion is not of three parts")
	}
	var decoded [3][]byte
	for i, part := range parts {
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			return err
		}
		decoded[i] = b
	}
	var header map[string]string
	var claims struct {
		Iss, Sub, Aud, Jti string
		Iat, Exp           int64
	}
	if err := errors.Join(json.Unmarshal(decoded[0], &header), json.Unmarshal(decoded[1], &claims)); err != nil {
		return err
	}
	key, err := a.key(header["kid"])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	now := a.clock().Unix()
	a.mu.Lock()
	defer a.mu.Unlock()
	repeated := a.ids[claims.Jti]
	a.ids[claims.Jti] = true
	switch id, err := uuid.Parse(claims.Jti); {
	case rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], decoded[2]) != nil:
		return errors.New("signature is wrong")
	case len(header) != 3 || header["alg"] != "RS256" || header["typ"] != "JWT":
		return errors.New("header is wrong")
	case claims.Iss != clientID, claims.Sub != clientID, claims.Aud != a.audience:
		return errors.New("parties are wrong")
	case claims.Iat > now, claims.Exp <= now, claims.Exp-claims.Iat >= 60:
		return errors.New("times are wrong")
	case err != nil, id.Version() != 4, repeated:
		return errors.New("jti is wrong")
	}
	return nil
}

// answer is an answer as it stands, headers in pairs.
func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func refuse(status int, code, description string) http.HandlerFunc {
	body, _ := json.Marshal(map[string]string{"error": code, "error_description": description})
	return answer(status, string(body))
}

// hang answers when its client has left.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// after answers as usual, d later.
func after(d time.Duration, then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
			then(w, r)
		case <-r.Context().Done():
		}
	}
}

// memory carries requests to a handler on the caller's goroutine.
type memory struct{ handler http.Handler }

func (m memory) RoundTrip(req *http.Request) (*http.Response, error) {
	defer req.Body.Close()
	in := req.Clone(req.Context())
	in.URL.Scheme, in.URL.Host = "", ""
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, in)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	resp := w.Result()
	resp.Request = req
	return resp, nil
}
