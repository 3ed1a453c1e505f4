// v3's own tests, from the module cache, run on our code.
package v3test_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// v3's suite has these many tests and examples. The rest mentions what v3 does not export.
const (
	suiteKept    = 63
	suiteDropped = 48
)

func TestV3sOwnTestsPass(t *testing.T) {
	t.Parallel()
	packages := golist(t, theirPath, ourPath)
	suite := newSuite(t, packages)
	kept, dropped := suite.choose()
	for _, name := range slices.Sorted(maps.Keys(dropped)) {
		t.Logf("dropped %s: %s", name, dropped[name])
	}
	dir := t.TempDir()
	binary := compileSuite(t, dir, packages[ourPath], suite.cut(t, dir, kept))
	// A test finds its fixtures where it runs.
	require.NoError(t, os.CopyFS(filepath.Join(dir, "fixtures"), os.DirFS(filepath.Join(packages[theirPath].Dir, "fixtures"))))

	cmd := exec.Command("go", "tool", "test2json", "-t", "-p", ourPath, binary, "-test.v=test2json", "-test.timeout=5m")
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	passed := readSuite(t, string(out))
	require.NoError(t, err, stderr.String())
	require.Equal(t, slices.Sorted(maps.Keys(kept)), passed)
	require.Len(t, passed, suiteKept)
	require.Len(t, dropped, suiteDropped)
}

// compileSuite compiles our package with the given files as its only tests.
func compileSuite(t *testing.T, dir string, pkg listed, files []string) string {
	t.Helper()
	replace := make(map[string]string)
	for _, name := range slices.Concat(pkg.TestGoFiles, pkg.XTestGoFiles) {
		replace[filepath.Join(pkg.Dir, name)] = "" // ours are not v3's
	}
	for _, path := range files {
		replace[filepath.Join(pkg.Dir, "v3_"+filepath.Base(path))] = path
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	list := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(list, overlay, 0o600))
	binary := filepath.Join(dir, "suite.test")
	out, err := exec.Command("go", "test", "-c", "-overlay", list, "-o", binary, ourPath).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// readSuite returns the names of the tests that passed, and fails for any that did not.
func readSuite(t *testing.T, events string) []string {
	t.Helper()
	var passed []string
	output := make(map[string]*strings.Builder)
	for dec := json.NewDecoder(strings.NewReader(events)); dec.More(); {
		var event struct {
			Action, Test, Output string
			Elapsed              float64
		}
		require.NoError(t, dec.Decode(&event))
		if output[event.Test] == nil {
			output[event.Test] = &strings.Builder{}
		}
		switch event.Action {
		case "output":
			output[event.Test].WriteString(event.Output)
		case "fail", "skip":
			t.Errorf("%s: %s\n%s", event.Test, event.Action, output[event.Test])
		case "pass":
			if event.Test != "" {
				passed = append(passed, event.Test)
			}
			if event.Elapsed > 1 {
				t.Logf("%s took %s", event.Test, time.Duration(event.Elapsed*float64(time.Second)))
			}
		}
	}
	slices.Sort(passed)
	return passed
}
