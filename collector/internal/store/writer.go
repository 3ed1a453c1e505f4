// The writer: one goroutine that owns all writing, one transaction at a time.

package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// The bounds of one transaction. A larger one is hardly faster and keeps its
// callers waiting.
const (
	maxRequests = 64
	maxCalls    = 5000
	maxBatch    = 4 << 20 // bytes as stored
)

// maintenance is how often the writer looks for what has become too old.
const maintenance = time.Minute

// writer owns the writing connection and everything that is remembered between
// transactions. Callers hand over on channels without buffer: who waits holds
// its own request, and whatever is received is answered.
type writer struct {
	db       *database
	now      func() time.Time
	log      *slog.Logger
	maxAge   time.Duration
	maxBytes int64

	adds chan *addition
	jobs chan *job

	session     *session
	sources     map[int64]bool
	labels      *labels
	dedup       *dedup
	tally       *tally
	state                    // as committed
	gate        sync.RWMutex // held by readers, and against them
	checkpoints checkpoints
	prune       prune // what is left to do of the maintenance under way
}

// state is the row of the table state.
type state struct {
	next  int64 // the id of the next call
	bytes int64 // that requests and calls take
}

// addition is a request on its way in.
type addition struct {
	request      *Request
	fingerprints []uint64 // of its calls; 0 for those that cannot be duplicates
	raws         []byte   // of its calls, packed
	done         chan error
}

// job is any other change.
type job struct {
	change func(w *writer, t *session) error
	kept   func(w *writer) // after the commit; may be nil
	done   chan error
}

// newWriter makes a writer that knows what the database remembers.
func newWriter(ctx context.Context, db *database, o Options) (*writer, error) {
	w := &writer{
		db: db, now: o.Now, log: o.Logger, maxAge: o.MaxAge, maxBytes: o.MaxBytes,
		adds:        make(chan *addition),
		jobs:        make(chan *job),
		sources:     map[int64]bool{},
		labels:      newLabels(),
		dedup:       newDedup(dedupLimit),
		tally:       newTally(),
		checkpoints: checkpoints{start: checkpointPages, rest: restPages, limit: maxLogPages},
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := w.use(w.load); err != nil {
		w.end()
		return nil, err
	}
	return w, nil
}

// load reads what the writer remembers from the database.
func (w *writer) load(t *session) error {
	return errors.Join(
		t.query(`SELECT id FROM sources`, func(row []driver.Value) error {
			w.sources[row[0].(int64)] = true
			return nil
		}),
		t.query(`SELECT next_call, bytes FROM state`, func(row []driver.Value) error {
			w.state = state{row[0].(int64), row[1].(int64)}
			return nil
		}),
		w.labels.load(t),
		w.dedup.load(t, w.now()),
	)
}

// end waits for the background and gives back the statements.
func (w *writer) end() {
	w.checkpoints.copies.Wait()
	if w.session != nil {
		w.session.close()
	}
}

// run serves until closing is closed.
func (w *writer) run(closing <-chan struct{}) {
	defer w.end()
	ticker := time.NewTicker(maintenance)
	defer ticker.Stop()
	w.prune.begin()
	ready := make(chan struct{})
	close(ready)
	for {
		var backlog <-chan struct{} // of maintenance; taken in turn with the rest
		if w.backlog() {
			backlog = ready
		}
		select {
		case <-closing:
			return
		case a := <-w.adds:
			w.add(w.gather(a))
		case j := <-w.jobs:
			j.done <- w.perform(j)
		case <-ticker.C:
			w.prune.begin()
		case <-backlog:
			w.pruneStep()
		}
		w.checkpoint()
	}
}

// gather takes what has queued behind first, up to the bounds of a transaction.
func (w *writer) gather(first *addition) []*addition {
	batch := []*addition{first}
	for calls, size := len(first.request.Calls), first.bytes(); len(batch) < maxRequests && calls < maxCalls && size < maxBatch; {
		select {
		case a := <-w.adds:
			batch = append(batch, a)
			calls += len(a.request.Calls)
			size += a.bytes()
		default:
			return batch
		}
	}
	return batch
}

// use runs f with the writer's session. In memory it waits for the readers.
func (w *writer) use(f func(*session) error) error {
	conn, err := w.db.writes.Conn(context.Background())
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		if w.session == nil || w.session.conn != c {
			w.session = newSession(c.(driver.Conn)) // the pool made a new connection: statements died with the old one
		}
		return f(w.session)
	})
}

// transact runs f in a transaction.
func (w *writer) transact(f func(*session) error) error {
	return w.use(func(t *session) error {
		return t.transact(func() error { return f(t) })
	})
}

// perform does a job.
func (w *writer) perform(j *job) error {
	before := w.state
	err := w.transact(func(t *session) error {
		if err := j.change(w, t); err != nil {
			return err
		}
		return w.saveState(t, before)
	})
	if err != nil {
		w.state = before
		return err
	}
	if j.kept != nil {
		j.kept(w)
	}
	return nil
}

// saveState writes the state if it is not as it was.
func (w *writer) saveState(t *session, before state) error {
	if w.state == before {
		return nil
	}
	return t.exec(`UPDATE state SET next_call = ?, bytes = ?`, w.next, w.bytes)
}

// do has the writer make a change in a transaction and waits for it. change
// must be free of effects outside the database and w.state; kept is for those,
// once the change is committed. When ctx ends before its turn nothing is done;
// a change that has begun is waited for.
func (s *Store) do(ctx context.Context, what string, change func(*writer, *session) error, kept func(*writer)) error {
	j := &job{change: change, kept: kept, done: make(chan error, 1)}
	if s.isClosing() {
		return ErrClosed
	}
	select {
	case s.writer.jobs <- j:
	case <-s.closing:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("store: %s: %w", what, ctx.Err())
	}
	if err := <-j.done; err != nil {
		return fmt.Errorf("store: %s: %w", what, s.writer.db.explain(err))
	}
	return nil
}

// Reset deletes all calls, the ledger, the remembered messageIds and the
// objects. Sources stay. Call ids go on where they were.
func (s *Store) Reset(ctx context.Context) error {
	return s.do(ctx, "reset", func(w *writer, t *session) error {
		w.bytes = 0
		var errs []error
		for _, table := range []string{"calls", "requests", "labels", "volume", "breakdown", "ids", "objects"} {
			errs = append(errs, t.exec(`DELETE FROM `+table))
		}
		errs = append(errs, t.exec(`UPDATE sources SET last_call = 0`))
		return errors.Join(errs...)
	}, func(w *writer) {
		w.labels.reset()
		w.dedup.reset()
		w.prune.begin()
	})
}
