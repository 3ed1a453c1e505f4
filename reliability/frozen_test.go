// Frozen at the call: maps that change right after Track change nothing that is sent.

package reliability_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

// reused is a message whose maps, slices and pointers serve call after call.
type reused struct {
	m      analytics.Track
	list   []int
	nested map[string]any
	traits analytics.Traits
}

func newReused() *reused {
	r := &reused{list: make([]int, 3), nested: make(map[string]any), traits: analytics.Traits{}}
	r.m = analytics.Track{
		UserID: "user_1", Event: "Frozen",
		Properties:   analytics.Properties{"list": r.list, "nested": r.nested},
		Context:      &analytics.Context{Traits: r.traits, Extra: map[string]any{"nested": r.nested}},
		Integrations: analytics.Integrations{"Braze": r.nested},
	}
	return r
}

// set writes n everywhere.
func (r *reused) set(n int) {
	for i := range r.list {
		r.list[i] = n
	}
	text := textOf(n)
	r.nested["i"] = n
	r.traits["text"] = text
	r.m.MessageID = callID(n)
	r.m.Properties.(analytics.Properties)["text"] = text
	r.m.Context.App.Name = text
	r.m.Context.Extra["text"] = text
}

// frozen is what a server must find of it: n in every place.
type frozen struct {
	MessageID  string
	Properties struct {
		Text   string
		List   []int
		Nested struct{ I int }
	}
	Context struct {
		Text   string
		Nested struct{ I int }
		Traits struct{ Text string }
		App    struct{ Name string }
	}
	Integrations struct{ Braze struct{ I int } }
}

func (f *frozen) says(n int) bool {
	p, c, text := f.Properties, f.Context, textOf(n)
	return fmt.Sprint(p.List) == fmt.Sprint([]int{n, n, n}) && p.Text == text && p.Nested.I == n &&
		c.Text == text && c.Nested.I == n && c.Traits.Text == text && c.App.Name == text &&
		f.Integrations.Braze.I == n
}

// reader is a Transport that checks what it is given.
type reader struct {
	mu        sync.Mutex
	read      int
	corrupted []string
}

// Send implements analytics.Transport.
func (r *reader) Send(_ context.Context, b *analytics.Batch) error {
	var bad []string
	for _, e := range b.Entries {
		var f frozen
		err, n := json.Unmarshal(e.Body, &f), numberOf(string(e.ID))
		if err != nil || n < 0 || f.MessageID != callID(n) || !f.says(n) {
			bad = append(bad, string(e.Body))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read += len(b.Entries)
	r.corrupted = append(r.corrupted, bad...)
	return nil
}

// TestChangedAfterTrack overwrites everything a message refers to as soon as
// Track has returned. Under the race detector it also finds what is still read.
func TestChangedAfterTrack(t *testing.T) {
	calls := size(32_000, 1_000_000)
	const producers = 32
	transport := &reader{}
	client := newClient(t, analytics.Config{Transport: transport, WhenFull: analytics.Block})
	var wait sync.WaitGroup
	for p := range producers {
		wait.Go(func() {
			r := newReused()
			for n := p; n < calls; n += producers {
				r.set(n)
				if err := client.Track(context.Background(), r.m); err != nil {
					t.Error(err)
					return
				}
				r.set(-1)
			}
		})
	}
	wait.Wait()
	require.NoError(t, client.Close())
	require.Empty(t, transport.corrupted[:min(len(transport.corrupted), 3)])
	require.Equal(t, calls, transport.read)
	proved(t, "T09", "%d calls from %d goroutines, %d corrupted", calls, producers, len(transport.corrupted))
}
