// What a body becomes: encodings said and unsaid, broken gzip, limits.

package ingest_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/internal/ingest"
)

func TestEncodings(t *testing.T) {
	t.Parallel()
	const plain = `{"userId":"u"}`
	packed := string(deflate(t, plain))
	const notGzip, otherCoding = "ingest: 400: body is not gzip", "ingest: 415: Content-Encoding is not gzip"
	for name, tt := range map[string]struct {
		encoding, body string
		want, err      string
	}{
		"plain":                    {"", plain, plain, ""},
		"plain, said":              {"identity", plain, plain, ""},
		"gzip":                     {"gzip", packed, plain, ""},
		"gzip by its other name":   {"X-GZip", packed, plain, ""},
		"gzip, then nothing":       {"gzip, identity", packed, plain, ""},
		"nothing, then gzip":       {"identity,gzip", packed, plain, ""},
		"gzip, not said":           {"", packed, plain, ""},
		"gzip, said not to be":     {"identity", packed, packed, ""},
		"empty":                    {"", "", "", ""},
		"one byte of gzip":         {"", "\x1f", "\x1f", ""},
		"empty gzip":               {"gzip", string(deflate(t, "")), "", ""},
		"two members":              {"gzip", packed + packed, plain + plain, ""},
		"two members, not said":    {"", packed + packed, plain + plain, ""},
		"plain, said to be gzip":   {"gzip", plain, "", notGzip},
		"nothing, said to be gzip": {"gzip", "", "", notGzip},
		"cut in the header":        {"gzip", packed[:5], "", notGzip},
		"cut in the middle":        {"gzip", packed[:len(packed)-12], "", notGzip},
		"cut in the checksum":      {"", packed[:len(packed)-1], "", notGzip},
		"wrong checksum":           {"", packed[:len(packed)-8] + "\x00\x00\x00\x00" + packed[len(packed)-4:], "", notGzip},
		"something after it":       {"gzip", packed + "{}", "", notGzip},
		"zeros after it":           {"gzip", packed + "\x00\x00", "", notGzip},
		"gzip twice":               {"gzip, gzip", packed, "", otherCoding},
		"brotli":                   {"br", plain, "", otherCoding},
		"brotli in gzip":           {"br, gzip", packed, "", otherCoding},
		"at the limit":             {"", strings.Repeat("x", 100), strings.Repeat("x", 100), ""},
		"above it":                 {"", strings.Repeat("x", 101), "", "ingest: 400: body exceeds 100 bytes"},
		"gzip at the limit":        {"", string(deflate(t, strings.Repeat("x", 100))), strings.Repeat("x", 100), ""},
		"gzip above it":            {"", string(deflate(t, strings.Repeat("x", 101))), "", "ingest: 400: body exceeds 100 bytes"},
		"members above it":         {"", strings.Repeat(packed, 8), "", "ingest: 400: body exceeds 100 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, length := range []string{"", "0", "-1", "20", "999999999999999999999", "500000"} {
				h := http.Header{"Content-Length": {length}}
				if tt.encoding != "" {
					h.Set("Content-Encoding", tt.encoding)
				}
				got, err := ingest.ReadBody(h, iotest.OneByteReader(strings.NewReader(tt.body)), 100)
				if tt.err != "" {
					require.EqualError(t, err, tt.err)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, tt.want, string(got))
			}
		})
	}
}

func TestEncodingInTwoLines(t *testing.T) {
	t.Parallel()
	h := http.Header{"Content-Encoding": {"identity", "gzip"}}
	got, err := ingest.ReadBody(h, bytes.NewReader(deflate(t, `{}`)), 100)
	require.NoError(t, err)
	require.Equal(t, `{}`, string(got))
}

// A connection that failed is told from a body that is bad.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	packed := deflate(t, `{"userId":"u"}`)
	for _, encoding := range []string{"", "gzip", "identity"} {
		for _, n := range []int{0, 1, 5, len(packed) - 12, len(packed)} {
			body := io.MultiReader(bytes.NewReader(packed[:n]), iotest.ErrReader(lost))
			_, err := ingest.ReadBody(http.Header{"Content-Encoding": {encoding}}, body, 100)
			require.ErrorIs(t, err, lost)
			require.Equal(t, 400, ingest.Status(err))
		}
	}
}

func TestBodiesDoNotShareMemory(t *testing.T) {
	t.Parallel()
	first, err := ingest.ReadBody(http.Header{}, strings.NewReader("first"), 100)
	require.NoError(t, err)
	for range 10 {
		_, err = ingest.ReadBody(http.Header{}, strings.NewReader("other"), 100)
		require.NoError(t, err)
	}
	require.Equal(t, "first", string(first))
}

// A body that inflates a thousandfold is read no further than the limit.
func TestInflationIsCountedWhileReading(t *testing.T) {
	t.Parallel()
	bomb := deflate(t, strings.Repeat("\x00", 20<<20))
	require.Less(t, len(bomb), ingest.MaxWireBytes)
	wire := bytes.NewReader(bomb)
	_, err := ingest.ReadBody(http.Header{"Content-Encoding": {"gzip"}}, wire, ingest.MaxInflatedBytes)
	var refused *ingest.Error
	require.ErrorAs(t, err, &refused)
	require.EqualError(t, refused, "ingest: 400: body exceeds 4194304 bytes")
	require.Greater(t, wire.Len(), len(bomb)/2, "the rest stays unread")
}

func TestReadBody(t *testing.T) {
	t.Parallel()
	plain := strings.Repeat(`{"a":1}`, 1000)
	body, err := ingest.ReadBody(http.Header{"Content-Encoding": {"GZIP"}}, iotest.OneByteReader(bytes.NewReader(deflate(t, plain))), ingest.MaxInflatedBytes)
	require.NoError(t, err)
	require.Equal(t, plain, string(body))

	lost := errors.New("lost")
	_, err = ingest.ReadBody(http.Header{}, iotest.ErrReader(lost), ingest.MaxInflatedBytes)
	require.ErrorIs(t, err, lost)

	exact := strings.Repeat("x", ingest.MaxWireBytes)
	body, err = ingest.ReadBody(http.Header{}, iotest.HalfReader(strings.NewReader(exact)), ingest.MaxInflatedBytes)
	require.NoError(t, err)
	require.Len(t, body, ingest.MaxWireBytes)
}
