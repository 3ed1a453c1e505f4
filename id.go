// Message ids of the client's own making: UUIDs that gzip finds mostly in the one before.

package analytics

import (
	"crypto/rand"
	"time"

	"github.com/google/uuid"
)

// ids makes message ids for one goroutine at a time: UUIDs of version 7 (RFC 9562,
// section 5.7), each the millisecond, 62 random bits and a count.
//
// The bits are drawn anew each millisecond and the count starts again, so that two
// makers of ids agree on none unless they draw the same bits within the same
// millisecond; not even a copy of a running process can do so for longer than that.
// Ids of one millisecond differ in three digits only, which is what makes a batch
// smaller. The zero value is ready.
type ids struct {
	milli int64 // of text
	count int   // ids made of text
	text  [36]byte
}

// idsPerDraw is how many ids three hexadecimal digits tell apart.
const idsPerDraw = 1 << 12

// append appends the next id of a call made at now.
func (g *ids) append(b []byte, now time.Time) []byte {
	const hex = "0123456789abcdef"
	if milli := now.UnixMilli(); milli != g.milli || g.count == 0 || g.count == idsPerDraw {
		g.draw(milli)
	}
	n := g.count
	g.count++
	b = append(b, g.text[:len(g.text)-3]...)
	return append(b, hex[n>>8], hex[n>>4&0xF], hex[n&0xF])
}

// draw begins the ids of a millisecond.
func (g *ids) draw(milli int64) {
	var id uuid.UUID
	_, _ = rand.Read(id[6:]) // never fails
	for i := range 6 {
		id[i] = byte(milli >> (40 - 8*i))
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	text, _ := id.MarshalText() // never fails
	copy(g.text[:], text)
	g.milli, g.count = milli, 0
}
