// The import law: which package may import which, read from go list and refused when broken.
package analytics_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const lawHouse = "github.com/headwater-dev/analytics"

// lawRooms names every satellite and what it may import beside the root and itself. A new room is entered here first.
var lawRooms = map[string][]string{
	"internal/ingest": nil,
	"analyticstest":   {"internal/ingest"},
	"segmentv3":       nil,
	"pixel":           nil,
	"email":           nil,
	"objects":         nil,
	"source":          nil,
	"reliability":     nil,
	"queue/queuetest": nil,
	"queue/spool":     nil,
	"queue/jetstream": nil,
	"oauth":           nil,
	"collector":       {"internal/ingest"},
	"reverseetl":      nil,
}

var (
	// lawFree may import anything of ours; nothing may import them but each other.
	lawFree = []string{"cmd", "examples", "benchmarks"}
	// lawKits are open to every room's tests, the root's too.
	lawKits = []string{"analyticstest", "queue/queuetest"}
	// lawThirdParty is all that the root module may require directly; testify from test files only.
	lawThirdParty = []string{"github.com/google/uuid", "github.com/klauspost/compress", "golang.org/x/sync", lawTestify}
)

const (
	lawTestify = "github.com/stretchr/testify"
	// lawTestingRoom is a conformance suite: it takes a *testing.T by design. Nothing else that users link may.
	lawTestingRoom = "queue/queuetest"
)

// lawPackage is what the law needs of one package, in go list's words.
type lawPackage struct {
	ImportPath, Dir                    string
	Imports, TestImports, XTestImports []string
	IgnoredGoFiles                     []string
	Module                             struct{ Path string }
}

func TestImportLaw(t *testing.T) {
	root, err := os.Getwd()
	require.NoError(t, err)
	work := filepath.Join(root, "go.work")
	if _, err := os.Stat(work); err != nil {
		t.Skip("the law is about the whole repository; this is the root module alone")
	}
	lawWatch(t, root)
	list := lawRun(t, work, "list", "-e", "-json=ImportPath,Dir,Imports,TestImports,XTestImports,IgnoredGoFiles,Module", "work")
	var packages []lawPackage
	for dec := json.NewDecoder(strings.NewReader(list)); ; {
		var p lawPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		packages = append(packages, lawOtherPlatforms(t, p))
	}
	require.True(t, slices.ContainsFunc(packages, func(p lawPackage) bool { return p.ImportPath == lawHouse }), "go list left out the root package")

	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	require.NoError(t, json.Unmarshal([]byte(lawRun(t, work, "mod", "edit", "-json", "go.mod")), &mod))
	var direct []string
	for _, r := range mod.Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	require.Empty(t, strings.Join(lawBroken(packages, direct), "\n"))
}

func lawRun(t *testing.T, work string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOWORK="+work)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return string(out)
}

// lawWatch looks at every source file of the house. The go command reruns a test it remembers as passed when a file that
// the test itself looked at has changed, and what go list reads on its behalf does not count.
func lawWatch(t *testing.T, root string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"), d.Name() == "go.mod":
			_, err = os.Stat(path)
		}
		return err
	}))
}

// lawOtherPlatforms adds the imports of the files that go list leaves out on this platform.
func lawOtherPlatforms(t *testing.T, p lawPackage) lawPackage {
	t.Helper()
	for _, name := range p.IgnoredGoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if strings.HasSuffix(name, "_test.go") {
				p.TestImports = append(p.TestImports, path)
			} else {
				p.Imports = append(p.Imports, path)
			}
		}
	}
	return p
}

// lawBroken returns one sentence for each breach; direct lists the modules that the root go.mod requires directly.
func lawBroken(packages []lawPackage, direct []string) []string {
	var broken []string
	rooms, modules := map[string][]string{}, map[string][]string{}
	moduleOf := map[string]string{}
	for _, p := range packages {
		moduleOf[p.ImportPath] = p.Module.Path
	}
	for _, p := range packages {
		from, ok := lawRoom(p.ImportPath)
		if !ok {
			broken = append(broken, fmt.Sprintf("%s is no room of the house: enter it in lawRooms", p.ImportPath))
			continue
		}
		for _, to := range p.Imports {
			broken = append(broken, lawEdge(p, from, to, false)...)
			lawArrow(rooms, from, to)
		}
		tests := slices.Concat(p.TestImports, p.XTestImports)
		for _, to := range tests {
			broken = append(broken, lawEdge(p, from, to, true)...)
		}
		for _, to := range slices.Concat(p.Imports, tests) {
			if m := moduleOf[to]; m != "" && m != p.Module.Path && !slices.Contains(modules[p.Module.Path], m) {
				modules[p.Module.Path] = append(modules[p.Module.Path], m)
			}
		}
	}
	for _, m := range direct {
		if !slices.Contains(lawThirdParty, m) {
			broken = append(broken, fmt.Sprintf("the root go.mod requires %s: not one of the modules we allow", m))
		}
	}
	broken = append(broken, lawCircles("rooms", rooms)...)
	broken = append(broken, lawCircles("modules", modules)...)
	slices.Sort(broken)
	return slices.Compact(broken)
}

