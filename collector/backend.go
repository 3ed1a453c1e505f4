// The backend: what the pages read and change, joined from the collector's parts.

package collector

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/overview"
	"github.com/headwater-dev/analytics/collector/internal/pages"
	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// backend is the collector as the pages see it.
type backend struct {
	*sources.Registry
	*store.Store

	c *Collector
}

// pages returns the handler of all pages.
func (c *Collector) pages() http.Handler {
	return pages.Handler(backend{Registry: c.sources, Store: c.store, c: c})
}

// Delete deletes a source with all that was received, and what is remembered of its rate.
func (b backend) Delete(ctx context.Context, slug string) error {
	src, found := b.BySlug(slug)
	if err := b.Registry.Delete(ctx, slug); err != nil {
		return err
	}
	if found {
		b.c.limits.forget(src.ID)
	}
	return nil
}

func (b backend) Overview(ctx context.Context, source int64, w overview.Window, step store.Step) (*overview.Overview, error) {
	return overview.Compute(ctx, b.Store, source, w, step)
}

func (b backend) Rows(ctx context.Context, source int64, f store.CallFilter) ([]pages.Row, error) {
	stored, err := b.Calls(ctx, source, f)
	if err != nil {
		return nil, err
	}
	rows := make([]pages.Row, len(stored))
	for i, s := range stored {
		rows[i] = row(s)
	}
	return rows, nil
}

// row is a stored call for the pages.
func row(s store.Stored) pages.Row {
	m := message(s)
	r := pages.Row{
		ID: s.ID, Type: s.Type, Event: s.Event, MessageID: s.MessageID,
		Verdict: s.Verdict, Reason: s.Reason, Step: s.Step, ReceivedAt: s.Request.ReceivedAt,
	}
	r.Name, _ = m["name"].(string)
	if r.UserID, _ = m["userId"].(string); r.UserID == "" {
		r.UserID, _ = m["anonymousId"].(string)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // the template escapes
	if encoder.Encode(m) == nil {
		r.Raw = bytes.TrimSpace(text.Bytes())
	}
	return r
}

// Subscribe passes calls on as they are stored, those of one moment together.
func (b backend) Subscribe(source int64, f store.CallFilter) (<-chan []pages.Row, func()) {
	place, leave := b.c.feed.subscribe(source)
	batches, done := make(chan []pages.Row), make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		defer close(batches)
		for {
			rows, open := place.next(done, f)
			if len(rows) > 0 {
				select {
				case batches <- rows:
				case <-done:
					return
				}
			}
			if !open {
				return
			}
		}
	})
	var once sync.Once
	return batches, func() {
		once.Do(func() {
			leave()
			close(done)
		})
		watching.Wait()
	}
}

// next waits for calls that meet f and returns all there are; false when none can come any more.
func (s *subscription) next(done <-chan struct{}, f store.CallFilter) (rows []pages.Row, open bool) {
	select {
	case call, open := <-s.calls:
		if !open {
			return nil, false
		}
		rows = s.match(rows, call, f)
	case <-done:
		return nil, false
	}
	for range feedBuffer {
		select {
		case call, open := <-s.calls:
			if !open {
				return rows, false
			}
			rows = s.match(rows, call, f)
		default:
			return rows, true
		}
	}
	return rows, true
}

// match appends call when it meets f.
func (s *subscription) match(rows []pages.Row, call store.Stored, f store.CallFilter) []pages.Row {
	if !f.Matches(&call.Call) {
		return rows
	}
	return append(rows, row(call))
}

// Notices tell what became of calls that no source wanted.
func (b backend) Notices(context.Context) ([]string, error) {
	switch n := b.c.unknown.Load(); n {
	case 0:
		return nil, nil
	case 1:
		return []string{"1 call came under a write key that no source has, and was not kept."}, nil
	default:
		return []string{fmt.Sprintf("%d calls came under write keys that no source has, and were not kept.", n)}, nil
	}
}

// Endpoint is the address for snippets.
func (b backend) Endpoint(r *http.Request) string { return scheme(r) + "://" + r.Host + prefix(r) }

// Now is the receiver's clock.
func (b backend) Now() time.Time { return b.c.now() }

// Failed logs an error behind a page.
func (b backend) Failed(r *http.Request, err error) {
	if r.Context().Err() == nil {
		b.c.options.Logger.Error("a page failed", "path", r.URL.Path, "err", err)
	}
}
