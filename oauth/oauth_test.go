// New: what it refuses, and that it accepts every way to hold a key.

package oauth_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/oauth"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(&firstKey().PublicKey)
	require.NoError(t, err)
	block := func(kind string, header map[string]string) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Headers: header, Bytes: public})
	}
	good := pkcs8(firstKey())
	for name, tt := range map[string]struct {
		change func(c *oauth.Config)
		want   string
	}{
		"no client id":         {func(c *oauth.Config) { c.ClientID = "" }, "ClientID: is empty"},
		"client id with space": {func(c *oauth.Config) { c.ClientID = "app\n" }, "ClientID: has white space"},
		"no key id":            {func(c *oauth.Config) { c.KeyID = "" }, "KeyID: is empty"},
		"key id with space":    {func(c *oauth.Config) { c.KeyID = " key" }, "KeyID: has white space"},
		"no key":               {func(c *oauth.Config) { c.PrivateKey = nil }, "PrivateKey: is empty"},
		"blank key":            {func(c *oauth.Config) { c.PrivateKey = []byte(" \n") }, "PrivateKey: is empty"},
		"a path as key":        {func(c *oauth.Config) { c.PrivateKey = []byte("/etc/key.pem") }, "PrivateKey: is not PEM"},
		"cut key":              {func(c *oauth.Config) { c.PrivateKey = good[:len(good)/2] }, "PrivateKey: is not PEM"},
		"line breaks spelt out": {func(c *oauth.Config) { c.PrivateKey = bytes.ReplaceAll(good, []byte("\n"), []byte(`\n`)) },
			`PrivateKey: has \n written out`},
		"encrypted": {func(c *oauth.Config) { c.PrivateKey = block("ENCRYPTED PRIVATE KEY", nil) }, "PrivateKey: is encrypted"},
		"encrypted the old way": {func(c *oauth.Config) {
			c.PrivateKey = block("RSA PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"})
		}, "PrivateKey: is encrypted"},
		"public key":        {func(c *oauth.Config) { c.PrivateKey = block("PUBLIC KEY", nil) }, "PrivateKey: is the public half"},
		"rsa public key":    {func(c *oauth.Config) { c.PrivateKey = block("RSA PUBLIC KEY", nil) }, "PrivateKey: is the public half"},
		"certificate":       {func(c *oauth.Config) { c.PrivateKey = block("CERTIFICATE", nil) }, "PrivateKey: is the public half"},
		"curve":             {func(c *oauth.Config) { c.PrivateKey = pkcs8(curve) }, "PrivateKey: is no RSA private key"},
		"damaged":           {func(c *oauth.Config) { c.PrivateKey = block("RSA PRIVATE KEY", nil) }, "PrivateKey: is no RSA private key"},
		"short":             {func(c *oauth.Config) { c.PrivateKey = pkcs1(short) }, "PrivateKey: is too short"},
		"server no URL":     {func(c *oauth.Config) { c.AuthServer = "http://a b" }, "AuthServer: is not a URL"},
		"server no scheme":  {func(c *oauth.Config) { c.AuthServer = "auth.test" }, "AuthServer: needs the scheme"},
		"server no host":    {func(c *oauth.Config) { c.AuthServer = "https:///" }, "AuthServer: has no host"},
		"server password":   {func(c *oauth.Config) { c.AuthServer = "https://u:hunter2@auth.test" }, "AuthServer: must not carry"},
		"server query":      {func(c *oauth.Config) { c.AuthServer = "https://auth.test?" }, "AuthServer: must not have a query"},
		"server with token": {func(c *oauth.Config) { c.AuthServer = "https://auth.test/token/" }, "AuthServer: must not end in /token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(nil)
			tt.change(&c)
			s, err := oauth.New(c)
			require.Nil(t, s)
			var field *analytics.FieldError
			require.ErrorAs(t, err, &field)
			require.ErrorContains(t, err, "analytics: oauth: "+tt.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// Over a socket, with every default but the server's address.
func TestTokenOverHTTP(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		key    []byte
		suffix string
	}{
		"PKCS #1":         {key: pkcs1(firstKey())},
		"PKCS #8":         {key: pkcs8(firstKey())},
		"text before PEM": {key: append([]byte("Bag Attributes: none\n"), pkcs8(firstKey())...)},
		"trailing slash":  {key: pkcs8(firstKey()), suffix: "/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			auth := newAuthServer()
			socket := httptest.NewServer(auth)
			defer socket.Close()
			auth.audience = socket.URL
			s := newSource(t, oauth.Config{ClientID: clientID, KeyID: keyID, PrivateKey: tt.key, AuthServer: socket.URL + tt.suffix})
			require.Equal(t, "token-1", token(t, s, false))
			require.Equal(t, "token-1", token(t, s, false))
			require.Equal(t, "token-2", token(t, s, true))
			require.Equal(t, 2, auth.requests())
		})
	}
}

// Two keys are registered while one replaces the other.
func TestRotation(t *testing.T) {
	t.Parallel()
	auth := newAuthServer()
	auth.keys["key-2"] = &secondKey().PublicKey
	before := config(auth)
	next := config(auth)
	next.KeyID, next.PrivateKey = "key-2", pkcs1(secondKey())

	old, fresh := newSource(t, before), newSource(t, next)
	require.Equal(t, "token-1", token(t, old, false))
	require.Equal(t, "token-2", token(t, fresh, false))

	auth.mu.Lock()
	delete(auth.keys, keyID)
	auth.mu.Unlock()
	require.Equal(t, "token-3", token(t, fresh, true))
	_, err := old.Token(t.Context(), true)
	require.ErrorContains(t, err, "401 invalid_client")
}

// A path belongs to the audience, as the base URL of a server of one's own may have one.
func TestServerUnderAPath(t *testing.T) {
	t.Parallel()
	auth := newAuthServer()
	auth.audience = "https://auth.test/tenant"
	c := config(nil)
	c.AuthServer = "https://auth.test/tenant/"
	c.HTTPClient.Transport = memory{http.StripPrefix("/tenant", auth)}
	require.Equal(t, "token-1", token(t, newSource(t, c), false))
}

func TestKeyIsNotKept(t *testing.T) {
	t.Parallel()
	auth := newAuthServer()
	c := config(auth)
	s := newSource(t, c)
	clear(c.PrivateKey)
	require.Equal(t, "token-1", token(t, s, false))
}
