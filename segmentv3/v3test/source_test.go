// The program is one source, in two directories, and leaves nothing of v3 unused.
package v3test_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheProgramIsOneSource(t *testing.T) {
	t.Parallel()
	names := sources(t, "theirs")
	require.Equal(t, names, sources(t, "ours"), "the two directories hold the same files")
	for _, name := range names {
		v3, mine := source(t, "theirs", name), source(t, "ours", name)
		if name == "program.go" {
			v3 = strings.Replace(v3, "// Package theirs ", "// Package ours ", 1)
		}
		for old, wanted := range map[string]string{"\npackage theirs\n": "\npackage ours\n", strconv.Quote(theirPath): strconv.Quote(ourPath)} {
			require.Equal(t, 1, strings.Count(v3, old), "%s holds %q once", name, old)
			v3 = strings.Replace(v3, old, wanted, 1)
		}
		require.Equal(t, v3, mine, "%s differs in more than the package clause and the import", name)
	}
}

func sources(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func source(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(text)
}

func TestTheProgramUsesAllOfV3(t *testing.T) {
	t.Parallel()
	packages := golist(t, "./theirs")
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range sources(t, "theirs") {
		file, err := parser.ParseFile(fset, filepath.Join("theirs", name), nil, 0)
		require.NoError(t, err)
		files = append(files, file)
	}
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	config := types.Config{Importer: compiled(t, fset, packages)}
	program, err := config.Check("theirs", fset, files, info)
	require.NoError(t, err)

	var v3 *types.Package
	for _, pkg := range program.Imports() {
		if pkg.Path() == theirPath {
			v3 = pkg
		}
	}
	require.NotNil(t, v3)
	unused := slices.Collect(maps.Keys(surface(v3)))
	used := make(map[types.Object]bool)
	for _, object := range info.Uses {
		used[object] = true
	}
	unused = slices.DeleteFunc(unused, func(name string) bool { return used[found(t, v3, name)] })
	slices.Sort(unused)
	require.Equal(t, implemented, unused)
}

// implemented are the names that a program does not use but has: it implements these interfaces.
var implemented = []string{
	"Callback.Failure", "Callback.Success", "FieldGetter.GetField",
}

// found returns the object of a name of surface.
func found(t *testing.T, pkg *types.Package, name string) types.Object {
	t.Helper()
	of, member, ok := strings.Cut(name, ".")
	object := pkg.Scope().Lookup(of)
	if ok {
		object, _, _ = types.LookupFieldOrMethod(object.Type(), true, pkg, member)
	}
	require.NotNil(t, object, name)
	return object
}
