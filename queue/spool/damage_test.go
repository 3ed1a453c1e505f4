// Damage: a bit turned over, or a file cut off, anywhere: nothing changed goes out, nothing is missing in silence.

package spool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/queue/spool"
)

// ended is a context that makes a Lease a poll.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// everything is a limit that takes all there is.
func everything(source string) analytics.Limit {
	return analytics.Limit{Source: source, Events: 1 << 30, Bytes: 1 << 30}
}

func entryOf(source string, n, size int) analytics.Entry {
	random := rand.New(rand.NewPCG(uint64(n), uint64(len(source))))
	body := make([]byte, size)
	for i := range body {
		body[i] = byte('a' + random.IntN(26))
	}
	return analytics.Entry{
		Source: source, Call: "track", ID: fmt.Appendf(nil, "id-%s-%06d", source, n), Key: fmt.Appendf(nil, "user-%d", n%7),
		Body: body, Time: time.Unix(1_700_000_000, int64(n)),
	}
}

// sample is a healthy file, what waits in it, and how many dead letters it has.
type sample struct {
	bytes   []byte
	entries map[string]analytics.Entry // that wait, by ID
	done    map[string]analytics.Entry // that were leased and Done: a head that is lost may bring them back
	dead    map[string]bool            // IDs
}

var sampleSources = []string{"0a1b2c3d4e5f6071", "ffeeddccbbaa0099"}

// newSample makes a file of about size bytes with two sources, records of many sizes,
// pages that were freed, and dead letters.
func newSample(t *testing.T, size int) *sample {
	dir := t.TempDir()
	q, err := spool.Open(dir, &spool.Options{MaxBytes: int64(size) * 4})
	require.NoError(t, err)
	s := &sample{entries: map[string]analytics.Entry{}, done: map[string]analytics.Entry{}, dead: map[string]bool{}}
	for n, held := 0, 0; held < size*9/10; n++ {
		var group []analytics.Entry
		for i := range 40 {
			size := 300 + (n*40+i)*37%900
			if i == 7 {
				size = 9000 // in pages of its own
			}
			e := entryOf(sampleSources[i%2], n*40+i, size)
			s.entries[string(e.ID)] = e
			group, held = append(group, e), held+size
		}
		require.NoError(t, q.Append(t.Context(), group, analytics.Drop))
	}
	for _, source := range sampleSources {
		lease, err := q.Lease(t.Context(), analytics.Limit{Source: source, Events: 20, Bytes: 1 << 30})
		require.NoError(t, err)
		verdicts := make([]analytics.Verdict, len(lease.Entries()))
		for i, e := range lease.Entries() {
			verdicts[i] = analytics.Verdict{Outcome: analytics.Delivered}
			if i%5 == 0 {
				verdicts[i] = analytics.Verdict{Outcome: analytics.Rejected, Err: errors.New("400 Bad Request")}
				s.dead[string(e.ID)] = true
			}
			s.done[string(e.ID)] = s.entries[string(e.ID)]
			delete(s.entries, string(e.ID))
		}
		require.NoError(t, lease.Done(t.Context(), verdicts))
	}
	require.NoError(t, q.Close(t.Context()))
	require.Greater(t, len(s.entries), 20)
	s.bytes, err = os.ReadFile(filepath.Join(dir, "spool.db"))
	require.NoError(t, err)
	return s
}

// survives opens a damaged copy of the sample and holds against it everything that must
// be true of one. It returns whether the damage was noticed.
func (s *sample) survives(t *testing.T, dir, what string, damaged []byte) (noticed bool) {
	old, _ := filepath.Glob(filepath.Join(dir, "spool.*"))
	for _, name := range old {
		require.NoError(t, os.Remove(name))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "spool.db"), damaged, 0o600))
	q, err := spool.Open(dir, &spool.Options{MaxBytes: 64 << 20})
	require.NoError(t, err, what)
	found, again := 0, 0
	for _, source := range sampleSources {
		waiting, done := s.lease(t, q, source, what)
		found, again = found+waiting, again+done
	}
	missing := len(s.entries) - found
	var corrupt *spool.CorruptError
	noticed = errors.As(q.Stats().Err, &corrupt)
	if missing > 0 || again > 0 {
		require.True(t, noticed, "%s: %d entries are missing, %d came again and Stats.Err is %v", what, missing, again, q.Stats().Err)
		require.NotEmpty(t, corrupt.Error())
		if corrupt.Path != "" {
			kept, err := os.ReadFile(corrupt.Path)
			require.NoError(t, err, what)
			require.Equal(t, len(damaged), len(kept), "%s: the file set aside is not the one that was damaged", what)
		}
	}
	for _, source := range sampleSources {
		require.NoError(t, q.Dead(source, func(d spool.DeadLetter) bool {
			require.True(t, s.dead[string(d.ID)], "%s: dead letter %s", what, d.ID)
			return true
		}), what)
	}
	fresh := entryOf(sampleSources[0], 1<<20, 100)
	require.NoError(t, q.Append(t.Context(), []analytics.Entry{fresh}, analytics.Drop), what)
	lease, err := q.Lease(ended(), everything(sampleSources[0]))
	require.NoError(t, err, what)
	require.Equal(t, []analytics.Entry{fresh}, lease.Entries(), what)
	require.NoError(t, q.Close(t.Context()), what)
	return noticed
}

