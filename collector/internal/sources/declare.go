// Declarations: sources as a config file or a flag wants them to be.

package sources

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Declaration says what a source shall be. It means the source with its ID; without
// one the source with its Key; without either the source with its Name. So a key can
// only be changed by a declaration with an ID, and a name by one with an ID or a Key.
type Declaration struct {
	ID       string   `json:"id,omitempty" yaml:"id"`             // the slug
	Name     string   `json:"name,omitempty" yaml:"name"`         // "" keeps it; of a new source, its ID
	Type     Type     `json:"type,omitempty" yaml:"type"`         // as ParseType reads it; "" is as it is; of a new source, Server
	Key      string   `json:"key,omitempty" yaml:"key"`           // "" keeps it; of a new source, a generated one
	Disabled bool     `json:"disabled,omitempty" yaml:"disabled"` // false enables
	Deleted  bool     `json:"deleted,omitempty" yaml:"deleted"`   // there shall be no such source; all else is left alone
	Filters  []Filter `json:"filters,omitempty" yaml:"filters"`   // nil keeps them, an empty list removes them
}

// Apply makes the sources what the declarations say, and leaves those alone that
// none of them means. Applying them again changes nothing.
//
// The error wraps an *Error, and says which declaration and which field is wrong:
// a value that Create would refuse, another type than the source has, a key of
// another source, a name that several sources have, two declarations for one source.
// Then nothing was changed. When the store fails on the way, what it did until then
// stays; applying the declarations again does the rest.
func (r *Registry) Apply(ctx context.Context, declarations []Declaration) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("sources: apply: %w", err)
	}
	p := &plan{draft: r.draft(), means: make([]*Source, len(declarations))}
	for _, step := range []func(int, *Declaration) error{r.planned(p), p.settled} {
		for _, i := range inOrder(declarations) {
			if err := step(i, &declarations[i]); err != nil {
				return fmt.Errorf("sources: apply: declaration %d (%s): %w", i+1, declarations[i].label(), err)
			}
		}
	}
	if err := r.carryOut(ctx, p); err != nil {
		return fmt.Errorf("sources: apply: %w", err)
	}
	return nil
}

// inOrder returns the indexes of declarations with an ID, then of those with a key,
// then the rest. A name or a key that an ID gives to a source is then known when
// another declaration goes by it, wherever in the file it stands.
func inOrder(declarations []Declaration) []int {
	order := make([]int, len(declarations))
	for i := range order {
		order[i] = i
	}
	rank := func(i int) int { return slices.Index([]string{"id", "key", "name", ""}, declarations[i].identity()) }
	slices.SortStableFunc(order, func(a, b int) int { return rank(a) - rank(b) })
	return order
}

// identity is the field by which d means a source, "" when it has none.
func (d *Declaration) identity() string {
	switch {
	case d.ID != "":
		return "id"
	case d.Key != "":
		return "key"
	case strings.TrimSpace(d.Name) != "":
		return "name"
	}
	return ""
}

// label is how an error calls d. The key is left out of it.
func (d *Declaration) label() string {
	switch {
	case d.ID != "":
		return strconv.Quote(d.ID)
	case d.Name != "":
		return strconv.Quote(d.Name)
	case d.Key != "":
		return "by its key"
	}
	return "of nothing"
}

// plan is what Apply is going to do.
type plan struct {
	draft   draft     // what will be
	means   []*Source // by declaration, in draft; nil when it deletes
	deleted []*Source
}

// find returns the source that d means in the draft, nil when there is none.
func (p *plan) find(d *Declaration) (*Source, error) {
	switch d.identity() {
	case "id":
		return p.draft.bySlug(d.ID), nil
	case "key":
		return p.draft.byKey(d.Key), nil
	case "name":
		name := strings.TrimSpace(d.Name)
		var found []*Source
		for _, s := range p.draft {
			if s.Name == name {
				found = append(found, s)
			}
		}
		switch len(found) {
		case 0:
			return nil, nil
		case 1:
			return found[0], nil
		}
		return nil, bad("name", fmt.Sprintf("is that of %d sources; give an id", len(found)))
	}
	return nil, bad("id", "is missing, and so are key and name")
}

