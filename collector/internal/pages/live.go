// Live: new calls as server-sent events.

package pages

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/sources"
)

// How often a stream says something, and how much at once.
const (
	pushEvery  = 250 * time.Millisecond
	pingEvery  = time.Second
	beatEvery  = 15 * time.Second
	maxPush    = 100
	writeLimit = 30 * time.Second
)

// stream is one answer of server-sent events. It belongs to one goroutine.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	every   time.Duration
	write   func(rows []Row, missed int) error

	rows   []Row // waiting, the newest last
	missed int   // left out since the last push
	pushed time.Time
	due    <-chan time.Time // nil while nothing waits
}

// live streams the calls that meet the filter of the address, or with ?ping only
// the news that there are some. It ends with the request or with the collector.
func (s *site) live(w http.ResponseWriter, r *http.Request, src sources.Source) {
	q := r.URL.Query()
	f := debuggerFilter(q)
	batches, cancel := s.Subscribe(src.ID, f)
	defer cancel()

	out := &stream{w: w, control: http.NewResponseController(w), every: pushEvery}
	out.write = func(rows []Row, missed int) error { return s.sendRows(out, r, src, rows, missed) }
	f.Limit = maxPush
	if q.Has("ping") {
		out.every = pingEvery
		out.write = func([]Row, int) error { return out.send("event: ping\ndata:\n\n") }
		f.Limit = 1
	}
	// Subscribed first, so that between the page and the stream nothing is lost.
	rows, err := s.Rows(r.Context(), src.ID, f)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	out.add(newer(rows, lastSeen(r)))
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy must not wait for more
	if r.Method == http.MethodHead {
		return
	}
	if out.send("retry: 2000\n\n") == nil && out.run(r.Context().Done(), batches) == nil {
		_ = out.control.SetWriteDeadline(time.Time{}) // the connection may serve again
	}
}

// lastSeen is the call after which a stream begins, by the header of a client
// that comes back, or by the address.
func lastSeen(r *http.Request) int64 {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("after")
	}
	id, _ := strconv.ParseInt(text, 10, 64) // unreadable: from the oldest
	return id
}

// newer returns the calls after one, oldest first.
func newer(rows []Row, after int64) []Row {
	var out []Row
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].ID > after {
			out = append(out, rows[i])
		}
	}
	return out
}

// run pushes until done or until there are no more batches. It fails when the
// client has left.
func (s *stream) run(done <-chan struct{}, batches <-chan []Row) error {
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-done:
			return nil
		case batch, open := <-batches:
			if !open {
				return nil
			}
			s.add(batch)
		case <-s.due:
			err = s.write(s.rows, s.missed)
			s.rows, s.missed, s.due, s.pushed = nil, 0, nil, time.Now()
		case <-beat.C:
			err = s.send(": still here\n\n")
		}
		if err != nil {
			return err
		}
	}
}

// add puts calls in wait, of which the newest maxPush stay.
func (s *stream) add(rows []Row) {
	if len(rows) == 0 {
		return
	}
	s.rows = append(s.rows, rows...)
	if over := len(s.rows) - maxPush; over > 0 {
		s.missed += over
		s.rows = append([]Row(nil), s.rows[over:]...)
	}
	if s.due == nil {
		s.due = time.After(s.every - time.Since(s.pushed))
	}
}

// send writes text and sees that it leaves.
func (s *stream) send(text string) error {
	// A server's write timeout is meant for pages. Recorders in tests have none.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeLimit))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}

// sendRows sends calls as list items, the newest first.
func (s *site) sendRows(out *stream, r *http.Request, src sources.Source, rows []Row, missed int) error {
	page := debuggerPage{frame: sourceFrame(r, "debugger", src)}
	for i := len(rows) - 1; i >= 0; i-- {
		page.Rows = append(page.Rows, rows[i])
	}
	var html, event bytes.Buffer
	if err := s.views.execute(&html, "debugger/rows", page); err != nil {
		s.Failed(r, err)
		return err
	}
	fmt.Fprintf(&event, "event: calls\nid: %d\n", page.Rows[0].ID)
	for line := range bytes.Lines(html.Bytes()) {
		fmt.Fprintf(&event, "data: %s\n", bytes.TrimSpace(line))
	}
	if missed > 0 {
		fmt.Fprintf(&event, "\nevent: missed\ndata: %d\n", missed)
	}
	event.WriteByte('\n')
	return out.send(event.String())
}
