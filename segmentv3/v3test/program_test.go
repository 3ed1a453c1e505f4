// The program runs compiled against v3 and against ours, each with a server of its own; all that either saw is compared.
package v3test_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/segmentv3/v3test/ours"
	"github.com/headwater-dev/analytics/segmentv3/v3test/theirs"
)

// absent stands for what one side alone saw.
const absent = "(absent)"

// observations are what one run of the program saw, and its server: a name, and the texts seen under it.
type observations struct {
	mu   sync.Mutex
	seen map[string][]string
}

// unnamed takes from a text by which of its two names the program was compiled, and what
// releases of encoding/json differ in.
var unnamed = strings.NewReplacer("AppendText for type *net.IP", "MarshalText for type net.IP",
	"for type *theirs.", "for type program.", "for type *ours.", "for type program.",
	"theirs.", "program.", "ours.", "program.")

// note enters one thing that the program saw. An error is entered with its type, whose package is called analytics on
// either side.
func (o *observations) note(name string, value any) {
	text := fmt.Sprintf("%v", value)
	if err, ok := value.(error); ok {
		text = fmt.Sprintf("%T: %v", err, err)
	}
	o.enter(unnamed.Replace(name), unnamed.Replace(text))
}

// enter adds a text, unless it is there.
func (o *observations) enter(name, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Contains(o.seen[name], text) {
		o.seen[name] = append(o.seen[name], text)
	}
}

// texts returns one text a name. Which of several came first is chance.
func (o *observations) texts() map[string]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	texts := make(map[string]string, len(o.seen))
	for name, list := range o.seen {
		slices.Sort(list)
		texts[name] = strings.Join(list, "; ")
	}
	return texts
}

// observe runs the program once.
func observe(t *testing.T, run func(endpoint string, note func(string, any))) map[string]string {
	t.Helper()
	o := &observations{seen: make(map[string][]string)}
	api := newAPI(t)
	run(api.URL, o.note)
	api.Close()
	api.report(t, o)
	return o.texts()
}

func TestTheProgramSeesTheSame(t *testing.T) {
	t.Parallel()
	var v3, mine map[string]string
	var both sync.WaitGroup
	both.Go(func() { v3 = observe(t, func(url string, note func(string, any)) { theirs.Run(url, note) }) })
	both.Go(func() { mine = observe(t, func(url string, note func(string, any)) { ours.Run(url, note) }) })
	both.Wait()

	require.Greater(t, len(v3), 700, "the program has stopped looking")
	found := compare(v3, mine)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if found[name] != differences[name] {
			t.Errorf("%s\n  v3:    %s\n  ours:  %s\n  table: %+v", name, found[name].v3, found[name].ours, differences[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(differences)) {
		if _, ok := found[name]; !ok {
			t.Errorf("%s: no difference any more; v3 and ours: %s", name, v3[name])
		}
	}
	t.Logf("%d observations, %d of them different", len(v3), len(found))
}

// compare returns what the two sides saw differently.
func compare(v3, mine map[string]string) map[string]sides {
	found := make(map[string]sides)
	for name, text := range v3 {
		if got, ok := mine[name]; !ok {
			found[name] = sides{text, absent}
		} else if got != text {
			found[name] = sides{text, got}
		}
	}
	for name, text := range mine {
		if _, ok := v3[name]; !ok {
			found[name] = sides{absent, text}
		}
	}
	return found
}

// leaves enters every scalar of a document under its path.
func leaves(o *observations, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			o.enter(path, "{}")
		}
		for name, member := range v {
			leaves(o, path+"."+name, member)
		}
	case []any:
		if len(v) == 0 {
			o.enter(path, "[]")
		}
		for i, element := range v {
			leaves(o, fmt.Sprintf("%s[%d]", path, i), element)
		}
	default:
		doc, err := json.Marshal(v)
		o.enter(path, string(doc))
		if err != nil {
			o.enter(path, err.Error())
		}
	}
}

func TestLeavesAreAllEntered(t *testing.T) {
	o := &observations{seen: make(map[string][]string)}
	var doc any
	require.NoError(t, json.Unmarshal([]byte(`{"a":{"b":[1,"x",[]],"c":null},"d":{}}`), &doc))
	leaves(o, "m", doc)
	o.note("error", errors.New("bad"))
	o.note("twice", 1)
	o.note("twice", 1)
	o.note("twice", 2)
	require.Equal(t, map[string]string{
		"m.a.b[0]": "1", "m.a.b[1]": `"x"`, "m.a.b[2]": "[]", "m.a.c": "null", "m.d": "{}",
		"error": "*errors.errorString: bad", "twice": "1; 2",
	}, o.texts())
}

func TestCompare(t *testing.T) {
	require.Equal(t, map[string]sides{"b": {"2", "3"}, "c": {"4", absent}, "d": {absent, "5"}},
		compare(map[string]string{"a": "1", "b": "2", "c": "4"}, map[string]string{"a": "1", "b": "3", "d": "5"}))
}
