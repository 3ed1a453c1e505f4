// Sources: the rows of the table sources.

package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Source is a source as it is stored. The rules about it are in package sources.
type Source struct {
	ID        int64 // 0 until it is saved
	Slug      string
	Name      string
	Type      string
	WriteKey  string
	Disabled  bool
	CreatedAt time.Time
	Filters   []byte // JSON, as package sources writes it
}

// Sources returns all sources in the order in which they were made.
func (s *Store) Sources(ctx context.Context) ([]Source, error) {
	var sources []Source
	err := s.read(ctx, "sources", func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT id, slug, name, type, write_key, disabled, created_at, filters FROM sources ORDER BY id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var source Source
			var created int64
			if err := rows.Scan(&source.ID, &source.Slug, &source.Name, &source.Type, &source.WriteKey, &source.Disabled, &created, &source.Filters); err != nil {
				return err
			}
			source.CreatedAt = fromMilli(created)
			sources = append(sources, source)
		}
		return rows.Err()
	})
	return sources, err
}

// SaveSource inserts source when its ID is 0, and sets it; else it updates the
// row of that ID. It fails when another source has the slug or the write key,
// or when there is no row of that ID.
func (s *Store) SaveSource(ctx context.Context, source *Source) error {
	row := *source
	err := s.do(ctx, "save source", func(w *writer, t *session) error {
		if row.ID == 0 {
			id, err := t.insert(`INSERT INTO sources (slug, name, type, write_key, disabled, created_at, filters, last_call) VALUES (?, ?, ?, ?, ?, ?, ?, 0)`,
				row.Slug, row.Name, row.Type, row.WriteKey, row.Disabled, toMilli(row.CreatedAt), row.Filters)
			row.ID = id
			return err
		}
		n, err := t.change(`UPDATE sources SET slug = ?, name = ?, type = ?, write_key = ?, disabled = ?, created_at = ?, filters = ? WHERE id = ?`,
			row.Slug, row.Name, row.Type, row.WriteKey, row.Disabled, toMilli(row.CreatedAt), row.Filters, row.ID)
		if err == nil && n == 0 {
			err = fmt.Errorf("no source %d", row.ID)
		}
		return err
	}, func(w *writer) { w.sources[row.ID] = true })
	if err == nil {
		source.ID = row.ID
	}
	return err
}

// DeleteSource deletes a source with its calls, ledger and objects. From the
// moment it returns nothing of them is found and no request of it is stored;
// the rows go in the background. A source that is not there is no error.
func (s *Store) DeleteSource(ctx context.Context, id int64) error {
	return s.do(ctx, "delete source", func(w *writer, t *session) error {
		return t.exec(`DELETE FROM sources WHERE id = ?`, id)
	}, func(w *writer) {
		delete(w.sources, id)
		w.prune.begin()
	})
}

// toMilli is how times are stored: milliseconds of Unix time, the zero time as 0.
func toMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
