// Dead letters: calls that the API rejected, kept to be looked at, sent again or dropped.

package spool

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/headwater-dev/analytics"
)

var errNoLetter = errors.New("no dead letter")

// maxReason bounds what is kept of the reason for a rejection.
const maxReason = 1 << 10

// DeadLetter is a call that the API rejected.
type DeadLetter struct {
	analytics.Entry
	Number uint64    // names it in Retry and Drop
	Reason string    // why it was rejected
	Died   time.Time // when
}

// A dead letter on disk is when it died, 8 bytes, the length of the reason, 2 bytes, the
// reason, and the record.
const deadHeader = 10

func reasonOf(err error) string {
	if err == nil {
		return "rejected"
	}
	text := err.Error()
	return text[:min(len(text), maxReason)]
}

// bury puts the record of an ack among the dead letters, or the damaged ones.
func (s *Spool) bury(tx *bbolt.Tx, a *ack, r record) error {
	name := deadBucket(a.source)
	value := []byte(r)
	if a.fate == setAsideInFile {
		name = damagedBucket(a.source)
	} else {
		value = binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
		value = binary.BigEndian.AppendUint16(value, uint16(len(a.reason)))
		value = append(append(value, a.reason...), r...)
	}
	if r == nil || s.options.MaxDead < 0 {
		return nil
	}
	bucket, err := makeBucket(tx, name)
	if err != nil {
		return err
	}
	if err := bucket.Put(keyOf(a.sequence), bytes.Clone(value)); err != nil {
		return err
	}
	gone, err := trim(bucket, s.options.MaxDead, s.options.deadBytes()/2)
	if gone > 0 {
		s.options.Logger.Warn("spool: dead letters beyond the bound are deleted", "source", a.source, "count", gone)
	}
	return err
}

// trim removes the oldest records beyond the bounds, and counts them.
func trim(bucket *bbolt.Bucket, most int, size int64) (gone int, err error) {
	kept, held := 0, int64(0)
	cursor := bucket.Cursor()
	var surplus [][]byte
	for key, value := cursor.Last(); key != nil; key, value = cursor.Prev() {
		kept, held = kept+1, held+record(value).cost()
		if kept > most || held > size && kept > 1 {
			surplus = append(surplus, bytes.Clone(key))
		}
	}
	for _, key := range surplus {
		if err := bucket.Delete(key); err != nil {
			return 0, err
		}
	}
	return len(surplus), nil
}

// Source describes the calls of one source in a spool.
type Source struct {
	Name    string    // analytics.SourceOf its write key
	Waiting int       // calls to be delivered
	Bytes   int64     // what they take on disk
	Oldest  time.Time // when the oldest of them was accepted; zero without any
	Dead    int       // dead letters
	Damaged int       // records that were damaged and set aside
}

// Sources describes what the file holds, by source. It reads all of it.
func (s *Spool) Sources(ctx context.Context) ([]Source, error) {
	var list []Source
	err := s.view(func(tx *bbolt.Tx) error {
		at := make(map[string]int)
		return tx.ForEach(func(name []byte, bucket *bbolt.Bucket) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			kind, source, _ := bytes.Cut(name, []byte("/"))
			i, ok := at[string(source)]
			if !ok {
				i = len(list)
				at[string(source)] = i
				list = append(list, Source{Name: string(source)})
			}
			return list[i].count(append(bytes.Clone(kind), '/'), bucket)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("spool: reading %s: %w", s.dir, err)
	}
	return list, nil
}

func (c *Source) count(kind []byte, bucket *bbolt.Bucket) error {
	return bucket.ForEach(func(_, value []byte) error {
		switch {
		case bytes.Equal(kind, deadPrefix):
			c.Dead++
		case bytes.Equal(kind, damagedPrefix):
			c.Damaged++
		default:
			if c.Waiting == 0 {
				c.Oldest = record(value).time()
			}
			c.Waiting++
			c.Bytes += record(value).cost()
		}
		return nil
	})
}

// Dead calls yield with the dead letters of a source, oldest first, until it returns
// false. yield must not call the Spool.
func (s *Spool) Dead(source string, yield func(DeadLetter) bool) error {
	err := s.view(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(deadBucket(source))
		if bucket == nil {
			return nil
		}
		cursor := bucket.Cursor()
		for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
			letter, err := readDead(source, key, value)
			if err != nil {
				continue // damaged: it cannot be shown
			}
			if !yield(letter) {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("spool: reading dead letters of %s: %w", source, err)
	}
	return nil
}

func readDead(source string, key, value []byte) (DeadLetter, error) {
	sequence, ok := sequenceOf(key)
	if !ok || len(value) < deadHeader {
		return DeadLetter{}, errRecord
	}
	value = bytes.Clone(value)
	reason := int(binary.BigEndian.Uint16(value[8:]))
	if len(value) < deadHeader+reason {
		return DeadLetter{}, errRecord
	}
	e, err := record(value[deadHeader+reason:]).entry(source, sequence)
	return DeadLetter{
		Entry: e, Number: sequence, Reason: string(value[deadHeader : deadHeader+reason]),
		Died: time.Unix(0, int64(binary.BigEndian.Uint64(value))),
	}, err
}

// Retry puts dead letters of a source at the end of what waits. Those that are accepted
// again are no dead letters any more.
func (s *Spool) Retry(ctx context.Context, source string, numbers ...uint64) error {
	for _, number := range numbers {
		var found *DeadLetter
		if err := s.Dead(source, func(d DeadLetter) bool {
			if d.Number == number {
				found = &d
			}
			return found == nil
		}); err != nil {
			return err
		}
		if found == nil {
			return fmt.Errorf("spool: source %s has no dead letter %d", source, number)
		}
		if err := s.Append(ctx, []analytics.Entry{found.Entry}, analytics.Drop); err != nil {
			return err
		}
		if err := s.Drop(source, number); err != nil {
			return err
		}
	}
	return nil
}

// Drop removes dead letters of a source. It waits for the disk.
func (s *Spool) Drop(source string, numbers ...uint64) error {
	err := s.forget(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(deadBucket(source))
		for _, number := range numbers {
			if bucket == nil || bucket.Get(keyOf(number)) == nil {
				return fmt.Errorf("source %s has %w %d", source, errNoLetter, number)
			}
			if err := bucket.Delete(keyOf(number)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("spool: dropping dead letters: %w", err)
	}
	return nil
}

// forget takes something out of the file. After a failure the committer opens the file
// anew, as it does after one of its own.
func (s *Spool) forget(fn func(*bbolt.Tx) error) error {
	s.diskMu.RLock()
	defer s.diskMu.RUnlock()
	if s.disk == nil {
		return errors.Join(ErrStorage, errClosedDisk)
	}
	err := s.disk.forget(fn)
	if err == nil || errors.Is(err, errNoLetter) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suspect = err
	s.failure, s.mend = fmt.Errorf("%w: %w", ErrStorage, err), time.Now().Add(mendWithin)
	s.ring()
	return s.failure
}
