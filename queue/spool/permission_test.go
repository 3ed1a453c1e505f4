// Permissions: who may read what is in a spool, which directories it refuses, and what it says then.

//go:build unix

package spool_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/queue/spool"
)

func init() {
	spool.Children["umask"] = underUmask
	spool.Children["nobody"] = asNobody
}

// requireChild runs a child to its end and returns what it printed.
func requireChild(t *testing.T, name string, environment ...string) string {
	t.Helper()
	child := spool.StartChild(t, name, environment...)
	var lines []string
	for line := child.Line(); line != ""; line = child.Line() {
		lines = append(lines, line)
	}
	require.NoError(t, child.Wait())
	return strings.Join(lines, "\n")
}

func TestModesWhateverTheUmask(t *testing.T) {
	t.Parallel()
	for _, umask := range []string{"0", "022", "077"} {
		dir := filepath.Join(t.TempDir(), "above", "spool")
		requireChild(t, "umask", "UMASK="+umask, "SPOOL="+dir)
		info, err := os.Stat(dir)
		require.NoError(t, err)
		require.Equal(t, fs.ModeDir|0o700, info.Mode(), umask)
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, files, 2, "the file, and the one set aside")
		for _, f := range files {
			info, err := f.Info()
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o600), info.Mode(), "%s under umask %s", f.Name(), umask)
		}
	}
}

// underUmask makes a spool, damages it and makes another in its place.
func underUmask() error {
	umask, err := strconv.ParseUint(os.Getenv("UMASK"), 8, 32)
	if err != nil {
		return err
	}
	syscall.Umask(int(umask))
	path := filepath.Join(os.Getenv("SPOOL"), "spool.db")
	for range 2 {
		q, err := spool.Open(os.Getenv("SPOOL"), nil)
		if err != nil {
			return err
		}
		if err := q.Append(ended(), []analytics.Entry{entryOf("a", 1, 100)}, analytics.Drop); err != nil {
			return err
		}
		if err := q.Close(context.Background()); err != nil {
			return err
		}
		if left, _ := filepath.Glob(path + ".corrupt-*"); len(left) == 0 {
			if err := os.Truncate(path, 5000); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestDirectoriesThatAreRefused(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	at := func(name string) string { return filepath.Join(base, name) }
	require.NoError(t, os.Mkdir(at("good"), 0o700))
	require.NoError(t, os.Symlink(at("good"), at("link")))
	require.NoError(t, os.Symlink(at("nowhere"), at("dangling")))
	require.NoError(t, os.Mkdir(at("open"), 0o700))
	require.NoError(t, os.Chmod(at("open"), 0o777))
	require.NoError(t, os.Mkdir(at("sticky"), 0o700))
	require.NoError(t, os.Chmod(at("sticky"), 0o777|fs.ModeSticky))
	require.NoError(t, os.WriteFile(at("file"), nil, 0o600))
	for dir, says := range map[string]string{
		"":                 "no directory is given",
		at("link"):         "is a symbolic link: give the directory it leads to",
		at("link") + "/":   "is a symbolic link: give the directory it leads to",
		at("dangling"):     "dangling",
		at("open"):         "chmod o-w",
		at("sticky"):       "chmod o-w",
		at("file"):         "not a directory",
		at("file/further"): "not a directory",
	} {
		q, err := spool.Open(dir, nil)
		require.ErrorContains(t, err, says, dir)
		require.ErrorContains(t, err, "spool: ")
		require.Nil(t, q)
	}
	for _, dir := range []string{"good", "open", "sticky"} {
		files, err := os.ReadDir(at(dir))
		require.NoError(t, err)
		require.Empty(t, files, "a directory that is refused is left as it is")
	}
}

// TestWithoutPermission opens spools that the user may not write to, as a user that modes
// hold for.
func TestWithoutPermission(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what     string
		dir      fs.FileMode
		file     fs.FileMode // 0 is none
		expected string
	}{
		{"a read-only directory without a file", 0o500, 0, "must own and be allowed to write"},
		{"a read-only file", 0o700, 0o400, "must own and be allowed to write"},
		{"a file that cannot be read", 0o700, 0o200, "must own and be allowed to write"},
		{"a directory that cannot be entered", 0o600, 0o600, "must own and be allowed to write"},
		{"a healthy one", 0o700, 0o600, "opened"},
	} {
		base := t.TempDir()
		require.NoError(t, os.Chmod(filepath.Dir(base), 0o755))
		dir := filepath.Join(base, "spool")
		if c.file == 0 {
			require.NoError(t, os.Mkdir(dir, 0o700))
		} else {
			q, err := spool.Open(dir, nil)
			require.NoError(t, err)
			require.NoError(t, q.Close(t.Context()))
			require.NoError(t, os.Chmod(filepath.Join(dir, "spool.db"), c.file))
			if os.Getuid() == 0 {
				require.NoError(t, os.Chown(filepath.Join(dir, "spool.db"), nobody, nobody))
			}
		}
		if os.Getuid() == 0 {
			require.NoError(t, os.Chown(dir, nobody, nobody))
		}
		require.NoError(t, os.Chmod(dir, c.dir))
		said := requireChild(t, "nobody", "SPOOL="+dir)
		require.Contains(t, said, c.expected, c.what)
		require.NoError(t, os.Chmod(dir, 0o700))
		if c.file != 0 {
			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, files, 1, "%s: nothing is set aside", c.what)
		}
	}
}

// nobody is a user without rights.
const nobody = 65534

// asNobody prints what Open returns for a user that is not root.
func asNobody() error {
	if os.Getuid() == 0 { // from here on in all threads
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			return err
		}
	}
	q, err := spool.Open(os.Getenv("SPOOL"), nil)
	if err != nil {
		fmt.Println(err)
		return nil
	}
	fmt.Println("opened")
	return q.Close(context.Background())
}

