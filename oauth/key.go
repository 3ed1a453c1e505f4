// The private key: read from PEM, with an error for each way to hold the wrong thing.

package oauth

import (
	"bytes"
	"crypto/rsa"
	"encoding/pem"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// minKeyBits is the least that RS256 may be used with. RFC 7518, section 3.3.
const minKeyBits = 2048

// parseKey never puts anything of the key into an error, a parser's words
// included.
func parseKey(text []byte) (*rsa.PrivateKey, error) {
	const field = "PrivateKey"
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, bad(field, "is empty: pass the content of the PEM file")
	}
	block, _ := pem.Decode(text)
	switch {
	case block == nil && bytes.Contains(text, []byte(`\n`)):
		return nil, bad(field, `has \n written out: put line breaks there before passing it`)
	case block == nil:
		return nil, bad(field, "is not PEM: pass the content of the file, from -----BEGIN to the last dash")
	case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return nil, bad(field, "is encrypted: decrypt it first, for example with openssl pkey")
	case strings.HasSuffix(block.Type, "PUBLIC KEY"), block.Type == "CERTIFICATE":
		return nil, bad(field, "is the public half: that one is registered with the app, the private one belongs here")
	}
	// Of the block alone: pem.Decode has skipped what stands before it.
	key, err := jwt.ParseRSAPrivateKeyFromPEM(pem.EncodeToMemory(block))
	switch {
	case err != nil:
		return nil, bad(field, "is no RSA private key in PKCS #1 or PKCS #8")
	case key.N.BitLen() < minKeyBits:
		return nil, bad(field, "is too short: RS256 needs at least 2048 bits")
	}
	return key, nil
}
