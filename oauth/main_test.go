// What the tests share: keys, token sources, and the check that no goroutine stays.

package oauth_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/oauth"
)

// TestMain fails the package when a goroutine of ours, or a connection's,
// outlives the tests. The last ones may be on their way out, so it looks until
// they are gone or two seconds have passed.
func TestMain(m *testing.M) {
	code := m.Run()
	stacks := ""
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var b bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&b, 2)
		stacks = b.String()
		if !strings.Contains(stacks, "analytics/oauth.") && !strings.Contains(stacks, "net/http.") {
			os.Exit(code)
		}
	}
	fmt.Fprintln(os.Stderr, "goroutines left behind:\n"+stacks)
	os.Exit(1)
}

// Making a key takes a moment: the tests share two.
var (
	firstKey  = sync.OnceValue(newKey)
	secondKey = sync.OnceValue(newKey)
)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// pkcs1 is the key as openssl genrsa -traditional writes it, pkcs8 as openssl genpkey does.
func pkcs1(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

func pkcs8(key any) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

const (
	clientID = "app-1"
	keyID    = "key-1"
)

// config asks server through memory, which works inside a bubble.
func config(server http.Handler) oauth.Config {
	return oauth.Config{
		ClientID: clientID, KeyID: keyID, PrivateKey: pkcs8(firstKey()),
		AuthServer: "https://auth.test",
		HTTPClient: &http.Client{Transport: memory{server}},
	}
}

func newSource(t *testing.T, c oauth.Config) *oauth.TokenSource {
	t.Helper()
	s, err := oauth.New(c)
	require.NoError(t, err)
	return s
}

// token asks s for a token that must come.
func token(t *testing.T, s *oauth.TokenSource, renew bool) string {
	t.Helper()
	text, err := s.Token(t.Context(), renew)
	require.NoError(t, err)
	return text
}
