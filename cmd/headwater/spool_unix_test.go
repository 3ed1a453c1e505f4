// Tests of the spool command where files have owners and links.

//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The spool of another user is left alone, whatever root could do.
func TestSpoolOfAnotherUser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	service(t, dir, "test-key", nobody, "A")
	file := filepath.Join(dir, spoolFile)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.NoError(t, ownSpool(file, info, os.Geteuid()))
	require.ErrorContains(t, ownSpool(file, info, os.Geteuid()+1), fmt.Sprintf("sudo -u '#%d' headwater spool", os.Geteuid()))
}

// A link to a spool is refused, however it is written.
func TestSpoolBehindALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	service(t, dir, "test-key", nobody, "A")
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	for _, name := range []string{link, link + "/", link + "//"} {
		got := runSpool(t, "ls", name)
		require.Equal(t, exitUsage, got.code, name)
		require.Contains(t, got.errs, "is a symbolic link")
	}
	require.Equal(t, 1, listing(t, dir+"/").Sources[0].Waiting)
}
