// The registry: what reads find, what changes refuse, and that the store has it all.

package sources_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

var created = time.Date(2026, time.March, 4, 5, 6, 7, 0, time.UTC)

func now() time.Time { return created }

func newStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), store.Options{Dir: store.Memory})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(context.Background()) }) // a test may have closed it
	return s
}

func newRegistry(t testing.TB) (*sources.Registry, *store.Store) {
	t.Helper()
	s := newStore(t)
	r, err := sources.New(t.Context(), s, now)
	require.NoError(t, err)
	return r, s
}

// reread is what another process would find in the store.
func reread(t testing.TB, s *store.Store) []sources.Source {
	t.Helper()
	r, err := sources.New(context.Background(), s, now)
	require.NoError(t, err)
	return r.List()
}

func requireField(t testing.TB, err error, field string) {
	t.Helper()
	var e *sources.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, field, e.Field, e.Reason)
	require.NotEmpty(t, e.Reason)
}

func TestLifeOfASource(t *testing.T) {
	t.Parallel()
	r, s := newRegistry(t)
	ctx := t.Context()

	shop, err := r.Create(ctx, "  Shop  ", sources.Website, "")
	require.NoError(t, err)
	require.Regexp(t, `^[0-9A-Za-z]{32}$`, shop.WriteKey)
	require.Equal(t, sources.Source{ID: shop.ID, Slug: "shop", Name: "Shop", Type: sources.Website, WriteKey: shop.WriteKey, CreatedAt: created}, shop)
	require.NotZero(t, shop.ID)
	app, err := r.Create(ctx, "App", sources.Mobile, "app-key")
	require.NoError(t, err)
	require.Equal(t, []sources.Source{shop, app}, r.List())
	require.Equal(t, 2, r.Len())

	require.NoError(t, r.Rename(ctx, "shop", "Big shop"))
	require.NoError(t, r.SetDisabled(ctx, "shop", true))
	filters := []sources.Filter{{Event: "Debug *"}, {Call: "identify", Trait: "ssn", Value: "1*"}}
	require.NoError(t, r.SetFilters(ctx, "shop", filters))
	rotated, err := r.Rotate(ctx, "shop", "")
	require.NoError(t, err)
	require.NotEqual(t, shop.WriteKey, rotated.WriteKey)
	_, ok := r.ByKey(shop.WriteKey)
	require.False(t, ok, "the old key")
	want := shop
	want.Name, want.Disabled, want.Filters, want.WriteKey = "Big shop", true, filters, rotated.WriteKey
	got, ok := r.ByKey(rotated.WriteKey)
	require.True(t, ok)
	require.Equal(t, want, got)
	got, ok = r.BySlug("shop")
	require.True(t, ok)
	require.Equal(t, want, got)
	require.Equal(t, []sources.Source{want, app}, reread(t, s))

	require.NoError(t, r.SetDisabled(ctx, "shop", false))
	require.NoError(t, r.SetFilters(ctx, "shop", nil))
	rotated, err = r.Rotate(ctx, "shop", "mine")
	require.NoError(t, err)
	require.Equal(t, "mine", rotated.WriteKey)
	_, err = r.Rotate(ctx, "shop", "mine")
	require.NoError(t, err, "its own key is nobody else's")
	want.Disabled, want.Filters, want.WriteKey = false, nil, "mine"
	require.Equal(t, []sources.Source{want, app}, reread(t, s))

	require.NoError(t, r.Delete(ctx, "shop"))
	_, ok = r.ByKey("mine")
	require.False(t, ok)
	_, ok = r.BySlug("shop")
	require.False(t, ok)
	require.Equal(t, []sources.Source{app}, reread(t, s))
}

func TestSourcesHandedOutAreCopies(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	_, err := r.Create(t.Context(), "Shop", sources.Server, "k")
	require.NoError(t, err)
	given := []sources.Filter{{Event: "A"}}
	require.NoError(t, r.SetFilters(t.Context(), "shop", given))
	given[0].Event = "changed"
	r.List()[0].Filters[0].Event = "changed"
	bySlug, _ := r.BySlug("shop")
	bySlug.Filters[0].Event = "changed"
	byKey, _ := r.ByKey("k")
	require.Equal(t, "A", byKey.Filters[0].Event)
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	ctx := t.Context()
	_, rotated := r.Rotate(ctx, "gone", "")
	for name, err := range map[string]error{
		"rename": r.Rename(ctx, "gone", "x"), "disable": r.SetDisabled(ctx, "gone", true), "rotate": rotated,
		"filters": r.SetFilters(ctx, "gone", nil), "delete": r.Delete(ctx, "gone"),
	} {
		require.ErrorIs(t, err, sources.ErrNotFound, name)
		require.Contains(t, err.Error(), `"gone"`)
	}
}

