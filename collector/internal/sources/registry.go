// The registry: all sources in memory for those who read, written through to the store.

package sources

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/store"
)

// Registry knows the sources of a collector. Every request asks it for the source of
// its write key, so reading takes no lock and no query: each change makes a new
// snapshot once the store has it. New makes one; all methods are safe for concurrent
// use. Changes are made one after the other; each is committed when its method returns
// without an error, and made not at all when it returns one. They look at ctx before
// they begin and finish what they began.
type Registry struct {
	store *store.Store
	now   func() time.Time

	changing sync.Mutex
	current  atomic.Pointer[snapshot]
}

// snapshot is the sources at one time. It is never changed.
type snapshot struct {
	list   []Source // by ID
	sums   [][sha256.Size]byte
	bySlug map[string]int
}

// New reads the sources of a store. now stamps those that are created; nil is time.Now.
func New(ctx context.Context, s *store.Store, now func() time.Time) (*Registry, error) {
	stored, err := s.Sources(ctx)
	if err != nil {
		return nil, fmt.Errorf("sources: read: %w", err)
	}
	if now == nil {
		now = time.Now
	}
	r := &Registry{store: s, now: now}
	list := make([]Source, 0, len(stored))
	for _, one := range stored {
		source, err := fromStore(one)
		if err != nil {
			return nil, fmt.Errorf("sources: read %q: %w", one.Slug, err)
		}
		list = append(list, source)
	}
	r.publish(list)
	return r, nil
}

// List returns all sources, the oldest first.
func (r *Registry) List() []Source {
	return cloneAll(r.current.Load().list)
}

// Len is how many sources there are.
func (r *Registry) Len() int { return len(r.current.Load().list) }

// ByKey returns the source that has the write key; a disabled one too. How long it
// takes says nothing about the keys there are: it compares all of their sums.
func (r *Registry) ByKey(key string) (Source, bool) {
	if len(key) > maxKey {
		return Source{}, false
	}
	sum := sha256.Sum256([]byte(key))
	s, found := r.current.Load(), -1
	for i := range s.sums {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(s.sums[i][:], sum[:]), i, found)
	}
	if found < 0 {
		return Source{}, false
	}
	return s.list[found].clone(), true
}

// BySlug returns the source with that slug.
func (r *Registry) BySlug(slug string) (Source, bool) {
	s := r.current.Load()
	i, ok := s.bySlug[slug]
	if !ok {
		return Source{}, false
	}
	return s.list[i].clone(), true
}

// publish makes list, which it takes over, what readers see.
func (r *Registry) publish(list []Source) {
	slices.SortFunc(list, func(a, b Source) int { return cmp.Compare(a.ID, b.ID) })
	s := &snapshot{list: list, sums: make([][sha256.Size]byte, len(list)), bySlug: make(map[string]int, len(list))}
	for i := range list {
		s.sums[i] = sha256.Sum256([]byte(list[i].WriteKey))
		s.bySlug[list[i].Slug] = i
	}
	r.current.Store(s)
}

// save stores s, which gets its ID when it is new, and publishes it. r.changing is held.
func (r *Registry) save(ctx context.Context, s *Source) error {
	stored, err := s.toStore()
	if err != nil {
		return err
	}
	if err := r.store.SaveSource(context.WithoutCancel(ctx), &stored); err != nil {
		return err
	}
	s.ID = stored.ID
	list := slices.DeleteFunc(r.List(), func(other Source) bool { return other.ID == s.ID })
	r.publish(append(list, s.clone()))
	return nil
}

// remove deletes a source. r.changing is held.
func (r *Registry) remove(ctx context.Context, id int64) error {
	if err := r.store.DeleteSource(context.WithoutCancel(ctx), id); err != nil {
		return err
	}
	r.publish(slices.DeleteFunc(r.List(), func(s Source) bool { return s.ID == id }))
	return nil
}

func (s Source) clone() Source {
	s.Filters = append([]Filter(nil), s.Filters...) // nil when there are none
	return s
}

func cloneAll(list []Source) []Source {
	list = slices.Clone(list)
	for i := range list {
		list[i] = list[i].clone()
	}
	return list
}

func (s Source) toStore() (store.Source, error) {
	out := store.Source{
		ID: s.ID, Slug: s.Slug, Name: s.Name, Type: string(s.Type),
		WriteKey: s.WriteKey, Disabled: s.Disabled, CreatedAt: s.CreatedAt,
	}
	if len(s.Filters) == 0 {
		return out, nil
	}
	var err error
	out.Filters, err = json.Marshal(s.Filters)
	return out, err
}

func fromStore(s store.Source) (Source, error) {
	out := Source{
		ID: s.ID, Slug: s.Slug, Name: s.Name, Type: Type(s.Type),
		WriteKey: s.WriteKey, Disabled: s.Disabled, CreatedAt: s.CreatedAt,
	}
	if err := checkType(out.Type); err != nil {
		return out, err
	}
	if len(s.Filters) > 0 {
		if err := json.Unmarshal(s.Filters, &out.Filters); err != nil {
			return out, fmt.Errorf("filters: %w", err)
		}
	}
	return out, nil
}
