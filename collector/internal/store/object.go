// Objects: the collections of the Objects API.

package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"
)

// Collection is the objects of one collection (Objects API).
type Collection struct {
	Name      string
	Objects   int
	UpdatedAt time.Time
}

// Object is one object of a collection.
type Object struct {
	ID         string
	Properties []byte // a JSON object; merged over what is stored, member by member
}

// SetObjects stores objects, all of them or, when it fails, none. An object
// that is there keeps the members that the new one does not name.
func (s *Store) SetObjects(ctx context.Context, source int64, collection string, objects []Object) error {
	members := make([]map[string]json.RawMessage, len(objects))
	for i, o := range objects {
		if err := json.Unmarshal(o.Properties, &members[i]); err != nil || members[i] == nil {
			return fmt.Errorf("store: set objects: properties of object %q are not a JSON object", o.ID)
		}
	}
	return s.do(ctx, "set objects", func(w *writer, t *session) error {
		if !w.sources[source] {
			return fmt.Errorf("no source %d", source)
		}
		for i, o := range objects {
			if err := setObject(t, source, collection, o.ID, members[i], w.now().UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}

func setObject(t *session, source int64, collection, id string, members map[string]json.RawMessage, now int64) error {
	merged := map[string]json.RawMessage{}
	if err := t.query(`SELECT properties FROM objects WHERE source = ? AND collection = ? AND id = ?`, func(row []driver.Value) error {
		stored, _ := row[0].([]byte)
		return json.Unmarshal(stored, &merged)
	}, source, collection, id); err != nil {
		return err
	}
	for name, value := range members {
		merged[name] = value
	}
	properties, err := json.Marshal(merged)
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO objects (source, collection, id, properties, updated_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (source, collection, id) DO UPDATE SET properties = excluded.properties, updated_at = excluded.updated_at`,
		source, collection, id, properties, now)
}

// Collections returns the collections of a source by name.
func (s *Store) Collections(ctx context.Context, source int64) ([]Collection, error) {
	var collections []Collection
	err := s.readSource(ctx, "collections", source, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT collection, count(*), max(updated_at) FROM objects WHERE source = ? GROUP BY collection ORDER BY collection`, source)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var c Collection
			var updated int64
			if err := rows.Scan(&c.Name, &c.Objects, &updated); err != nil {
				return err
			}
			c.UpdatedAt = fromMilli(updated)
			collections = append(collections, c)
		}
		return rows.Err()
	})
	return collections, err
}
