// kill -9 where a file comes to be: in its first creation, in compaction, and around the rename that ends it.

package spool

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/headwater-dev/analytics"
)

// bulk is how many entries a child appends to be forgotten at once, and bulkBody how
// long each is, so that the file has shrinkFromSmall.
const (
	bulk            = 40
	bulkBody        = 4 << 10
	shrinkFromSmall = 128 << 10
)

func init() {
	Children["create"] = createForEver
	Children["shrink"] = shrinkForEver
}

// say prints a line with one write.
func say(format string, args ...any) { _, _ = fmt.Fprintf(os.Stdout, format+"\n", args...) }

// createForEver opens a spool in one new directory after another, and says "K" when it
// accepted an entry there.
func createForEver() error {
	ctx := context.Background()
	for n := 0; ; n++ {
		say("O %d", n)
		s, err := Open(filepath.Join(os.Getenv("SPOOL"), fmt.Sprint(n)), nil)
		if err != nil {
			return err
		}
		if err := s.Append(ctx, []analytics.Entry{{Source: "kept", ID: fmt.Append(nil, n)}}, analytics.Drop); err != nil {
			return err
		}
		say("K %d", n)
		if err := s.Close(ctx); err != nil {
			return err
		}
	}
}

// shrinkForEver has the file grow and shrink. It says "C" when a compaction begins, "K"
// of an entry that it keeps and "B" of many that it accepted, and "D" before these are Done.
func shrinkForEver() error {
	ctx := context.Background()
	compacting := make(chan struct{}, 1)
	s, err := Open(os.Getenv("SPOOL"), &Options{shrinkFrom: shrinkFromSmall, open: func(path string, maxSize int64) (disk, error) {
		d, err := openFile(path, maxSize)
		if strings.Contains(path, "spool.new") {
			say("C")
			select {
			case compacting <- struct{}{}:
			default:
			}
		}
		return d, err
	}})
	if err != nil {
		return err
	}
	select {
	case <-compacting: // it was the creation
	default:
	}
	for n := 0; ; n++ {
		name := fmt.Sprintf("%s-%d", os.Getenv("LIFE"), n)
		many := make([]analytics.Entry, bulk)
		for i := range many {
			many[i] = analytics.Entry{Source: "bulk", ID: []byte(name), Body: make([]byte, bulkBody)}
		}
		if err := s.Append(ctx, many, analytics.Drop); err != nil {
			return err
		}
		say("B %s", name)
		lease, err := s.Lease(ctx, analytics.Limit{Source: "bulk", Events: 10 * bulk, Bytes: 1 << 30})
		if err != nil {
			return err
		}
		say("D %s", name)
		if err := lease.Done(ctx, delivered(lease)); err != nil {
			return err
		}
		for i := range 2 { // with the first the others are forgotten; the second meets the compaction
			name := fmt.Sprintf("%s-%d", name, i)
			if err := s.Append(ctx, []analytics.Entry{{Source: "kept", ID: []byte(name)}}, analytics.Drop); err != nil {
				return err
			}
			say("K %s", name)
			if i == 0 {
				<-compacting
			}
		}
	}
}

func delivered(lease analytics.Lease) []analytics.Verdict {
	verdicts := make([]analytics.Verdict, len(lease.Entries()))
	for i := range verdicts {
		verdicts[i].Outcome = analytics.Delivered
	}
	return verdicts
}

// TestKillWhileCreating kills a process while it makes its file.
func TestKillWhileCreating(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	kills, halfway := Size(100, 400), 0
	for range kills {
		dir := t.TempDir()
		child := StartChild(t, "create", "SPOOL="+dir)
		line := child.Line()
		killer := time.AfterFunc(time.Duration(random.Int64N(int64(15*time.Millisecond))), child.Kill)
		last, accepted := -1, -1
		for ; line != ""; line = child.Line() {
			var n int
			if _, err := fmt.Sscanf(line, "K %d", &n); err == nil {
				accepted = n
			} else if _, err := fmt.Sscanf(line, "O %d", &n); err == nil {
				last = n
			}
		}
		require.ErrorContains(t, child.Wait(), "killed")
		killer.Stop()
		for n := max(0, accepted); n <= last; n++ {
			there := filepath.Join(dir, fmt.Sprint(n))
			litter, err := filepath.Glob(filepath.Join(there, newPattern))
			require.NoError(t, err)
			halfway += min(len(litter), 1)
			ids := settleAll(t, there, "kept")
			if n == accepted {
				require.Equal(t, []string{fmt.Sprint(n)}, ids)
			}
			requireOnlyFile(t, there)
		}
		require.NoError(t, os.RemoveAll(dir))
	}
	t.Logf("%d kills, %d inside the making of a file", kills, halfway)
}