// keyed is an API that takes the calls of one write key.
type keyed struct {
	*httptest.Server
	mu      sync.Mutex
	arrived map[string][]string // messageIds by Authorization
	refuses bool
}

func newKeyed(t *testing.T) *keyed {
	k := &keyed{arrived: map[string][]string{}}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := readBatch(r)
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.refuses {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		for _, message := range body {
			k.arrived[r.Header.Get("Authorization")] = append(k.arrived[r.Header.Get("Authorization")], message.ID)
		}
	}))
	t.Cleanup(k.Close)
	return k
}

func (k *keyed) refuse(yes bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refuses = yes
}

func basic(key string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(key+":"))
}

// TestTheWriteKey makes calls under one write key that are not delivered, looks for the
// key in everything on disk, and opens the spool under another key.
func TestTheWriteKey(t *testing.T) {
	t.Parallel()
	const first, second = "FIRST_WRITE_KEY_c0ffee", "SECOND_WRITE_KEY_decaf"
	api, dir := newKeyed(t), t.TempDir()
	session := func(key, id string) {
		q, err := spool.Open(dir, nil)
		require.NoError(t, err)
		client, err := analytics.New(key, &analytics.Config{
			Endpoint: api.URL, Queue: q, MaxRetries: 1, ShutdownTimeout: time.Second, FlushInterval: time.Millisecond,
			Backoff: func(int) time.Duration { return time.Millisecond },
		})
		require.NoError(t, err)
		require.NoError(t, client.Track(t.Context(), analytics.Track{UserID: "user", Event: "Order Completed", MessageID: id}))
		_ = client.Close() // not everything is delivered
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		require.NotEmpty(t, names)
		for _, name := range names {
			content, err := os.ReadFile(name)
			require.NoError(t, err)
			for _, secret := range []string{first, second, basic(first)[6:], basic(second)[6:]} {
				require.NotContains(t, string(content), secret, "%s has a write key", name)
			}
		}
	}
	api.refuse(true)
	session(first, "of the first")
	api.refuse(false)
	session(second, "of the second")
	require.NotContains(t, api.arrived, basic(first))
	require.Equal(t, []string{"of the second"}, api.arrived[basic(second)])

	q, err := spool.Open(dir, nil)
	require.NoError(t, err)
	sources, err := q.Sources(t.Context())
	require.NoError(t, err)
	waiting := map[string]int{}
	for _, s := range sources {
		waiting[s.Name] = s.Waiting
	}
	require.Equal(t, 1, waiting[analytics.SourceOf(first)], "the first key's call is kept")
	require.NoError(t, q.Close(t.Context()))

	session(first, "of the first, later")
	require.ElementsMatch(t, []string{"of the first", "of the first, later"}, api.arrived[basic(first)])
}
