// Which of v3's tests can be run on another implementation, and cutting them out of their files.
package v3test_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// suite is v3 with its tests, type-checked.
type suite struct {
	fset    *token.FileSet
	tests   []*ast.File
	names   map[*ast.File]string // without their directory
	sources map[*ast.File][]byte
	info    *types.Info
	pkg     *types.Package

	declared map[types.Object]ast.Decl   // what test files declare at the top
	methods  map[types.Object][]ast.Decl // by the type of the receiver
}

func newSuite(t *testing.T, packages map[string]listed) *suite {
	t.Helper()
	v3 := packages[theirPath]
	require.NotEmpty(t, v3.TestGoFiles)
	require.Empty(t, v3.XTestGoFiles, "v3's tests are all of its own package")
	s := &suite{
		fset:    token.NewFileSet(),
		names:   make(map[*ast.File]string),
		sources: make(map[*ast.File][]byte),
		info: &types.Info{
			Defs: make(map[*ast.Ident]types.Object),
			Uses: make(map[*ast.Ident]types.Object),
		},
		declared: make(map[types.Object]ast.Decl),
		methods:  make(map[types.Object][]ast.Decl),
	}
	var files []*ast.File
	for _, name := range slices.Concat(v3.GoFiles, v3.TestGoFiles) {
		text, err := os.ReadFile(filepath.Join(v3.Dir, name))
		require.NoError(t, err)
		file, err := parser.ParseFile(s.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
		s.sources[file], s.names[file] = text, name
		if strings.HasSuffix(name, "_test.go") {
			s.tests = append(s.tests, file)
		}
	}
	config := types.Config{Importer: compiled(t, s.fset, packages)}
	var err error
	s.pkg, err = config.Check(theirPath, s.fset, files, s.info)
	require.NoError(t, err)
	for _, file := range s.tests {
		for _, decl := range file.Decls {
			s.declare(decl)
		}
	}
	return s
}

// declare remembers which declaration an object of the tests has.
func (s *suite) declare(decl ast.Decl) {
	if f, ok := decl.(*ast.FuncDecl); ok {
		object := s.info.Defs[f.Name]
		s.declared[object] = decl
		if receiver := object.Type().(*types.Signature).Recv(); receiver != nil {
			kind := receiver.Type()
			if pointer, ok := kind.(*types.Pointer); ok {
				kind = pointer.Elem()
			}
			of := kind.(*types.Named).Obj()
			s.methods[of] = append(s.methods[of], decl)
		}
		return
	}
	for _, spec := range decl.(*ast.GenDecl).Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			s.declared[s.info.Defs[spec.Name]] = decl
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				s.declared[s.info.Defs[name]] = decl
			}
		}
	}
}

// choose divides v3's tests and examples into those that mention only what is exported, each with the declarations
// that it needs, and the others, each with what it mentions that is not.
func (s *suite) choose() (kept map[string]map[ast.Decl]bool, dropped map[string]string) {
	kept, dropped = make(map[string]map[ast.Decl]bool), make(map[string]string)
	for _, file := range s.tests {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !isTest(f.Name.Name) {
				continue
			}
			needed, private := make(map[ast.Decl]bool), make(map[string]bool)
			s.follow(f, needed, private)
			if len(private) > 0 {
				dropped[f.Name.Name] = "mentions " + strings.Join(slices.Sorted(maps.Keys(private)), ", ")
			} else {
				kept[f.Name.Name] = needed
			}
		}
	}
	return kept, dropped
}

func isTest(name string) bool {
	return strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Example") || strings.HasPrefix(name, "Benchmark")
}

// follow collects the declarations of the tests that decl needs, and what is v3's and not exported.
func (s *suite) follow(decl ast.Decl, needed map[ast.Decl]bool, private map[string]bool) {
	if needed[decl] {
		return
	}
	needed[decl] = true
	ast.Inspect(decl, func(node ast.Node) bool {
		id, ok := node.(*ast.Ident)
		if !ok {
			return true
		}
		object := s.info.Uses[id]
		if object == nil || object.Pkg() != s.pkg {
			return true
		}
		if next, ok := s.declared[object]; ok {
			s.follow(next, needed, private)
			for _, method := range s.methods[object] {
				s.follow(method, needed, private)
			}
		} else if !object.Exported() && !s.inTests(object) {
			private[object.Name()] = true
		}
		return true
	})
}

func (s *suite) inTests(object types.Object) bool {
	return strings.HasSuffix(s.fset.Position(object.Pos()).Filename, "_test.go")
}

// cut writes what the kept tests need to files of dir, word for word, and returns their paths.
func (s *suite) cut(t *testing.T, dir string, kept map[string]map[ast.Decl]bool) []string {
	t.Helper()
	needed := make(map[ast.Decl]bool)
	for _, decls := range kept {
		maps.Copy(needed, decls)
	}
	s.assertions(needed)
	var paths []string
	for _, file := range s.tests {
		var b strings.Builder
		used := make(map[*types.PkgName]bool)
		for _, decl := range file.Decls {
			if needed[decl] {
				b.WriteString("\n" + s.text(file, decl) + "\n")
				ast.Inspect(decl, func(node ast.Node) bool {
					if id, ok := node.(*ast.Ident); ok {
						if name, ok := s.info.Uses[id].(*types.PkgName); ok {
							used[name] = true
						}
					}
					return true
				})
			}
		}
		if b.Len() == 0 {
			continue
		}
		paths = append(paths, filepath.Join(dir, s.names[file]))
		require.NoError(t, os.WriteFile(paths[len(paths)-1], []byte(header(used)+b.String()), 0o600))
	}
	return paths
}

func header(used map[*types.PkgName]bool) string {
	names := slices.SortedFunc(maps.Keys(used), func(a, b *types.PkgName) int { return cmp.Compare(a.Imported().Path(), b.Imported().Path()) })
	text := "package analytics\n\n"
	for _, name := range names {
		text += "import " + name.Name() + ` "` + name.Imported().Path() + "\"\n"
	}
	return text
}

// assertions adds the declarations without a name, such as that a type is a Message, if only what is exported is in them.
func (s *suite) assertions(needed map[ast.Decl]bool) {
	for object, decl := range s.declared {
		if object.Name() != "_" {
			continue
		}
		also, private := make(map[ast.Decl]bool), make(map[string]bool)
		s.follow(decl, also, private)
		if len(private) == 0 {
			maps.Copy(needed, also)
		}
	}
}

// text returns a declaration as it is written. The output of an example is inside it.
func (s *suite) text(file *ast.File, decl ast.Decl) string {
	return string(s.sources[file][s.fset.Position(decl.Pos()).Offset:s.fset.Position(decl.End()).Offset])
}
