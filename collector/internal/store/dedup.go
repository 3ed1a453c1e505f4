// Deduplication: the messageIds of the last 24 hours, in memory and on disk.

package store

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"
)

const (
	dedupWindow = 24 * 60 // minutes

	// dedupLimit bounds the ids that are remembered. Each takes 15 to 32 bytes
	// of memory and 8 on disk: at most about 200 MB, and 90 calls a second all
	// day long. Beyond it the oldest minutes are forgotten early.
	dedupLimit = 8 << 20

	dedupShards = 64 // a shard grows at a time, so that nobody waits for all
)

// fingerprint is what is remembered of a messageId: the first eight bytes of
// its SHA-256. Two of eight million meet once in two million days. A failed
// call is remembered with its verdict, so that it is new once it is put right.
func fingerprint(c *Call) uint64 {
	text := c.MessageID
	if c.Step == Failed {
		text = c.Verdict + "\x00" + text
	}
	sum := sha256.Sum256([]byte(text))
	return max(1, binary.BigEndian.Uint64(sum[:])) // 0 is an empty slot
}

// dedup is the set of fingerprints, each with the minute in which it came. An
// entry of a minute before floor counts as absent; its slot is used again. It
// belongs to the writer.
type dedup struct {
	limit  int
	shards [dedupShards]shard
	counts map[uint32]int // by minute, from floor on
	size   int            // sum of counts
	floor  uint32         // entries before it are forgotten
	swept  uint32         // the minute in which the shards were last swept
	fresh  []uint64       // of the transaction under way
	minute uint32         // of the transaction under way
}

// shard is an open-addressing table with linear probing.
type shard struct {
	slots   []uint64 // 0 is empty
	minutes []uint32
	used    int // slots that are not empty
}

func newDedup(limit int) *dedup {
	return &dedup{limit: limit, counts: map[uint32]int{}, floor: 1}
}

// begin starts a transaction: it forgets what is older than 24 hours, and,
// beyond the limit, more. It reports how many minutes were forgotten early.
func (d *dedup) begin(now time.Time) (early int) {
	d.minute = max(d.minute, uint32(max(0, now.Unix())/60)) // a clock set back does not make anything older
	d.forget(d.minute - min(d.minute, dedupWindow))
	for d.size > d.limit && d.floor <= d.minute {
		d.forget(d.floor + 1)
		early++
	}
	return early
}

// forget forgets the minutes before floor.
func (d *dedup) forget(floor uint32) {
	if floor <= d.floor {
		return
	}
	for minute, n := range d.counts {
		if minute < floor {
			d.size -= n
			delete(d.counts, minute)
		}
	}
	d.floor = floor
}

// add remembers f and reports whether it is new.
func (d *dedup) add(f uint64) bool {
	if !d.put(f, d.minute) {
		return false
	}
	d.fresh = append(d.fresh, f)
	return true
}

func (d *dedup) put(f uint64, minute uint32) bool {
	if minute < d.floor {
		return true
	}
	s := &d.shards[f%dedupShards]
	if s.used*4 >= len(s.slots)*3 {
		s.rebuild(d.floor)
	}
	i := s.find(f)
	switch {
	case s.slots[i] == 0:
		s.slots[i] = f
		s.used++
	case s.minutes[i] >= d.floor:
		return false
	}
	s.minutes[i] = minute
	d.counts[minute]++
	d.size++
	return true
}

// commit keeps the ids of the transaction, rollback forgets them.
func (d *dedup) commit() { d.fresh = d.fresh[:0] }

func (d *dedup) rollback() {
	for _, f := range d.fresh {
		s := &d.shards[f%dedupShards]
		if i := s.find(f); s.slots[i] == f && s.minutes[i] >= d.floor {
			d.counts[s.minutes[i]]--
			d.size--
			s.minutes[i] = 0
		}
	}
	d.fresh = d.fresh[:0]
}

// sweep gives back the memory of what is forgotten, once an hour.
func (d *dedup) sweep() {
	if d.minute < d.swept+60 {
		return
	}
	d.swept = d.minute
	for i := range d.shards {
		d.shards[i].rebuild(d.floor)
	}
}

// reset forgets all.
func (d *dedup) reset() {
	d.shards = [dedupShards]shard{}
	clear(d.counts)
	d.size = 0
}

// find returns the slot of f, or the empty one where it belongs. There is one:
// put keeps a quarter of the slots empty.
func (s *shard) find(f uint64) int {
	i, _ := bits.Mul64(f, uint64(len(s.slots)))
	for s.slots[i] != 0 && s.slots[i] != f {
		if i++; i == uint64(len(s.slots)) {
			i = 0
		}
	}
	return int(i)
}

// rebuild makes a new table for the entries from floor on, with room for as many more.
func (s *shard) rebuild(floor uint32) {
	live := 0
	for i, f := range s.slots {
		if f != 0 && s.minutes[i] >= floor {
			live++
		}
	}
	old := *s
	size := max(64, live*2)
	*s = shard{slots: make([]uint64, size), minutes: make([]uint32, size), used: live}
	for i, f := range old.slots {
		if f != 0 && old.minutes[i] >= floor {
			j := s.find(f)
			s.slots[j], s.minutes[j] = f, old.minutes[i]
		}
	}
}

// load reads the ids from the database.
func (d *dedup) load(t *session, now time.Time) error {
	d.begin(now)
	return t.query(`SELECT at, fingerprints FROM ids WHERE at >= ?`, func(row []driver.Value) error {
		ids, _ := row[1].([]byte)
		if len(ids)%8 != 0 {
			return fmt.Errorf("row of ids has %d bytes", len(ids))
		}
		minute := min(d.minute, uint32(row[0].(int64)/60_000))
		for ; len(ids) > 0; ids = ids[8:] {
			d.put(max(1, binary.BigEndian.Uint64(ids)), minute)
		}
		return nil
	}, int64(d.floor)*60_000)
}

// save appends the ids of the transaction to the database.
func (d *dedup) save(t *session) error {
	if len(d.fresh) == 0 {
		return nil
	}
	ids := make([]byte, 0, 8*len(d.fresh))
	for _, f := range d.fresh {
		ids = binary.BigEndian.AppendUint64(ids, f)
	}
	return t.exec(`INSERT INTO ids (at, fingerprints) VALUES (?, ?)`, int64(d.minute)*60_000, ids)
}