// lawEdge judges one import.
func lawEdge(p lawPackage, from, to string, test bool) []string {
	fail := func(why string) []string { return []string{fmt.Sprintf("%s imports %s: %s", p.ImportPath, to, why)} }
	if lawWithin(to, "testing") {
		if !test && from != lawTestingRoom {
			return fail("testing belongs in _test.go files")
		}
		return nil
	}
	if !lawWithin(to, lawHouse) {
		return lawThirdPartyEdge(p, to, test, fail)
	}
	room, ok := lawRoom(to)
	switch {
	case !ok:
		return fail("no room of the house")
	case room == from, lawIsFree(from), test && slices.Contains(lawKits, room):
		return nil
	case from == "":
		return fail("the root imports no package of ours")
	case room == "", slices.Contains(lawRooms[from], room):
		return nil
	}
	return fail("satellites do not import each other")
}

func lawThirdPartyEdge(p lawPackage, to string, test bool, fail func(string) []string) []string {
	host, _, _ := strings.Cut(to, "/")
	if p.Module.Path != lawHouse || !strings.Contains(host, ".") {
		return nil
	}
	if !test && lawWithin(to, lawTestify) {
		return fail("testify belongs in _test.go files")
	}
	if !slices.ContainsFunc(lawThirdParty, func(m string) bool { return lawWithin(to, m) }) {
		return fail("the root module does not depend on it")
	}
	return nil
}

// lawRoom tells in which room a package of ours stands; the root's name is empty.
func lawRoom(path string) (string, bool) {
	if path == lawHouse {
		return "", true
	}
	rel := strings.TrimPrefix(path, lawHouse+"/")
	for room := range lawRooms {
		if lawWithin(rel, room) {
			return room, true
		}
	}
	for _, room := range lawFree {
		if lawWithin(rel, room) {
			return rel, true
		}
	}
	return "", false
}

func lawIsFree(room string) bool {
	return slices.ContainsFunc(lawFree, func(free string) bool { return lawWithin(room, free) })
}

func lawWithin(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}

// lawArrow draws an arrow between two different rooms of ours.
func lawArrow(arrows map[string][]string, from, to string) {
	if !lawWithin(to, lawHouse) {
		return
	}
	if room, ok := lawRoom(to); ok && room != from && !slices.Contains(arrows[from], room) {
		arrows[from] = append(arrows[from], room)
	}
}

// lawCircles names everything from which the arrows lead back to itself.
func lawCircles(kind string, arrows map[string][]string) []string {
	var found []string
	for start := range arrows {
		seen := map[string]bool{}
		for next := slices.Clone(arrows[start]); len(next) > 0; {
			at := next[0]
			next = next[1:]
			if !seen[at] {
				seen[at] = true
				next = append(next, arrows[at]...)
			}
		}
		if seen[start] {
			found = append(found, fmt.Sprintf("%s: %q is part of a circle", kind, start))
		}
	}
	return found
}

