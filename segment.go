// Segments of the memory queue: reused 64 KiB pieces that hold entries one behind the other.

package analytics

import (
	"cmp"
	"time"
	"unsafe"
)

const (
	segmentBytes = 64 << 10
	// segmentSlots bounds the slots of a segment whose entries are tiny.
	segmentSlots = 1024
	// spareSegments bounds the memory kept after a burst: 4 MiB, what four
	// uploads of full batches turn over.
	spareSegments = 64
	// entryOverhead is what an entry costs beside its bytes, so that the byte
	// bound holds for tiny entries too.
	entryOverhead = int64(unsafe.Sizeof(slot{}))
)

// segment holds entries one behind the other: their bytes in buf, where they
// lie in slots.
type segment struct {
	number uint64 // which of its lane's segments, in order
	buf    []byte
	slots  []slot
	live   int // entries not Done yet
	next   *segment
}

// slot says where an entry lies in its segment: ID, Key and Body in a row.
type slot struct {
	at   int32
	id   int32
	key  int32
	body int32
	call string
	time time.Time
}

func (s *slot) cost() int64 {
	return int64(s.id) + int64(s.key) + int64(s.body) + entryOverhead
}

func costOf(e *Entry) int64 { return int64(sizeOf(e)) + entryOverhead }

func sizeOf(e *Entry) int { return len(e.ID) + len(e.Key) + len(e.Body) }

// fits reports whether another entry of n bytes goes in without moving those
// already there, which may be leased.
func (s *segment) fits(n int) bool {
	return len(s.buf)+n <= cap(s.buf) && len(s.slots) < segmentSlots
}

func (s *segment) add(e *Entry) {
	at := len(s.buf)
	s.buf = append(s.buf, e.ID...)
	s.buf = append(s.buf, e.Key...)
	s.buf = append(s.buf, e.Body...)
	s.slots = append(s.slots, slot{
		at: int32(at), id: int32(len(e.ID)), key: int32(len(e.Key)), body: int32(len(e.Body)),
		call: e.Call, time: e.Time,
	})
	s.live++
}

func (s *segment) clear() { s.buf, s.slots = s.buf[:0], s.slots[:0] }

// place is one entry in one segment.
type place struct {
	segment *segment
	index   int
}

func (p place) slot() *slot { return &p.segment.slots[p.index] }

// entry is the entry as it lies in the segment; appending to a part of it
// cannot reach the next part.
func (p place) entry(source string) Entry {
	s := p.slot()
	row := p.segment.buf[s.at : s.at+s.id+s.key+s.body : s.at+s.id+s.key+s.body]
	return Entry{
		Source: source, Call: s.call, Time: s.time,
		ID: row[:s.id:s.id], Key: row[s.id : s.id+s.key : s.id+s.key], Body: row[s.id+s.key:],
	}
}

// compare orders the places of one lane as their entries were appended.
func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.segment.number, o.segment.number), cmp.Compare(p.index, o.index))
}

// spares are the segments nobody refers to, kept for reuse.
type spares []*segment

// get returns an empty segment with room for n bytes. A new one has slots for
// as many entries as the lane's last one held, since growing them would leave
// as much garbage again.
func (p *spares) get(n int, last *segment) *segment {
	switch list := *p; {
	case n > segmentBytes:
		return &segment{buf: make([]byte, 0, n)}
	case len(list) > 0:
		s := list[len(list)-1]
		list[len(list)-1] = nil
		*p = list[:len(list)-1]
		return s
	}
	s := &segment{buf: make([]byte, 0, segmentBytes)}
	if last != nil {
		s.slots = make([]slot, 0, min(len(last.slots)+len(last.slots)/16+1, segmentSlots))
	}
	return s
}

// put keeps s, unless there are enough or it was made for one large entry.
func (p *spares) put(s *segment) {
	if len(*p) == spareSegments || cap(s.buf) != segmentBytes {
		return
	}
	s.clear()
	s.next = nil
	*p = append(*p, s)
}