// planned returns the step that puts one declaration into the plan.
func (r *Registry) planned(p *plan) func(i int, d *Declaration) error {
	return func(i int, d *Declaration) error {
		s, err := p.find(d)
		if err != nil {
			return err
		}
		if s != nil {
			if other := slices.Index(p.means, s); other >= 0 {
				return bad(d.identity(), fmt.Sprintf("means the same source as declaration %d", other+1))
			}
		}
		switch {
		case d.Deleted && s == nil:
			return nil
		case d.Deleted:
			p.draft = slices.DeleteFunc(p.draft, func(other *Source) bool { return other == s })
			p.deleted = append(p.deleted, s)
			return nil
		case s == nil:
			s, err = p.create(r, d)
		default:
			err = d.edit(s)
		}
		if err != nil {
			return err
		}
		p.means[i] = s
		s.Disabled = d.Disabled
		if d.Filters != nil {
			s.Filters = slices.Clone(d.Filters)
			return checkFilters(s.Filters)
		}
		return nil
	}
}

func (p *plan) create(r *Registry, d *Declaration) (*Source, error) {
	t := Server
	if d.Type != "" {
		var err error
		if t, err = ParseType(string(d.Type)); err != nil {
			return nil, err
		}
	}
	name := d.Name
	if name == "" {
		name = d.ID
	}
	return p.draft.create(d.ID, name, t, d.Key, r.now())
}

// edit makes s what d says, as far as it says anything.
func (d *Declaration) edit(s *Source) error {
	if d.Type != "" {
		t, err := ParseType(string(d.Type))
		if err != nil {
			return err
		}
		if t != s.Type {
			return bad("type", fmt.Sprintf("is %s, but the source %q is of type %s, and a type cannot change", t, s.Slug, s.Type))
		}
	}
	if d.Name != "" {
		name, err := checkName(d.Name)
		if err != nil {
			return err
		}
		s.Name = name
	}
	if d.Key != "" {
		if err := checkKey(d.Key); err != nil {
			return err
		}
		s.WriteKey = d.Key
	}
	return nil
}

// settled checks that d means in the end what it means now. Otherwise applying the
// same declarations again would do something else.
func (p *plan) settled(i int, d *Declaration) error {
	s, err := p.find(d)
	switch {
	case err != nil:
		return err
	case d.Deleted && s != nil:
		return bad(d.identity(), fmt.Sprintf("shall be deleted, but another declaration makes it that of the source %q", s.Slug))
	case d.Deleted:
		return nil
	}
	if err := p.draft.keyFree(p.means[i]); err != nil {
		return err
	}
	if s != p.means[i] {
		return bad(d.identity(), "means another source once all declarations are applied; give an id")
	}
	return nil
}

// carryOut does what the plan says: delete, change, create. r.changing is held.
func (r *Registry) carryOut(ctx context.Context, p *plan) error {
	for _, s := range p.deleted {
		if err := r.remove(ctx, s.ID); err != nil {
			return fmt.Errorf("delete %q: %w", s.Slug, err)
		}
	}
	for _, s := range p.means {
		if s == nil {
			continue
		}
		if current, ok := r.BySlug(s.Slug); ok && current.same(s) {
			continue
		}
		if err := r.park(ctx, s); err != nil {
			return fmt.Errorf("change %q: %w", s.Slug, err)
		}
		if err := r.save(ctx, s); err != nil {
			return fmt.Errorf("save %q: %w", s.Slug, err)
		}
	}
	return nil
}

// park takes the key that s is to get from the source that has it now and is to get
// another: the store never holds one key twice.
func (r *Registry) park(ctx context.Context, s *Source) error {
	holder, ok := r.ByKey(s.WriteKey)
	if !ok || holder.Slug == s.Slug {
		return nil
	}
	holder.WriteKey = newKey()
	return r.save(ctx, &holder)
}

// same reports whether saving other over s would change nothing.
func (s Source) same(other *Source) bool {
	return s.Name == other.Name && s.WriteKey == other.WriteKey && s.Disabled == other.Disabled && slices.Equal(s.Filters, other.Filters)
}
