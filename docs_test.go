// What README.md and docs/ claim, held against the code: programs compile, tables and names are true.

package analytics_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// docPages are the pages a user reads first.
func docPages(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	pages = append(pages, "README.md")
	require.Subset(t, pages, []string{"docs/ARCHITECTURE.md", "docs/defects.md", "docs/migrating.md"})
	return pages
}

func docRead(t *testing.T, page string) string {
	t.Helper()
	b, err := os.ReadFile(page)
	require.NoError(t, err)
	return string(b)
}

// docSection returns what stands between a heading of the second level and the next.
func docSection(t *testing.T, text, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n## "+heading+"\n")
	require.True(t, found, "no section %q", heading)
	section, _, _ := strings.Cut(rest, "\n## ")
	return section
}

// docTable returns the rows of the first table in text, less its heading.
func docTable(t *testing.T, text string) (rows [][]string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if rows != nil {
				break
			}
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	require.Greater(t, len(rows), 2, "a table of some rows")
	return rows[2:]
}

// docFences returns the fenced blocks of one language.
func docFences(text, language string) (blocks []string) {
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// docWords is text without what markdown and go doc put around names.
func docWords(text string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("`", "", "[", "", "]", "").Replace(text)), " ")
}

func TestReadmeCommands(t *testing.T) {
	blocks := docFences(docRead(t, "README.md"), "sh")
	require.NotEmpty(t, blocks)
	require.Equal(t, "go run ./examples/quickstart\ngo test work\n", blocks[0], ".ci/run takes the test command from here")
}

// Every program on our pages that uses the library compiles; the others are
// programs of the library somebody comes from.
func TestDocsProgramsCompile(t *testing.T) {
	others := regexp.MustCompile(`"github\.com/(segmentio/analytics-go/v3|rudderlabs/analytics-go/v4|posthog/posthog-go)"`)
	compiled := map[string]int{}
	for _, page := range docPages(t) {
		for i, program := range docFences(docRead(t, page), "go") {
			if !strings.Contains(program, `"`+lawHouse+`"`) {
				require.Regexp(t, others, program, "%s: a fragment that nobody checks", page)
				continue
			}
			compiled[page]++
			t.Run(fmt.Sprint(filepath.Base(page), i), func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "main.go")
				require.NoError(t, os.WriteFile(file, []byte(program), 0o600))
				out, err := exec.Command("gofmt", "-l", file).CombinedOutput()
				require.NoError(t, err)
				require.Empty(t, string(out), "not as gofmt writes it")
				out, err = exec.Command("go", "vet", file).CombinedOutput()
				require.NoError(t, err, string(out))
			})
		}
	}
	require.Equal(t, map[string]int{"README.md": 1, "docs/migrating.md": 3}, compiled)
}

func TestReadmeContractIsThePackageComment(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "analytics.go", nil, parser.PackageClauseOnly|parser.ParseComments)
	require.NoError(t, err)
	_, contract, found := strings.Cut(file.Doc.Text(), "# The contract\n")
	require.True(t, found)
	require.Equal(t, docWords(contract), docWords(docSection(t, docRead(t, "README.md"), "The contract")))
}

func TestReadmeConfigTable(t *testing.T) {
	defaults, err := analytics.DefaultConfig()
	require.NoError(t, err)
	// What cannot be read off a Config.
	said := map[string]string{
		"Endpoint": "EndpointUS", "WhenFull": "Drop", "Compression": "Gzip", "Role": "Both",
		"Backoff": "500 ms, doubling to 60 s, less up to half", "Logger": "silence", "Now": "time.Now", "NewID": "UUIDs of version 7",
		"HTTPClient": "our own", "Queue": "in memory", "Transport": "over HTTP",
	}
	value := reflect.ValueOf(defaults)
	var fields, documented []string
	for i := range value.NumField() {
		fields = append(fields, value.Type().Field(i).Name)
	}
	for _, row := range docTable(t, docSection(t, docRead(t, "README.md"), "Configuration")) {
		require.Len(t, row, 3)
		field := docWords(row[0])
		documented = append(documented, field)
		want, ok := said[field]
		if !ok {
			require.Contains(t, fields, field)
			want = docDefault(field, value.FieldByName(field))
		}
		require.Equal(t, want, docWords(row[1]), field)
		require.NotEmpty(t, row[2])
	}
	require.Equal(t, fields, documented, "each field once, in the order of the struct")

	require.True(t, strings.HasPrefix(defaults.Endpoint, analytics.EndpointUS+"/"))
	require.Equal(t, analytics.Drop, defaults.WhenFull)
	require.Equal(t, analytics.Gzip, defaults.Compression)
	require.Equal(t, analytics.Both, defaults.Role)
	for attempt, most := range map[int]time.Duration{1: 500 * time.Millisecond, 2: time.Second, 7: 32 * time.Second, 8: time.Minute, 99: time.Minute} {
		for range 100 {
			wait := defaults.Backoff(attempt)
			require.LessOrEqual(t, wait, most)
			require.GreaterOrEqual(t, wait, most/2)
		}
	}
}

