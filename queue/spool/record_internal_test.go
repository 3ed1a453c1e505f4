// Records: any bytes are read as what they are or refused, and what is written is read back.

package spool

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// FuzzRecord reads any bytes as a record: as they are, which nothing but a collision lets
// through, and with the checksum put right, when a length may still be wrong.
func FuzzRecord(f *testing.F) {
	r, err := newRecord(&analytics.Entry{Call: "track", ID: []byte("id"), Key: []byte("user"), Body: []byte(`{"a":1}`), Time: time.Unix(1, 2)})
	require.NoError(f, err)
	r.seal("0a1b2c3d4e5f6071", 7)
	f.Add([]byte(r), "0a1b2c3d4e5f6071", uint64(7))
	f.Add([]byte(r[:headerBytes]), "", uint64(0))
	f.Add([]byte(r[:len(r)-9]), "a", uint64(1))
	f.Add([]byte{}, "a", uint64(1))
	f.Add(bytes.Repeat([]byte{0xFF}, 64), "a", ^uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, source string, sequence uint64) {
		given := bytes.Clone(data)
		for _, sealed := range []bool{false, true} {
			r := record(data)
			if sealed && len(r) >= headerBytes {
				r.seal(source, sequence)
				given = bytes.Clone(r)
			}
			require.GreaterOrEqual(t, r.bodyBytes(), 0)
			require.LessOrEqual(t, r.bodyBytes(), len(r))
			require.GreaterOrEqual(t, r.cost(), int64(len(r)))
			_ = r.time()
			e, err := r.entry(source, sequence)
			require.Equal(t, given, []byte(r), "reading changes nothing")
			if err != nil {
				continue
			}
			require.Equal(t, len(e.Body), r.bodyBytes())
			require.Equal(t, len(r), headerBytes+len(e.Call)+len(e.ID)+len(e.Key)+len(e.Body))
			again, err := newRecord(&e)
			require.NoError(t, err)
			again[2], again[3] = r[2], r[3] // nothing, whatever they are
			again.seal(source, sequence)
			require.Equal(t, []byte(r), []byte(again))
		}
	})
}

// FuzzEntry writes any entry, reads it back, and finds every bit that turns over.
func FuzzEntry(f *testing.F) {
	f.Add("a", "track", []byte("id"), []byte("user"), []byte(`{"a":1}`), int64(7), uint64(3), uint(70))
	f.Add("", "", []byte{}, []byte{}, []byte{}, int64(0), uint64(0), uint(0))
	f.Add("ffeeddccbbaa0099", "identify", bytes.Repeat([]byte("i"), 100), []byte{}, bytes.Repeat([]byte("b"), 9000), int64(-1), ^uint64(0), uint(99999))
	f.Fuzz(func(t *testing.T, source, call string, id, key, body []byte, nanoseconds int64, sequence uint64, bit uint) {
		e := analytics.Entry{Source: source, Call: call, ID: id, Key: key, Body: body, Time: time.Unix(0, nanoseconds)}
		r, err := newRecord(&e)
		if len(call) > 255 {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		r.seal(source, sequence)
		got, err := r.entry(source, sequence)
		require.NoError(t, err)
		require.True(t, e.Time.Equal(got.Time))
		require.Equal(t, []string{source, call, string(id), string(key), string(body)},
			[]string{got.Source, got.Call, string(got.ID), string(got.Key), string(got.Body)})

		_, err = r.entry(source+"x", sequence)
		require.Error(t, err, "a record of another source")
		_, err = r.entry(source, sequence+1)
		require.Error(t, err, "a record of another place")
		bit %= uint(len(r) * 8)
		r[bit/8] ^= 1 << (bit % 8)
		_, err = r.entry(source, sequence)
		require.Error(t, err, "bit %d", bit)
		_, err = r[:len(r)-1].entry(source, sequence)
		require.Error(t, err, "cut off")
	})
}

// TestAnotherVersion is no damage, but what this one cannot read.
func TestAnotherVersion(t *testing.T) {
	t.Parallel()
	r, err := newRecord(&analytics.Entry{Call: "track", Body: []byte("{}")})
	require.NoError(t, err)
	r[0] = recordVersion + 1
	r.seal("a", 1)
	_, err = r.entry("a", 1)
	require.ErrorContains(t, err, "version 2")
}
