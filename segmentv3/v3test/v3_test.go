// Where v3 is on this machine, and both packages as the type checker sees them.
package v3test_test

import (
	"encoding/json"
	"errors"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	theirPath = "github.com/segmentio/analytics-go/v3"
	ourPath   = "github.com/headwater-dev/analytics/segmentv3"
)

// listed is a package in go list's words.
type listed struct {
	ImportPath, Dir, Export            string
	GoFiles, TestGoFiles, XTestGoFiles []string
	ForTest                            string
}

// golist lists packages with all that they import, their tests' imports too.
func golist(t *testing.T, paths ...string) map[string]listed {
	t.Helper()
	args := append([]string{"list", "-export", "-deps", "-test", "-json=ImportPath,Dir,Export,GoFiles,TestGoFiles,XTestGoFiles,ForTest"}, paths...)
	cmd := exec.Command("go", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	found := make(map[string]listed)
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		if p.ForTest == "" {
			found[p.ImportPath] = p
		}
	}
}

// compiled imports packages as the compiler left them.
func compiled(t *testing.T, fset *token.FileSet, packages map[string]listed) types.Importer {
	t.Helper()
	return importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(packages[path].Export)
	})
}

// imported returns one package as its users see it.
func imported(t *testing.T, path string) *types.Package {
	t.Helper()
	pkg, err := compiled(t, token.NewFileSet(), golist(t, path)).Import(path)
	require.NoError(t, err)
	return pkg
}
