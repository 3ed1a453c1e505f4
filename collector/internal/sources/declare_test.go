// Declarations: what Apply makes of them, what it refuses, and that twice is once.

package sources_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/sources"
)

// D keeps the tables short.
type D = sources.Declaration

func TestApply(t *testing.T) {
	t.Parallel()
	r, s := newRegistry(t)
	ctx := t.Context()
	filters := []sources.Filter{{Event: "Debug *"}}
	require.NoError(t, r.Apply(ctx, []D{
		{ID: "eu-shop", Name: "Shop (EU)", Type: "website", Key: "k1", Filters: filters},
		{Name: "Phones", Type: "MOBILE", Key: "k2", Disabled: true},
		{Name: "Backend", Type: "HTTP API"},
		{ID: "crm"},
		{ID: "never-was", Deleted: true},
	}))
	shop, ok := r.BySlug("eu-shop")
	require.True(t, ok)
	require.Equal(t, sources.Source{ID: shop.ID, Slug: "eu-shop", Name: "Shop (EU)", Type: sources.Website, WriteKey: "k1", CreatedAt: created, Filters: filters}, shop)
	phones, _ := r.ByKey("k2")
	require.Equal(t, "phones", phones.Slug)
	require.True(t, phones.Disabled)
	backend, ok := r.BySlug("backend")
	require.True(t, ok)
	require.Equal(t, sources.HTTPAPI, backend.Type)
	require.Len(t, backend.WriteKey, 32)
	crm, _ := r.BySlug("crm")
	require.Equal(t, "crm", crm.Name)
	require.Equal(t, sources.Server, crm.Type)

	require.NoError(t, r.Apply(ctx, []D{
		{ID: "eu-shop", Name: "Shop", Key: "k1-new"},        // renamed and rotated, filters kept
		{Key: "k2", Name: "Telephones"},                     // renamed by its key, enabled
		{Name: "Backend", Disabled: true, Type: "http-api"}, // found by its name
		{ID: "crm", Deleted: true},
	}))
	shop.Name, shop.WriteKey = "Shop", "k1-new"
	phones.Name, phones.Disabled = "Telephones", false
	backend.Disabled = true
	require.Equal(t, []sources.Source{shop, phones, backend}, byID(r))
	require.Equal(t, r.List(), reread(t, s))

	require.NoError(t, r.Apply(ctx, []D{{ID: "eu-shop", Filters: []sources.Filter{}}}))
	shop.Filters = nil
	got, _ := r.BySlug("eu-shop")
	require.Equal(t, shop, got, "an empty list removes the filters")
	require.NoError(t, r.Apply(ctx, nil))
	require.Equal(t, 3, r.Len())
}

func byID(r *sources.Registry) []sources.Source {
	var list []sources.Source
	for _, slug := range []string{"eu-shop", "phones", "backend"} {
		s, _ := r.BySlug(slug)
		list = append(list, s)
	}
	return list
}

func TestApplySwapsKeys(t *testing.T) {
	t.Parallel()
	r, s := newRegistry(t)
	require.NoError(t, r.Apply(t.Context(), []D{
		{ID: "a", Type: "server", Key: "ka"}, {ID: "b", Type: "server", Key: "kb"}, {ID: "c", Type: "server", Key: "kc"},
	}))
	require.NoError(t, r.Apply(t.Context(), []D{
		{ID: "a", Key: "kb"}, {ID: "b", Key: "ka"}, {ID: "c", Deleted: true}, {ID: "d", Type: "server", Key: "kc"},
	}))
	for key, slug := range map[string]string{"ka": "b", "kb": "a", "kc": "d"} {
		got, _ := r.ByKey(key)
		require.Equal(t, slug, got.Slug)
	}
	require.Equal(t, r.List(), reread(t, s))
}

