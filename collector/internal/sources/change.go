// Changes to sources, one at a time: create, rename, disable, rotate, filter, delete.

package sources

import (
	"context"
	"fmt"
	"slices"
)

// Create makes a source. An empty key is generated: 32 letters and digits. Several
// sources may have one name, but no two one key. The error wraps an *Error for what
// is wrong with name, t or key, and when there are 1000 sources already.
func (r *Registry) Create(ctx context.Context, name string, t Type, key string) (Source, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	s, err := r.create(ctx, name, t, key)
	if err != nil {
		return Source{}, fmt.Errorf("sources: create: %w", err)
	}
	return s, nil
}

func (r *Registry) create(ctx context.Context, name string, t Type, key string) (Source, error) {
	if err := ctx.Err(); err != nil {
		return Source{}, err
	}
	d := r.draft()
	s, err := d.create("", name, t, key, r.now())
	if err != nil {
		return Source{}, err
	}
	if err := d.keyFree(s); err != nil {
		return Source{}, err
	}
	if err := r.save(ctx, s); err != nil {
		return Source{}, err
	}
	return s.clone(), nil
}

// Rename gives a source another name. Its slug stays.
func (r *Registry) Rename(ctx context.Context, slug, name string) error {
	_, err := r.change(ctx, "rename", slug, func(s *Source) (err error) {
		s.Name, err = checkName(name)
		return err
	})
	return err
}

// SetDisabled disables a source, whose calls are then refused, or enables it.
func (r *Registry) SetDisabled(ctx context.Context, slug string, disabled bool) error {
	what := "enable"
	if disabled {
		what = "disable"
	}
	_, err := r.change(ctx, what, slug, func(s *Source) error {
		s.Disabled = disabled
		return nil
	})
	return err
}

// Rotate gives a source another write key, generated when key is empty, and returns
// the source with it. The old key is unknown from then on.
func (r *Registry) Rotate(ctx context.Context, slug, key string) (Source, error) {
	return r.change(ctx, "rotate the key of", slug, func(s *Source) error {
		if key == "" {
			s.WriteKey = newKey()
			return nil
		}
		s.WriteKey = key
		if err := checkKey(key); err != nil {
			return err
		}
		return r.draft().keyFree(s)
	})
}

// SetFilters replaces the filters of a source. Nil removes them.
func (r *Registry) SetFilters(ctx context.Context, slug string, filters []Filter) error {
	_, err := r.change(ctx, "set the filters of", slug, func(s *Source) error {
		s.Filters = slices.Clone(filters)
		return checkFilters(filters)
	})
	return err
}

// Delete removes a source with its calls and objects.
func (r *Registry) Delete(ctx context.Context, slug string) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	err := ctx.Err()
	if err == nil {
		if s, ok := r.BySlug(slug); ok {
			err = r.remove(ctx, s.ID)
		} else {
			err = ErrNotFound
		}
	}
	if err != nil {
		return fmt.Errorf("sources: delete %q: %w", slug, err)
	}
	return nil
}

// change has edit change a copy of a source and stores it.
func (r *Registry) change(ctx context.Context, what, slug string, edit func(*Source) error) (Source, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	err := ctx.Err()
	s, ok := r.BySlug(slug)
	if err == nil && !ok {
		err = ErrNotFound
	}
	if err == nil {
		err = edit(&s)
	}
	if err == nil {
		err = r.save(ctx, &s)
	}
	if err != nil {
		return Source{}, fmt.Errorf("sources: %s %q: %w", what, slug, err)
	}
	return s, nil
}
