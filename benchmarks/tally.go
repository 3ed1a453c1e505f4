// The tally of a sink: which events arrived, how often, and under which ids.

package main

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
)

// tally counts what arrived. Nothing a variant says of itself is believed.
type tally struct {
	Messages    int   // events in all batches, each time they arrived
	Events      int   // different ones
	IDs         int   // different messageIds
	PlainBytes  int64 // of the bodies, uncompressed
	WireBytes   int64 // read from all connections, headers included
	Requests    int
	Connections int

	seen   []uint64 // a bit an event
	ids    []uint64 // their hashes: two of ten million collide once in 400 000 runs
	seed   maphash.Seed
	plain  bytes.Buffer
	reader gzip.Reader
}

func newTally() *tally { return &tally{seed: maphash.MakeSeed()} }

// body takes one request body apart.
func (t *tally) body(data []byte, zipped bool) error {
	if zipped {
		t.plain.Reset()
		if err := t.reader.Reset(bytes.NewReader(data)); err != nil {
			return fmt.Errorf("body: %w", err)
		}
		if _, err := io.Copy(&t.plain, &t.reader); err != nil {
			return fmt.Errorf("body: %w", err)
		}
		data = t.plain.Bytes()
	}
	t.PlainBytes += int64(len(data))
	// What stands before the batch belongs to no event.
	_, batch, found := bytes.Cut(data, []byte(`"batch":[`))
	if !found {
		return fmt.Errorf("body: has no batch")
	}
	for id := range values(batch, []byte(`"messageId":"`)) {
		t.ids = append(t.ids, maphash.Bytes(t.seed, id))
	}
	for id := range values(batch, []byte(`"order_id":"`)) {
		number, ok := numberOf(id)
		if !ok || number < 0 {
			return fmt.Errorf("body: an order_id is not one of ours")
		}
		t.event(number)
	}
	return nil
}

func (t *tally) event(number int) {
	t.Messages++
	word, bit := number/64, uint64(1)<<(number%64)
	if word >= len(t.seen) {
		t.seen = append(t.seen, make([]uint64, word+1-len(t.seen))...)
	}
	if t.seen[word]&bit == 0 {
		t.seen[word] |= bit
		t.Events++
	}
}

// finish counts what only the whole can tell.
func (t *tally) finish() {
	slices.Sort(t.ids)
	t.IDs = len(slices.Compact(t.ids))
}

// values yields what stands in quotes after each key. None of ours is escaped.
func values(data, key []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for {
			_, rest, found := bytes.Cut(data, key)
			if !found {
				return
			}
			value, rest, _ := bytes.Cut(rest, []byte{'"'})
			if !yield(value) {
				return
			}
			data = rest
		}
	}
}

// verdict says what is wrong with what arrived of a number of events, and
// nothing when each arrived exactly once.
func (t *tally) verdict(events int, ids bool) string {
	switch {
	case t.Events < events:
		return fmt.Sprintf("lost %d", events-t.Events)
	case t.Events > events:
		return fmt.Sprintf("%d events that were never sent", t.Events-events)
	case t.Messages > events:
		return fmt.Sprintf("%d twice", t.Messages-events)
	case ids && t.IDs != events:
		return fmt.Sprintf("%d messageIds for %d events", t.IDs, events)
	}
	return ""
}
