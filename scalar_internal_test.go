// Scalars are written the fast way, and as encoding/json writes them.

package analytics

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFloatsAreWrittenAsEncodingJSONDoes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	floats := []float64{0, math.Copysign(0, -1), 0.1, 0.01, 0.001, -0.05, 39.95, 1e12, 1e13, 9999999999999.99, 1e13 + 0.25, 123456792, 4503599627370497.5,
		0.1 + 0.2, 1.005, 2.675, 1e-7, 1e21, math.MaxFloat64, math.SmallestNonzeroFloat64}
	for range 200_000 {
		cents := r.Int64N(1_000_000_000_000_000) >> r.IntN(50)
		f := float64(cents) / 100
		floats = append(floats, f, -f, math.Nextafter(f, 0), math.Nextafter(f, math.Inf(1)), math.Float64frombits(r.Uint64()), float64(cents)*0.01)
	}
	fast := 0
	for _, f := range floats {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			continue
		}
		want, err := json.Marshal(f)
		require.NoError(t, err)
		got, err := appendFloat(nil, f, 64)
		require.NoError(t, err)
		if string(want) != string(got) {
			require.Equal(t, string(want), string(got), "%x", math.Float64bits(f))
		}
		if _, ok := appendCents(nil, f); ok {
			fast++
		}
		if small := float32(f); !math.IsInf(float64(small), 0) {
			want, _ := json.Marshal(small)
			got, _ := appendFloat(nil, float64(small), 32)
			if string(want) != string(got) {
				require.Equal(t, string(want), string(got), "%x", math.Float32bits(small))
			}
		}
	}
	require.Greater(t, fast, 400_000, "amounts go the fast way")
}

// Any byte in any place of a string is seen by the look at eight bytes at once.
func TestPlainSeesWhatNeedsAnEscape(t *testing.T) {
	t.Parallel()
	for length := range 40 {
		require.True(t, plain(strings.Repeat("~", length)))
		for at := range length {
			for c := range 256 {
				text := []byte(strings.Repeat("a", length))
				text[at] = byte(c)
				want := c >= ' ' && c != '"' && c != '\\' && c < 0x80
				if plain(string(text)) != want {
					require.Failf(t, "not seen, or seen for nothing", "byte %#x at %d of %d", c, at, length)
				}
			}
		}
	}
}

// A stamp writes what appendTime writes, whatever it wrote before.
func TestStampWritesTimes(t *testing.T) {
	t.Parallel()
	var s stamp
	random := rand.New(rand.NewPCG(5, 6))
	now := time.Now()
	times := []time.Time{{}, time.Unix(0, 0), time.Unix(0, 1), time.Unix(-1, 999_999_999), now, now, now.Add(time.Nanosecond),
		now.In(time.FixedZone("", 3600)), time.Date(9999, 12, 31, 23, 59, 59, 120_000_000, time.UTC)}
	for range 20_000 {
		nanos := random.Int64N(3e9)
		times = append(times, now.Add(time.Duration(nanos)), now.Add(time.Duration(nanos/1e6*1e6)))
	}
	for _, at := range times {
		want, err := appendTime(nil, at.UTC())
		require.NoError(t, err)
		got, err := s.append(nil, at)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	}
	b, err := s.append([]byte("before"), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
	require.ErrorContains(t, err, "year")
	require.Equal(t, "before", string(b))
	got, err := s.append(nil, now)
	require.NoError(t, err, "the next one is written again")
	want, _ := appendTime(nil, now.UTC())
	require.Equal(t, string(want), string(got))
}
