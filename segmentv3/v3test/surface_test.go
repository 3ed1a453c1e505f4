// The exported API of v3 and of ours, name by name.
package v3test_test

import (
	"fmt"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryNameOfV3IsHereWithItsType(t *testing.T) {
	t.Parallel()
	theirs, ours := imported(t, theirPath), imported(t, ourPath)
	require.Equal(t, theirs.Name(), ours.Name(), "an import without a name gives the same one")
	v3, mine := surface(theirs), surface(ours)
	require.Greater(t, len(v3), 200, "v3 has more names than that")
	for _, name := range slices.Sorted(maps.Keys(v3)) {
		if mine[name] != v3[name] {
			t.Errorf("%s\n  v3:    %s\n  ours:  %s", name, v3[name], mine[name])
		}
		delete(mine, name)
	}
	require.Equal(t, []string{"Unwrap"}, slices.Sorted(maps.Keys(mine)), "what ours has beside")
}

// surface describes everything exported: "Track.Event" is "field 4: string". Tags of fields are left out, and so are
// values of constants; what they do is the program's to see.
func surface(pkg *types.Package) map[string]string {
	found := make(map[string]string)
	scope := pkg.Scope()
	for _, name := range scope.Names() {
		object := scope.Lookup(name)
		if !object.Exported() {
			continue
		}
		if kind, ok := object.(*types.TypeName); ok {
			surfaceOfType(found, kind)
			continue
		}
		found[name] = fmt.Sprintf("%s %s", strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", object), "*types.")), spelt(object.Type()))
	}
	return found
}

func surfaceOfType(found map[string]string, kind *types.TypeName) {
	name := kind.Name()
	found[name] = fmt.Sprintf("type, alias: %t, comparable: %t", kind.IsAlias(), types.Comparable(kind.Type()))
	switch under := kind.Type().Underlying().(type) {
	case *types.Struct:
		n := 0
		for field := range under.Fields() {
			if field.Exported() {
				found[name+"."+field.Name()] = fmt.Sprintf("field %d: %s, embedded: %t", n, spelt(field.Type()), field.Embedded())
				n++
			}
		}
	case *types.Interface:
		found[name] += fmt.Sprintf(", interface of %d methods", under.NumMethods()) // whoever implements it has to have all
	default:
		found[name] += ", " + spelt(under)
	}
	receiver := kind.Type()
	values := types.NewMethodSet(receiver)
	if !types.IsInterface(receiver) {
		receiver = types.NewPointer(receiver)
	}
	for selection := range types.NewMethodSet(receiver).Methods() {
		method := selection.Obj()
		if method.Exported() {
			found[name+"."+method.Name()] = fmt.Sprintf("method %s, on values: %t",
				spelt(method.Type()), values.Lookup(method.Pkg(), method.Name()) != nil)
		}
	}
}

// spelt writes a type in one way on either side, without the names of parameters.
func spelt(kind types.Type) string {
	if f, ok := kind.(*types.Signature); ok {
		return "func" + nameless(f.Params(), f.Variadic()) + nameless(f.Results(), false)
	}
	text := types.TypeString(kind, (*types.Package).Name)
	return strings.ReplaceAll(text, "interface{}", "any")
}

func nameless(list *types.Tuple, variadic bool) string {
	var texts []string
	for v := range list.Variables() {
		texts = append(texts, spelt(v.Type()))
	}
	if variadic {
		texts = append(texts, "...")
	}
	return "(" + strings.Join(texts, ", ") + ")"
}