// The law must be able to fail: every clause meets an edge that breaks it, beside a neighbour that does not.
func TestImportLawCatches(t *testing.T) {
	const other = "example.org/driver"
	tests := []struct {
		name       string
		from       string // a room, "" for the root
		module     string // a room; "" for the root module
		to         string // a room if it begins with "/", "" for the root, else as it stands
		test       bool   // imported by a test file
		wantBroken string // part of the sentence; empty when lawful
	}{
		{name: "root to satellite", to: "/pixel", wantBroken: "the root imports no package of ours"},
		{name: "root to internal", to: "/internal/ingest", wantBroken: "the root imports no package of ours"},
		{name: "root's test to kit", to: "/analyticstest", test: true},
		{name: "root's test to satellite", to: "/pixel", test: true, wantBroken: "the root imports no package of ours"},
		{name: "satellite to root", from: "/pixel", to: ""},
		{name: "satellite to itself", from: "/collector", module: "/collector", to: "/collector/page"},
		{name: "satellite to satellite", from: "/pixel", to: "/email", wantBroken: "satellites do not import each other"},
		{name: "a room's name is not a prefix", from: "/email", to: "/emails", wantBroken: "no room of the house"},
		{name: "satellite to kit", from: "/oauth", module: "/oauth", to: "/analyticstest", wantBroken: "satellites do not import each other"},
		{name: "satellite's test to kit", from: "/oauth", module: "/oauth", to: "/analyticstest", test: true},
		{name: "queue to queue", from: "/queue/jetstream", module: "/queue/jetstream", to: "/queue/spool", wantBroken: "satellites do not import each other"},
		{name: "queue's test to suite", from: "/queue/spool", module: "/queue/spool", to: "/queue/queuetest", test: true},
		{name: "analyticstest to ingest", from: "/analyticstest", to: "/internal/ingest"},
		{name: "collector to ingest", from: "/collector", module: "/collector", to: "/internal/ingest"},
		{name: "source to ingest", from: "/source", to: "/internal/ingest", wantBroken: "satellites do not import each other"},
		{name: "ingest to satellite", from: "/internal/ingest", to: "/collector", wantBroken: "satellites do not import each other"},
		{name: "command to anything", from: "/cmd/headwater", module: "/cmd/headwater", to: "/collector"},
		{name: "satellite to command", from: "/collector", module: "/collector", to: "/cmd/headwater", wantBroken: "satellites do not import each other"},
		{name: "unknown room", from: "/kitchen", to: "", wantBroken: "is no room of the house"},
		{name: "testing in the root", to: "testing", wantBroken: "testing belongs in _test.go files"},
		{name: "testing in the test kit", from: "/analyticstest", to: "testing/synctest", wantBroken: "testing belongs in _test.go files"},
		{name: "testing in an example", from: "/examples", module: "/examples", to: "testing", wantBroken: "testing belongs in _test.go files"},
		{name: "testing in a test", to: "testing", test: true},
		{name: "testing in the suite", from: "/queue/queuetest", to: "testing"},
		{name: "testify outside tests", from: "/queue/queuetest", to: lawTestify + "/require", wantBroken: "testify belongs in _test.go files"},
		{name: "testify in a test", to: lawTestify + "/require", test: true},
		{name: "permitted third party", to: "golang.org/x/sync/errgroup"},
		{name: "other third party", to: other, wantBroken: "the root module does not depend on it"},
		{name: "other third party in a test", from: "/pixel", to: other, test: true, wantBroken: "the root module does not depend on it"},
		{name: "third party in a module of its own", from: "/reverseetl", module: "/reverseetl", to: other},
		{name: "standard library", to: "net/http"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := lawPackage{ImportPath: lawHouse + tt.from}
			p.Module.Path = lawHouse + tt.module
			to := tt.to
			if to == "" || to[0] == '/' {
				to = lawHouse + to
			}
			if tt.test {
				p.XTestImports = []string{to}
			} else {
				p.Imports = []string{to}
			}
			broken := strings.Join(lawBroken([]lawPackage{p}, nil), "\n")
			if tt.wantBroken == "" {
				require.Empty(t, broken)
			} else {
				require.Contains(t, broken, tt.wantBroken)
			}
		})
	}
}

func TestImportLawCatchesCircles(t *testing.T) {
	room := func(name string, imports, tests []string) lawPackage {
		p := lawPackage{ImportPath: lawHouse + name, Imports: imports, TestImports: tests}
		p.Module.Path = lawHouse + name
		return p
	}
	line := room("/examples/a", []string{lawHouse + "/examples/b"}, nil)
	require.Empty(t, lawBroken([]lawPackage{line, room("/examples/b", nil, nil)}, nil))

	circle := []lawPackage{line, room("/examples/b", []string{lawHouse + "/examples/a"}, nil)}
	require.Contains(t, lawBroken(circle, nil), `rooms: "examples/a" is part of a circle`)

	throughTests := []lawPackage{line, room("/examples/b", nil, []string{lawHouse + "/examples/a"})}
	require.Equal(t, []string{
		`modules: "` + lawHouse + `/examples/a" is part of a circle`,
		`modules: "` + lawHouse + `/examples/b" is part of a circle`,
	}, lawBroken(throughTests, nil))
}

func TestImportLawCatchesRequire(t *testing.T) {
	require.Empty(t, lawBroken(nil, lawThirdParty))
	require.Equal(t, []string{"the root go.mod requires example.org/driver: not one of the modules we allow"},
		lawBroken(nil, append(slices.Clone(lawThirdParty), "example.org/driver")))
}