// docDefault is how the table writes a default.
func docDefault(field string, v reflect.Value) string {
	switch v := v.Interface().(type) {
	case bool:
		return fmt.Sprint(v)
	case time.Duration:
		return fmt.Sprintf("%d s", v/time.Second)
	case int:
		if strings.HasSuffix(field, "QueueBytes") {
			return fmt.Sprintf("%d MiB", v>>20)
		}
		if v >= 1000 {
			return fmt.Sprintf("%d %03d", v/1000, v%1000)
		}
		return fmt.Sprint(v)
	}
	if v.IsNil() {
		return "none"
	}
	return "something"
}

// docWalk shows every Go file of the repository, slash-separated.
func docWalk(t *testing.T, see func(file string)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == "testdata" || len(name) > 1 && name[0] == '.'):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, ".go"):
			see(filepath.ToSlash(file))
		}
		return nil
	}))
}

func TestReadmePackagesExist(t *testing.T) {
	if _, err := os.Stat("go.work"); err != nil {
		t.Skip("the table is about the whole repository; this is the root module alone")
	}
	rows := docTable(t, docSection(t, docRead(t, "README.md"), "Packages"))
	require.Contains(t, rows[0][0], "this directory")
	for _, row := range rows[1:] {
		dir := regexp.MustCompile("`([^`]*)`").FindStringSubmatch(row[0])[1]
		found := false
		docWalk(t, func(file string) { found = found || strings.HasPrefix(file, dir+"/") })
		require.True(t, found, "%s holds no Go file", dir)
		require.NotEmpty(t, row[1])
	}
}

func TestArchitectureFileMap(t *testing.T) {
	text := docRead(t, "docs/ARCHITECTURE.md")
	require.LessOrEqual(t, strings.Count(text, "\n"), 200)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	files = slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	var mapped []string
	for _, row := range docTable(t, docSection(t, text, "Files")) {
		mapped = append(mapped, row[0])
		require.NotEmpty(t, row[1])
	}
	require.Equal(t, files, mapped, "each file once, in order")
	for _, name := range regexp.MustCompile(`[a-z_/]+\.go\b`).FindAllString(text, -1) {
		require.FileExists(t, name)
	}
}

func TestDefectsTableIsComplete(t *testing.T) {
	var want, got []string
	for _, group := range []struct {
		letter string
		n      int
	}{{"S", 20}, {"R", 8}, {"P", 7}, {"A", 6}} {
		for i := range group.n {
			want = append(want, fmt.Sprint(group.letter, i+1))
		}
	}
	for _, row := range docTable(t, docRead(t, "docs/defects.md")) {
		got = append(got, row[0])
		require.Len(t, row, 3)
		require.Regexp(t, "`Test|no place: |next: delivery", row[2], row[0])
	}
	require.Equal(t, want, got)
}

func TestDocsNameTestsThatExist(t *testing.T) {
	tests := map[string]bool{}
	docWalk(t, func(name string) {
		if !strings.HasSuffix(name, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				tests[f.Name.Name] = true
			}
		}
	})
	for _, page := range docPages(t) {
		for _, m := range regexp.MustCompile("`(Test[A-Za-z0-9_]*)`").FindAllStringSubmatch(docRead(t, page), -1) {
			require.True(t, tests[m[1]], "%s names %s", page, m[1])
		}
	}
}

func TestDocsLinksLead(t *testing.T) {
	if _, err := os.Stat("go.work"); err != nil {
		t.Skip("links lead through the whole repository; this is the root module alone")
	}
	links := 0
	for _, page := range append(docPages(t), "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md") {
		for _, m := range regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`).FindAllStringSubmatch(docRead(t, page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			_, err := os.Stat(filepath.Join(filepath.Dir(page), m[1]))
			require.NoError(t, err, page)
		}
	}
	require.Greater(t, links, 10)
}