func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		declarations []D
		which, field string
	}{
		{"nothing said", []D{{}}, "1 (of nothing)", "id"},
		{"unknown type", []D{{Name: "X", Type: "tv"}}, `1 ("X")`, "type"},
		{"no name", []D{{Key: "x", Type: "server"}}, "1 (by its key)", "name"},
		{"bad name", []D{{ID: "shop", Name: "a\nb"}}, `1 ("shop")`, "name"},
		{"bad id", []D{{ID: "Shop 7", Type: "server"}}, `1 ("Shop 7")`, "id"},
		{"reserved id", []D{{ID: "api", Type: "server"}}, `1 ("api")`, "id"},
		{"bad key", []D{{ID: "shop", Key: "a:b"}}, `1 ("shop")`, "key"},
		{"another type", []D{{Name: "Fine", Type: "server"}, {ID: "shop", Type: "server"}}, `2 ("shop")`, "type"},
		{"key of another", []D{{ID: "shop", Key: "blog-key"}}, `1 ("shop")`, "key"},
		{"key of a new one", []D{{ID: "new", Type: "server", Key: "k"}, {ID: "shop", Key: "k"}}, `1 ("new")`, "key"},
		{"bad filter", []D{{ID: "shop", Filters: []sources.Filter{{Call: "trac"}}}}, `1 ("shop")`, "filters[0].call"},
		{"twice by id", []D{{ID: "shop"}, {ID: "shop"}}, `2 ("shop")`, "id"},
		{"by name and id", []D{{Name: "Shop"}, {ID: "shop"}}, `1 ("Shop")`, "name"},
		{"by key and id", []D{{ID: "shop"}, {Key: "shop-key"}}, "2 (by its key)", "key"},
		{"new, by name and key", []D{{Name: "New", Type: "server"}, {Name: "New", Type: "server", Key: "n"}}, `1 ("New")`, "name"},
		{"a name of two", []D{{Name: "Twin"}}, `1 ("Twin")`, "name"},
		{"a name of two in the end", []D{{Name: "Shop", Disabled: true}, {ID: "blog", Name: "Shop"}}, `1 ("Shop")`, "name"},
		{"deleted and declared", []D{{ID: "shop", Deleted: true}, {ID: "shop", Type: "website"}}, `1 ("shop")`, "id"},
		{"deleted, but a name returns", []D{{Name: "Blog", Deleted: true}, {ID: "shop", Name: "Blog"}}, `1 ("Blog")`, "name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, s := newRegistry(t)
			require.NoError(t, r.Apply(t.Context(), []D{
				{ID: "shop", Name: "Shop", Type: "website", Key: "shop-key"}, {ID: "blog", Name: "Blog", Type: "website", Key: "blog-key"},
				{ID: "twin-1", Name: "Twin", Type: "server"}, {ID: "twin-2", Name: "Twin", Type: "server"},
			}))
			before := r.List()
			err := r.Apply(t.Context(), c.declarations)
			requireField(t, err, c.field)
			require.Contains(t, err.Error(), "declaration "+c.which)
			require.NotContains(t, err.Error(), "-key")
			require.Equal(t, before, r.List(), "nothing was changed")
			require.Equal(t, before, reread(t, s))
		})
	}
}

// Whatever the declarations and the sources there are: what Apply accepts it accepts
// again, and then changes nothing; what it refuses changes nothing the first time.
func TestApplyTwiceIsOnce(t *testing.T) {
	t.Parallel()
	const rounds = 300
	accepted := 0
	random := rand.New(rand.NewPCG(7, 11))
	r, s := newRegistry(t) // what a round leaves is where the next one begins
	for round := range rounds {
		before := r.List()
		declarations := randomDeclarations(random)
		if err := r.Apply(t.Context(), declarations); err != nil {
			require.Equal(t, before, r.List(), "%d: %+v", round, declarations)
			continue
		}
		accepted++
		after := r.List()
		require.NoError(t, r.Apply(t.Context(), declarations), "%d: %+v over %+v", round, declarations, before)
		require.Equal(t, after, r.List(), "%d: %+v", round, declarations)
		require.Equal(t, after, reread(t, s), "%d: %+v", round, declarations)
	}
	require.Greater(t, accepted, rounds/10, "the test tests something")
}

// randomDeclarations are few names, ids and keys, so that they meet.
func randomDeclarations(random *rand.Rand) []D {
	list := make([]D, 1+random.IntN(4))
	for i := range list {
		pick := func(kind string) string {
			if random.IntN(2) == 0 {
				return ""
			}
			return fmt.Sprint(kind, random.IntN(4))
		}
		list[i] = D{
			ID: pick("n"), Name: pick("n"), Key: pick("k"), Type: "server",
			Disabled: random.IntN(3) == 0, Deleted: random.IntN(6) == 0,
		}
		if random.IntN(3) == 0 {
			list[i].Filters = []sources.Filter{{Event: pick("e") + "*"}}[:random.IntN(2)]
		}
	}
	return list
}
