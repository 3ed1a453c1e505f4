// Tests of opening: files that are taken, damaged or not ours.

package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

func TestInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, "0")
	_, err := store.Open(t.Context(), store.Options{Dir: dir})
	require.ErrorIs(t, err, store.ErrInUse)
	require.ErrorContains(t, err, dir)
	p.kill(t)

	s := open(t, store.Options{Dir: dir})
	for range 2 { // failing does not take the lock away
		_, err = store.Open(t.Context(), store.Options{Dir: dir})
		require.ErrorIs(t, err, store.ErrInUse, "of the same process")
	}
	require.NoError(t, s.Close(t.Context()))
	open(t, store.Options{Dir: dir})
}

func TestStoresInMemoryAreApart(t *testing.T) {
	t.Parallel()
	one, two := open(t, store.Options{}), open(t, store.Options{Dir: store.Memory})
	addSource(t, one, "web")
	sources, err := two.Sources(t.Context())
	require.NoError(t, err)
	require.Empty(t, sources)
}

func TestDamagedFile(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		spoil func(file []byte) []byte
	}{
		{"text", func([]byte) []byte { return bytes.Repeat([]byte("no database "), 1000) }},
		{"zeros", func(file []byte) []byte { return make([]byte, len(file)) }},
		{"pages", func(file []byte) []byte {
			for i := 4096; i < len(file); i++ {
				file[i] = 0xa5
			}
			return file
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s, err := store.Open(t.Context(), store.Options{Dir: dir})
			require.NoError(t, err)
			addSource(t, s, "web")
			require.NoError(t, s.Close(t.Context()))
			path := filepath.Join(dir, "collector.db")
			file, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, test.spoil(file), 0o600))

			_, err = store.Open(t.Context(), store.Options{Dir: dir})
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, "move it away")
			require.NoError(t, os.Remove(path))
			open(t, store.Options{Dir: dir}) // the lock is free
		})
	}
}

func TestFileOfOthers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ change, want string }{
		"newer":          {"PRAGMA user_version = 1000", "version 1000"},
		"not ours":       {"CREATE TABLE photos (id INTEGER)", "not a collector's"},
		"not ours, with": {"CREATE TABLE photos (id INTEGER); PRAGMA user_version = -3", "not a collector's"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "collector.db")
			db, err := sql.Open("sqlite", path)
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), test.change)
			require.NoError(t, err)
			require.NoError(t, db.Close())
			_, err = store.Open(t.Context(), store.Options{Dir: dir})
			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, path)
		})
	}
}

func TestOpenWithoutPermission(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := store.Open(t.Context(), store.Options{Dir: filepath.Join(file, "dir")})
	require.ErrorContains(t, err, file)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = store.Open(ctx, store.Options{Dir: t.TempDir()})
	require.ErrorIs(t, err, context.Canceled)
}