// lease takes all that waits of a source, each of which must be as it was, and tells how
// many of them wait in the sample and how many were Done.
func (s *sample) lease(t *testing.T, q *spool.Spool, source, what string) (waiting, done int) {
	seen := map[string]bool{}
	for {
		lease, err := q.Lease(ended(), everything(source))
		if errors.Is(err, context.Canceled) {
			return waiting, done
		}
		require.NoError(t, err, what)
		for _, e := range lease.Entries() {
			want, ok := s.entries[string(e.ID)]
			waiting++
			if !ok {
				want, ok = s.done[string(e.ID)]
				waiting, done = waiting-1, done+1
			}
			if !ok || string(want.Body) != string(e.Body) || want.Source != e.Source || string(want.Key) != string(e.Key) ||
				want.Call != e.Call || !want.Time.Equal(e.Time) || seen[string(e.ID)] {
				require.Fail(t, "a changed entry was leased", "%s: %s", what, e.ID)
			}
			seen[string(e.ID)] = true
		}
	}
}

func TestABitTurnsOver(t *testing.T) {
	t.Parallel()
	runs := spool.Size(400, 10_000)
	s := newSample(t, spool.Size(2<<20, 20<<20))
	dir := t.TempDir()
	require.False(t, s.survives(t, dir, "not damaged", s.bytes))
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	noticed := 0
	for n := range runs {
		at, bit := random.IntN(len(s.bytes)), random.IntN(8)
		if n%4 == 0 { // where the structure is
			at = at/4096*4096 + random.IntN(200)
		}
		noticed += s.flip(t, dir, seed, at, bit)
	}
	t.Logf("%d of %d flips in %d bytes were noticed; the others hit nothing in use", noticed, runs, len(s.bytes))
	require.NotZero(t, noticed)
}

// TestEveryBitOfAPage turns over each bit of what one page holds of structure: of both
// heads, and of the first pages behind them.
func TestEveryBitOfAPage(t *testing.T) {
	t.Parallel()
	s := newSample(t, 60_000)
	dir := t.TempDir()
	step := spool.Size(11, 1) // of the bits: which ones are met is different from page to page
	for page := range len(s.bytes) / 4096 {
		for bit := page % step; bit < 96*8; bit += step {
			at := page*4096 + bit/8
			if s.bytes[page*4096+10] == 0 && page > 1 || at >= len(s.bytes) {
				break // nothing in it
			}
			if !spool.Long() && page > 6 && bit > 24*8 {
				break
			}
			s.flip(t, dir, 0, at, bit%8)
		}
	}
}

// TestEveryBitOfAName turns over bits of the names of buckets: what waits under another
// name would never be leased.
func TestEveryBitOfAName(t *testing.T) {
	t.Parallel()
	s := newSample(t, 60_000)
	dir := t.TempDir()
	noticed, step := 0, spool.Size(7, 1)
	for _, source := range sampleSources {
		name := []byte("waiting/" + source)
		at := 0
		for places := 0; places < spool.Size(40, 1000); places++ { // in pages that were freed, too
			next := bytes.Index(s.bytes[at:], name)
			if next < 0 {
				break
			}
			at += next
			for bit := places % step; bit < len(name)*8; bit += step {
				noticed += s.flip(t, dir, 0, at+bit/8, bit%8)
			}
			at += len(name)
		}
	}
	require.NotZero(t, noticed)
}

func (s *sample) flip(t *testing.T, dir string, seed uint64, at, bit int) int {
	s.bytes[at] ^= 1 << bit
	defer func() { s.bytes[at] ^= 1 << bit }()
	if s.survives(t, dir, fmt.Sprintf("bit %d of byte %#x (seed %d)", bit, at, seed), s.bytes) {
		return 1
	}
	return 0
}

func TestAFileIsCutOff(t *testing.T) {
	t.Parallel()
	offsets := spool.Size(60, 1000)
	s := newSample(t, spool.Size(300_000, 2<<20))
	dir := t.TempDir()
	var cuts []int
	for at := 0; at < len(s.bytes); at += 4096 {
		cuts = append(cuts, at)
	}
	for range offsets {
		cuts = append(cuts, rand.IntN(len(s.bytes)))
	}
	noticed := 0
	for _, at := range cuts {
		if s.survives(t, dir, fmt.Sprintf("cut off at %d of %d", at, len(s.bytes)), s.bytes[:at:at]) {
			noticed++
		}
	}
	t.Logf("%d of %d cuts were noticed; behind the others was nothing in use", noticed, len(cuts))
	require.NotZero(t, noticed)
}

func TestWhatIsNoSpoolIsSetAside(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{
		"text": []byte("this is a text\n"), "zeros": make([]byte, 1<<16), "one byte": {0},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "spool.db"), content, 0o600), name)
		q, err := spool.Open(dir, nil)
		require.NoError(t, err, name)
		var corrupt *spool.CorruptError
		require.ErrorAs(t, q.Stats().Err, &corrupt, name)
		kept, err := os.ReadFile(corrupt.Path)
		require.NoError(t, err, name)
		require.Equal(t, content, kept, name)
		require.NoError(t, q.Close(t.Context()), name)
		info, err := os.Stat(filepath.Join(dir, "spool.db"))
		require.NoError(t, err, name)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), name)
	}
}