// TestKillWhileShrinking kills a process in a compaction, or just before or after it.
func TestKillWhileShrinking(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	dir := filepath.Join(t.TempDir(), "spool")
	kills, inside, compactions, kept := Size(100, 600), 0, 0, 0
	for life := range kills {
		child := StartChild(t, "shrink", "SPOOL="+dir, fmt.Sprintf("LIFE=%d", life))
		// The moment is counted from the Done before a compaction, or from its beginning,
		// which this process may learn of when it is over.
		from, within := "D", 4*time.Millisecond
		if life%2 == 1 {
			from, within = "C", time.Millisecond
		}
		until := 2 + random.IntN(3) // the first C is the creation, if there was one
		wait := time.Duration(random.Int64N(int64(within)))
		var ids []string
		open := "" // accepted, and not Done
		var killer *time.Timer
		for line := child.Line(); line != ""; line = child.Line() {
			kind, name, _ := strings.Cut(line, " ")
			if kind == from {
				if until--; until == 0 {
					killer = time.AfterFunc(wait, child.Kill)
				}
			}
			switch kind {
			case "C":
				compactions++
			case "K":
				ids = append(ids, name)
			case "B":
				open = name
			case "D":
				open = ""
			}
		}
		require.ErrorContains(t, child.Wait(), "killed", "life %d", life)
		killer.Stop()
		litter, err := filepath.Glob(filepath.Join(dir, newPattern))
		require.NoError(t, err)
		inside += min(len(litter), 1)
		requireSoundFile(t, filepath.Join(dir, fileName))
		found := settleAll(t, dir, "kept")
		require.GreaterOrEqual(t, len(found), len(ids), "life %d", life)
		require.LessOrEqual(t, len(found), len(ids)+1, "life %d", life)
		if len(ids) > 0 {
			require.Equal(t, ids, found[:len(ids)], "life %d", life)
		}
		rest := settleAll(t, dir, "bulk")
		if open != "" {
			require.Contains(t, rest, open, "life %d", life)
		}
		require.Zero(t, len(rest)%bulk, "all of an Append or none of it")
		requireOnlyFile(t, dir)
		kept += len(found)
	}
	t.Logf("%d kills, %d compactions, %d kills inside one, %d entries kept", kills, compactions, inside, kept)
}

// settleAll opens the spool in a directory, which must be whole, takes all of a source
// and returns its ids.
func settleAll(t *testing.T, dir, source string) []string {
	t.Helper()
	s, err := Open(dir, nil)
	require.NoError(t, err)
	require.NoError(t, s.Stats().Err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	ids := []string{}
	for {
		lease, err := s.Lease(ended, analytics.Limit{Source: source, Events: 1000, Bytes: 1 << 30})
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
			break
		}
		for _, e := range lease.Entries() {
			ids = append(ids, string(e.ID))
		}
		require.NoError(t, lease.Done(t.Context(), delivered(lease)))
	}
	require.NoError(t, s.Stats().Err)
	require.NoError(t, s.Close(t.Context()))
	return ids
}

// requireOnlyFile requires that nothing is in the directory but the file.
func requireOnlyFile(t *testing.T, dir string) {
	t.Helper()
	there, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, there, 1)
	require.Equal(t, fileName, there[0].Name())
}

// requireSoundFile requires that bbolt finds nothing wrong with a file that nobody has open.
func requireSoundFile(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Minute})
	require.NoError(t, err)
	require.NoError(t, db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			return err
		}
		return nil
	}))
	require.NoError(t, db.Close())
}
