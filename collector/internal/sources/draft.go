// Drafts: the sources as they would be after a change, to be checked before it is made.

package sources

import (
	"fmt"
	"slices"
	"time"
)

// draft is all sources, copies that may be changed.
type draft []*Source

func (r *Registry) draft() draft {
	list := r.List()
	d := make(draft, len(list))
	for i := range list {
		d[i] = &list[i]
	}
	return d
}

// create checks and adds a source, all but whether its key is free. An empty key is
// generated, an empty slug made of the name.
func (d *draft) create(slug, name string, t Type, key string, now time.Time) (*Source, error) {
	if len(*d) >= maxSources {
		return nil, bad("name", fmt.Sprintf("is of one source too many: there are %d", maxSources))
	}
	s := &Source{Slug: slug, Type: t, WriteKey: key, CreatedAt: now.UTC()}
	var err error
	if s.Name, err = checkName(name); err != nil {
		return nil, err
	}
	if err := checkType(t); err != nil {
		return nil, err
	}
	if key == "" {
		s.WriteKey = newKey()
	} else if err := checkKey(key); err != nil {
		return nil, err
	}
	if slug == "" {
		s.Slug = newSlug(s.Name, func(slug string) bool { return d.bySlug(slug) != nil })
	} else if err := checkSlug(slug); err != nil {
		return nil, err
	}
	*d = append(*d, s)
	return s, nil
}

// keyFree refuses the key of s when another source has it.
func (d draft) keyFree(s *Source) error {
	for _, other := range d {
		if other.WriteKey == s.WriteKey && other.Slug != s.Slug {
			return bad("key", fmt.Sprintf("is that of the source %q", other.Slug))
		}
	}
	return nil
}

func (d draft) bySlug(slug string) *Source {
	return d.first(func(s *Source) bool { return s.Slug == slug })
}

func (d draft) byKey(key string) *Source {
	return d.first(func(s *Source) bool { return s.WriteKey == key })
}

func (d draft) first(is func(*Source) bool) *Source {
	if i := slices.IndexFunc(d, is); i >= 0 {
		return d[i]
	}
	return nil
}
