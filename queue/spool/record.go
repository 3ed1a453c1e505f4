// Records: what an entry looks like on disk, and the checksum that tells whether it still does.

package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/headwater-dev/analytics"
)

// A record is a header and, behind it, Call, ID, Key and Body:
//
//	0  version, 1 byte
//	1  length of Call, 1 byte
//	2  nothing, 2 bytes
//	4  CRC32C of source, sequence number and all of the record but these 4 bytes
//	8  Time, nanoseconds since 1970, 8 bytes
//	16 length of ID, 4 bytes
//	20 length of Key, 4 bytes
//
// All numbers are big endian. bbolt has no checksum of what it is given.
const (
	recordVersion = 1
	headerBytes   = 24
	// recordOverhead is what a record costs beside its bytes: its sequence number, and
	// what bbolt keeps of it in a page.
	recordOverhead = 8 + 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errRecord is why a record is set aside.
var errRecord = errors.New("the record is damaged")

// record is an entry as it is kept, its checksum still to be made.
type record []byte

func newRecord(e *analytics.Entry) (record, error) {
	if len(e.Call) > 0xFF {
		return nil, fmt.Errorf("spool: the name of a call has %d bytes, more than 255", len(e.Call))
	}
	r := make(record, headerBytes, headerBytes+len(e.Call)+len(e.ID)+len(e.Key)+len(e.Body))
	r[0], r[1] = recordVersion, byte(len(e.Call))
	binary.BigEndian.PutUint64(r[8:], uint64(e.Time.UnixNano()))
	binary.BigEndian.PutUint32(r[16:], uint32(len(e.ID)))
	binary.BigEndian.PutUint32(r[20:], uint32(len(e.Key)))
	r = append(r, e.Call...)
	r = append(r, e.ID...)
	r = append(r, e.Key...)
	return append(r, e.Body...), nil
}

// seal makes the checksum of a record, whose place is known by now.
func (r record) seal(source string, sequence uint64) {
	binary.BigEndian.PutUint32(r[4:], r.sum(source, sequence))
}

func (r record) sum(source string, sequence uint64) uint32 {
	var place [8]byte
	binary.BigEndian.PutUint64(place[:], sequence)
	sum := crc32.Update(0, castagnoli, []byte(source))
	sum = crc32.Update(sum, castagnoli, place[:])
	sum = crc32.Update(sum, castagnoli, r[:4])
	return crc32.Update(sum, castagnoli, r[8:])
}

// cost is what the record takes of the budget.
func (r record) cost() int64 { return int64(len(r)) + recordOverhead }

// bodyBytes is the length of Body, as the header says. It is never more than there is,
// whatever a damaged header says.
func (r record) bodyBytes() int {
	if len(r) < headerBytes {
		return 0
	}
	before := headerBytes + int64(r[1]) + int64(binary.BigEndian.Uint32(r[16:])) + int64(binary.BigEndian.Uint32(r[20:]))
	return int(max(0, int64(len(r))-before))
}

// time is when the entry was accepted.
func (r record) time() time.Time {
	if len(r) < headerBytes {
		return time.Time{}
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(r[8:])))
}

// entry reads a record, whose bytes it refers to.
func (r record) entry(source string, sequence uint64) (analytics.Entry, error) {
	if len(r) < headerBytes || binary.BigEndian.Uint32(r[4:]) != r.sum(source, sequence) {
		return analytics.Entry{}, errRecord
	}
	if r[0] != recordVersion {
		return analytics.Entry{}, fmt.Errorf("the record has version %d, known is %d", r[0], recordVersion)
	}
	call, id, key := int64(r[1]), int64(binary.BigEndian.Uint32(r[16:])), int64(binary.BigEndian.Uint32(r[20:]))
	rest := r[headerBytes:]
	if call+id+key > int64(len(rest)) {
		return analytics.Entry{}, errRecord
	}
	return analytics.Entry{
		Source: source,
		Call:   string(rest[:call]),
		ID:     rest[call : call+id : call+id],
		Key:    rest[call+id : call+id+key : call+id+key],
		Body:   rest[call+id+key:],
		Time:   r.time(),
	}, nil
}

// keyOf is the key of a record: its sequence number, so that keys are in order.
func keyOf(sequence uint64) []byte {
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], sequence)
	return key[:]
}

// sequenceOf reads a key back.
func sequenceOf(key []byte) (sequence uint64, ok bool) {
	if len(key) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(key), true
}
