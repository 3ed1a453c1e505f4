// Labels: the texts calls are told apart by, each stored once per source.

package store

import (
	"database/sql/driver"
)

// kind is what a label is of. The values are stored.
type kind uint8

const (
	kindType kind = 1 + iota
	kindEvent
	kindVersion
	kindVerdict
)

// limit is how many labels of a kind a source has. Whoever puts an id into the
// name of an event would fill the ledger; beyond the limit there is one row for
// all. 4000 events is what the API's own schema keeps.
func (k kind) limit() int {
	switch k {
	case kindEvent:
		return 4000
	case kindVersion:
		return 1000
	}
	return 100
}

const (
	maxLabel   = 200       // characters; a longer text is counted by its beginning
	otherLabel = "(other)" // counts the texts beyond the limit
)

// label is a text of one source.
type label struct {
	source int64
	kind   kind
	text   string
}

// labels gives texts their ids. It belongs to the writer.
type labels struct {
	ids   map[label]int64
	count map[label]int // by source and kind, text ""
	fresh []label       // of the transaction under way
	stale []label       // deleted by the transaction under way
}

func newLabels() *labels {
	return &labels{ids: map[label]int64{}, count: map[label]int{}}
}

// load reads the labels from the database.
func (l *labels) load(t *session) error {
	return t.query(`SELECT id, source, kind, label FROM labels`, func(row []driver.Value) error {
		text, _ := row[3].(string)
		l.add(label{row[1].(int64), kind(row[2].(int64)), text}, row[0].(int64))
		return nil
	})
}

func (l *labels) add(key label, id int64) {
	l.ids[key] = id
	l.count[label{source: key.source, kind: key.kind}]++
}

func (l *labels) remove(key label) {
	if _, ok := l.ids[key]; ok {
		delete(l.ids, key)
		l.count[label{source: key.source, kind: key.kind}]--
	}
}

// intern returns the id under which text is counted, and what the call's row
// says: the same id, or text when the label is not equal to it.
func (l *labels) intern(t *session, source int64, k kind, text string) (id int64, column driver.Value, err error) {
	if text == "" || text == OK && k == kindVerdict {
		return 0, int64(0), nil
	}
	key := label{source, k, cutLabel(text)}
	id, ok := l.ids[key]
	if !ok {
		if l.count[label{source: source, kind: k}] >= k.limit() {
			key.text = otherLabel
			id, ok = l.ids[key]
		}
		if !ok {
			if id, err = t.insert(`INSERT INTO labels (source, kind, label) VALUES (?, ?, ?)`, source, int64(k), key.text); err != nil {
				return 0, nil, err
			}
			l.add(key, id)
			l.fresh = append(l.fresh, key)
		}
	}
	if key.text == text {
		return id, id, nil
	}
	return id, text, nil
}

// commit keeps the new labels, rollback forgets them; with those deleted it is
// the other way round.
func (l *labels) commit()   { l.settle(l.stale) }
func (l *labels) rollback() { l.settle(l.fresh) }

func (l *labels) settle(gone []label) {
	for _, key := range gone {
		l.remove(key)
	}
	l.fresh, l.stale = l.fresh[:0], l.stale[:0]
}

// deleteUnused makes room where a source has all the labels of a kind it may
// have: those go that the ledger does not know any more.
func (l *labels) deleteUnused(t *session) error {
	for key, n := range l.count {
		if n < key.kind.limit() {
			continue
		}
		before := len(l.stale)
		if err := t.query(`SELECT label FROM labels WHERE source = ?1 AND kind = ?2
			AND id NOT IN (SELECT label FROM breakdown WHERE source = ?1 AND kind = ?2 AND span = ?3)`, func(row []driver.Value) error {
			text, _ := row[0].(string)
			l.stale = append(l.stale, label{key.source, key.kind, text})
			return nil
		}, key.source, int64(key.kind), spans[len(spans)-1]); err != nil {
			return err
		}
		for _, unused := range l.stale[before:] {
			if err := t.exec(`DELETE FROM labels WHERE source = ? AND kind = ? AND label = ?`, unused.source, int64(unused.kind), unused.text); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop forgets the labels of a source.
func (l *labels) drop(source int64) {
	for key := range l.ids {
		if key.source == source {
			l.remove(key)
		}
	}
}

// reset forgets all.
func (l *labels) reset() {
	clear(l.ids)
	clear(l.count)
}

// cutLabel cuts text after maxLabel characters.
func cutLabel(text string) string {
	if len(text) <= maxLabel {
		return text
	}
	n := 0
	for i := range text {
		if n == maxLabel {
			return text[:i]
		}
		n++
	}
	return text
}
