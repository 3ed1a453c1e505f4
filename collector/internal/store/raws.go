// Raws: the raw messages of a request, packed together.

package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// How a request's messages are packed; the values are stored as the first byte.
// Behind it the messages follow each other, as they came or as one frame of
// zstd, those of duplicates among them: which calls are duplicates is known
// only in the transaction, where no time is spent on packing. A call knows where
// its message begins and how long it is.
const (
	packedNot  = 0
	packedZstd = 1
)

const (
	// packFrom is from how many bytes on messages are packed. Of fewer little
	// would be saved: the pages of the file have 4 KiB.
	packFrom = 2 << 10

	// maxRaws is the most that a request's messages may have together, so that a
	// damaged blob cannot claim more when it is read.
	maxRaws = 32 << 20

	// maxPacking and maxUnpacking are how many do so at once. Two pack more than a
	// million messages a second, several times what the writer takes; there are
	// four connections to read on.
	maxPacking   = 2
	maxUnpacking = 4

	// packWindow bounds the memory of packing, to about 1 MiB each.
	packWindow = 256 << 10

	// maxPooled is the longest buffer that is kept to be used again.
	maxPooled = 1 << 20
)

// packer packs and unpacks. Its methods are safe for concurrent use.
//
// The choice, on 250 messages of 750 bytes from one backend, and on as many of
// every kind in the API's documentation:
//
//	zstd, fastest   to 1/12 and 1/4.3 in 0.5 and 1.2 µs a message, back in 0.2 and 0.3
//	s2              to 1/7 and 1/2.4 in 0.1 and 0.3 µs, back in 0.1
//	flate, level 1  to 1/10 and 1/3.7 in 0.5 and 1.3 µs, back in 1.2
//
// The bytes cost more than the microsecond: they are written twice, are waited
// for at checkpoints, and decide how many calls are kept.
type packer struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
	buffers sync.Pool // of *packBuffers
}

type packBuffers struct{ plain, packed []byte }

func newPacker() (*packer, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(maxPacking),
		zstd.WithWindowSize(packWindow), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(maxUnpacking), zstd.WithDecoderMaxMemory(maxRaws), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return &packer{encoder: encoder, decoder: decoder, buffers: sync.Pool{New: func() any { return &packBuffers{} }}}, nil
}

// pack returns the raw messages of calls as they are stored.
func (p *packer) pack(calls []Call) ([]byte, error) {
	size := 0
	for i := range calls {
		if size += len(calls[i].Raw); size > maxRaws {
			return nil, fmt.Errorf("the messages of the request have more than %d MiB", maxRaws>>20)
		}
	}
	if size < packFrom {
		return appendRaws(make([]byte, 0, 1+size), calls), nil
	}
	b := p.buffers.Get().(*packBuffers)
	if max(cap(b.plain), cap(b.packed)) <= maxPooled {
		defer p.buffers.Put(b)
	}
	b.plain = appendRaws(b.plain[:0], calls)
	b.packed = p.encoder.EncodeAll(b.plain[1:], append(b.packed[:0], packedZstd))
	if len(b.packed) < len(b.plain) {
		return bytes.Clone(b.packed), nil
	}
	return bytes.Clone(b.plain), nil
}

// appendRaws appends the raw messages of calls, not packed.
func appendRaws(b []byte, calls []Call) []byte {
	b = append(b, packedNot)
	for i := range calls {
		b = append(b, calls[i].Raw...)
	}
	return b
}

// unpack returns what was packed, in buffer if it has room.
func (p *packer) unpack(buffer, packed []byte) ([]byte, error) {
	if len(packed) == 0 {
		return nil, errors.New("nothing is stored")
	}
	switch packed[0] {
	case packedNot:
		return append(buffer[:0], packed[1:]...), nil
	case packedZstd:
		return p.decoder.DecodeAll(packed[1:], buffer[:0])
	}
	return nil, fmt.Errorf("they are packed in a way that is unknown here (%d)", packed[0])
}

// place is where a call's message is among those of its request.
type place struct{ start, size int }

// unpacker unpacks for one reader, a request at a time. What is damaged it logs,
// and goes on: one request must not keep the others from being seen.
type unpacker struct {
	packer  *packer
	log     *slog.Logger
	request int64
	raws    []byte // of the request
	damaged bool   // and logged
}

func (s *Store) unpacker() *unpacker {
	return &unpacker{packer: s.packer, log: s.writer.log, raws: []byte{}} // not nil, which would mean damaged
}

// open unpacks the messages of a request, instead of those before, and returns
// how many bytes they have.
func (u *unpacker) open(request int64, packed []byte) int {
	raws, err := u.packer.unpack(u.raws, packed)
	u.request, u.damaged = request, false
	if err != nil {
		u.damage(err)
		return 0
	}
	u.raws = raws
	return len(raws)
}

// raw returns a message of the request, nil when it is damaged. It lasts until
// the next request.
func (u *unpacker) raw(at place) []byte {
	switch {
	case u.damaged:
		return nil
	case at.start < 0 || at.size < 0 || at.start > len(u.raws) || at.size > len(u.raws)-at.start:
		u.damage(fmt.Errorf("%d bytes from %d on are wanted of %d", at.size, at.start, len(u.raws)))
		return nil
	}
	return u.raws[at.start : at.start+at.size]
}

func (u *unpacker) damage(err error) {
	u.damaged = true
	u.log.Warn("store: the raw messages of a request are damaged, its calls are shown without", "request", u.request, "err", err)
}