func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	r, s := newRegistry(t)
	ctx := t.Context()
	_, err := r.Create(ctx, "Shop", sources.Server, "taken")
	require.NoError(t, err)
	_, err = r.Create(ctx, "Other", sources.Server, "other")
	require.NoError(t, err)
	before := r.List()

	long := strings.Repeat("é", 101)
	for _, name := range []string{"", " \t\n", long, "a\xffb", "a\nb", "a\x00b", "a\u2028b", "\u200b\u200d"} {
		_, err := r.Create(ctx, name, sources.Server, "")
		requireField(t, err, "name")
		requireField(t, r.Rename(ctx, "shop", name), "name")
	}
	for _, key := range []string{"a b", "a:b", "a\n", "schlüssel", "a\x7f", strings.Repeat("k", 101), "taken"} {
		_, err := r.Create(ctx, "New", sources.Server, key)
		requireField(t, err, "key")
		require.NotContains(t, err.Error(), key)
		_, err = r.Rotate(ctx, "other", key)
		requireField(t, err, "key")
	}
	for _, kind := range []sources.Type{"", "Website", "tv"} {
		_, err := r.Create(ctx, "New", kind, "")
		requireField(t, err, "type")
	}
	requireField(t, r.SetFilters(ctx, "shop", []sources.Filter{{Event: "ok"}, {}}), "filters[1]")
	require.Equal(t, before, r.List())
	require.Equal(t, before, reread(t, s))

	_, err = r.Create(ctx, strings.Repeat("é", 100), sources.Server, strings.Repeat("~", 100))
	require.NoError(t, err, "the longest there may be")
}

func TestSlugs(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	for _, c := range []struct{ name, slug string }{
		{"Shop", "shop"}, {"shop!", "shop-2"}, {"  SHOP ", "shop-3"}, {"Shop 2", "shop-2-2"},
		{"My --- Shop / EU", "my-shop-eu"}, {"Café Straße", "cafe-strasse"}, {"Žluťoučký kůň", "zlutoucky-kun"},
		{"магазин", "source"}, {"店", "source-2"}, {"🛒", "source-3"}, {"店 24", "24"},
		{"v1", "v1-2"}, {"API", "api-2"}, {"assets", "assets-2"}, {"../etc", "etc"},
		{strings.Repeat("x", 100), strings.Repeat("x", 60)}, {strings.Repeat("x", 99), strings.Repeat("x", 58) + "-2"},
	} {
		s, err := r.Create(t.Context(), c.name, sources.Server, "")
		require.NoError(t, err)
		require.Equal(t, c.slug, s.Slug, c.name)
	}
}

func TestNoMoreThanAThousand(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	declarations := make([]sources.Declaration, 1000)
	for i := range declarations {
		declarations[i] = sources.Declaration{ID: fmt.Sprintf("s%d", i), Type: "server", Key: fmt.Sprintf("k%d", i)}
	}
	require.NoError(t, r.Apply(t.Context(), declarations))
	require.Equal(t, 1000, r.Len())
	_, err := r.Create(t.Context(), "One more", sources.Server, "")
	requireField(t, err, "name")
	require.ErrorContains(t, err, "one source too many")
	for _, i := range []int{0, 499, 999} {
		s, ok := r.ByKey(fmt.Sprintf("k%d", i))
		require.True(t, ok)
		require.Equal(t, fmt.Sprintf("s%d", i), s.Slug)
	}
	_, ok := r.ByKey("k1000")
	require.False(t, ok)
	_, ok = r.ByKey("")
	require.False(t, ok)
}

func TestAStoreThatFails(t *testing.T) {
	t.Parallel()
	r, s := newRegistry(t)
	_, err := r.Create(t.Context(), "Shop", sources.Server, "k")
	require.NoError(t, err)
	before := r.List()
	require.NoError(t, s.Close(t.Context()))

	_, err = r.Create(t.Context(), "New", sources.Server, "")
	require.Error(t, err)
	require.Error(t, r.Rename(t.Context(), "shop", "Renamed"))
	require.Error(t, r.Delete(t.Context(), "shop"))
	require.Error(t, r.Apply(t.Context(), []sources.Declaration{{ID: "shop", Disabled: true}}))
	require.Equal(t, before, r.List(), "what is not stored is not so")
	_, err = sources.New(t.Context(), s, now)
	require.Error(t, err)
}

func TestAContextThatEnded(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	_, err := r.Create(t.Context(), "Shop", sources.Server, "k")
	require.NoError(t, err)
	before := r.List()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.Create(ctx, "New", sources.Server, "")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, r.Rename(ctx, "shop", "x"), context.Canceled)
	require.ErrorIs(t, r.Delete(ctx, "shop"), context.Canceled)
	require.ErrorIs(t, r.Apply(ctx, nil), context.Canceled)
	require.Equal(t, before, r.List())
}

func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	r, s := newRegistry(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				one, err := r.Create(t.Context(), "Shop", sources.Server, "")
				if err != nil {
					t.Error(err)
					return
				}
				if got, ok := r.ByKey(one.WriteKey); !ok || got.ID != one.ID {
					t.Errorf("a source that was created is not there")
				}
				if err := r.Rename(t.Context(), one.Slug, "Renamed"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	slugs := map[string]bool{}
	for _, one := range r.List() {
		require.Equal(t, "Renamed", one.Name)
		slugs[one.Slug] = true
	}
	require.Len(t, slugs, 40)
	require.Equal(t, r.List(), reread(t, s))
}

func TestParseType(t *testing.T) {
	t.Parallel()
	for _, want := range sources.Types {
		for _, s := range []string{string(want), want.Label(), strings.ToUpper(string(want)), " " + strings.ToLower(want.Label()) + " "} {
			got, err := sources.ParseType(s)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
	for _, s := range []string{"", "tv", "web site"} {
		_, err := sources.ParseType(s)
		requireField(t, err, "type")
		require.Contains(t, err.Error(), "cloud-object")
	}
}

func BenchmarkByKey(b *testing.B) {
	r, _ := newRegistry(b)
	for i := range 300 {
		_, err := r.Create(b.Context(), "Shop", sources.Server, fmt.Sprintf("key-%d", i))
		require.NoError(b, err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r.ByKey("key-150")
	}
}
