// Verifying: all of a file's structure is read before bbolt trusts it, since what bbolt finds damaged may end the process.

package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// bbolt collects the free pages of a file that it opens in a goroutine of its own, out
// of reach of guarded: a panic there, or a fault in mapped memory, or a tree that leads
// back into itself, is the end of the program. It also believes a count in a page that
// has lost some of its bits, and so drops what it does not count. These are the parts of
// its format that matter; everything is in the byte order of the machine.
const (
	pageHeader    = 16 // page number 8, flags 2, count 2, further pages 4
	elementBytes  = 16 // leaf: flags 4, position 4, key 4, value 4; branch: position 4, key 4, page number 8
	bucketHeader  = 16 // page number of the root 8, sequence 8
	metaBytes     = 64 // of which the last 8 are a checksum, behind the page header
	metaMagic     = 0xED0CDAED
	metaVersion   = 2
	branchPage    = 1
	leafPage      = 2
	bucketElement = 1
	// windowBytes is how much is read at once; pages lie mostly in order.
	windowBytes = 256 << 10
	maxDepth    = 64
)

var native = binary.NativeEndian

// verifier walks through a file.
type verifier struct {
	file     io.ReaderAt
	size     int64
	pageSize int64
	pages    uint64 // below which every page number is
	seen     []bool // pages that something refers to
	window   []byte
	at       int64 // of the window
}

// keyRange is where the keys of a page must be; nil is no bound.
type keyRange struct{ from, before []byte }

// verify reads the structure of the file. torn is what is wrong with one of the two
// heads when the other is good: the last group before it was damaged is gone.
func verify(file io.ReaderAt, size int64, pageSize int) (torn, err error) {
	v := &verifier{file: file, size: size, pageSize: int64(pageSize)}
	root, torn, err := v.heads()
	if err != nil {
		return nil, err
	}
	return torn, v.page(root, keyRange{}, 0, func(flags uint32, name, value []byte) error {
		if flags != bucketElement {
			return v.damage("%q is no bucket", name)
		}
		return v.bucket(value)
	})
}

func (v *verifier) damage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errStructure, fmt.Sprintf(format, args...))
}

// heads reads the two heads, as bbolt does, and returns the root of the better one.
func (v *verifier) heads() (root uint64, torn, err error) {
	var found []uint64 // transaction numbers
	var faults []error
	for n := range int64(2) {
		m, err := v.read(n*v.pageSize+pageHeader, metaBytes)
		if err != nil {
			return 0, nil, err
		}
		sum := fnv.New64a()
		_, _ = sum.Write(m[:metaBytes-8]) // never fails
		if native.Uint32(m) != metaMagic || native.Uint32(m[4:]) != metaVersion || native.Uint64(m[metaBytes-8:]) != sum.Sum64() {
			faults = append(faults, v.damage("head %d is damaged", n))
			continue
		}
		if id := native.Uint64(m[48:]); len(found) == 0 || id > found[0] {
			found = []uint64{id}
			root, v.pages = native.Uint64(m[16:]), native.Uint64(m[40:])
		}
	}
	if len(found) == 0 {
		return 0, nil, errors.Join(faults...)
	}
	if v.pages > uint64(v.size/v.pageSize) {
		return 0, nil, v.damage("it was cut off: %d bytes of %d pages", v.size, v.pages)
	}
	v.seen = make([]bool, v.pages)
	return root, errors.Join(faults...), nil
}

// bucket verifies one bucket, whose pages lie elsewhere or, of a small one, in value.
func (v *verifier) bucket(value []byte) error {
	if len(value) < bucketHeader {
		return v.damage("a bucket of %d bytes", len(value))
	}
	records := func(flags uint32, key, _ []byte) error {
		if flags != 0 || len(key) != 8 {
			return v.damage("key %x is none of a record", key)
		}
		return nil
	}
	if root := native.Uint64(value); root != 0 {
		return v.page(root, keyRange{}, 0, records)
	}
	inline := &verifier{file: bytes.NewReader(value[bucketHeader:]), size: int64(len(value) - bucketHeader)}
	if inline.size < pageHeader {
		return v.damage("a bucket of %d bytes", len(value))
	}
	inline.pageSize = inline.size
	h, err := inline.read(0, pageHeader)
	if err != nil {
		return err
	}
	if native.Uint16(h[8:]) != leafPage {
		return v.damage("a small bucket with flags %x", native.Uint16(h[8:]))
	}
	end, err := inline.leaf(0, int(native.Uint16(h[10:])), inline.size, keyRange{}, records)
	if err == nil && end != inline.size {
		err = v.damage("a small bucket of %d bytes has %d", end, inline.size)
	}
	return err
}

// page verifies a page and those below it; each calls visit with what a leaf holds.
func (v *verifier) page(id uint64, keys keyRange, depth int, visit func(flags uint32, key, value []byte) error) error {
	if id < 2 || id >= v.pages || depth > maxDepth {
		return v.damage("there is no page %d", id)
	}
	start := int64(id) * v.pageSize
	b, err := v.read(start, pageHeader)
	if err != nil {
		return err
	}
	flags, count, more := native.Uint16(b[8:]), int(native.Uint16(b[10:])), uint64(native.Uint32(b[12:]))
	if native.Uint64(b) != id || id+more >= v.pages {
		return v.damage("page %d says that it is page %d to %d", id, native.Uint64(b), native.Uint64(b)+more)
	}
	for n := id; n <= id+more; n++ {
		if v.seen[n] {
			return v.damage("page %d is in two places", n)
		}
		v.seen[n] = true
	}
	size := int64(more+1) * v.pageSize
	var end int64
	switch {
	case flags == branchPage && count > 0:
		end, err = v.branch(start, count, size, keys, depth, visit)
	case flags == leafPage && (count > 0 || depth == 0):
		end, err = v.leaf(start, count, size, keys, visit)
	default:
		return v.damage("page %d has flags %x and %d elements", id, flags, count)
	}
	if err != nil {
		return err
	}
	if count == 0 {
		return v.empty(start+pageHeader, v.pageSize-pageHeader)
	}
	if (end+v.pageSize-1)/v.pageSize != int64(more+1) {
		return v.damage("page %d has %d bytes and %d further pages", id, end, more)
	}
	return nil
}

// empty verifies that a page without elements has nothing that was one.
func (v *verifier) empty(at, size int64) error {
	b, err := v.read(at, size)
	if err != nil {
		return err
	}
	if len(bytes.Trim(b, "\x00")) > 0 {
		return v.damage("what is at %d is not counted", at)
	}
	return nil
}

// leaf verifies the elements of a leaf, which lie without gaps behind their table, and
// returns where they end, from the start of the page.
func (v *verifier) leaf(start int64, count int, size int64, keys keyRange, visit func(uint32, []byte, []byte) error) (int64, error) {
	table, err := v.table(start, count, size)
	if err != nil {
		return 0, err
	}
	end := int64(pageHeader + count*elementBytes)
	for i := range count {
		e := table[i*elementBytes:]
		position, ksize, vsize := int64(native.Uint32(e[4:])), int64(native.Uint32(e[8:])), int64(native.Uint32(e[12:]))
		if pageHeader+int64(i*elementBytes)+position != end || ksize == 0 || end+ksize+vsize > size {
			return 0, v.damage("element %d at %d is out of place", i, start)
		}
		flags, needed := native.Uint32(e), ksize
		if flags == bucketElement {
			needed += vsize
		}
		data, err := v.read(start+end, needed)
		if err != nil {
			return 0, err
		}
		data = bytes.Clone(data)
		if !keys.take(data[:ksize]) {
			return 0, v.damage("key %x at %d is out of order", data[:ksize], start)
		}
		if err := visit(flags, data[:ksize], data[ksize:]); err != nil {
			return 0, err
		}
		end += ksize + vsize
	}
	return end, nil
}

// branch verifies a branch and what is below it.
func (v *verifier) branch(start int64, count int, size int64, keys keyRange, depth int, visit func(uint32, []byte, []byte) error) (int64, error) {
	table, err := v.table(start, count, size)
	if err != nil {
		return 0, err
	}
	table = bytes.Clone(table)
	end := int64(pageHeader + count*elementBytes)
	starts := make([][]byte, count)
	within := keys
	for i := range count {
		e := table[i*elementBytes:]
		position, ksize := int64(native.Uint32(e)), int64(native.Uint32(e[4:]))
		if pageHeader+int64(i*elementBytes)+position != end || ksize == 0 || end+ksize > size {
			return 0, v.damage("element %d at %d is out of place", i, start)
		}
		key, err := v.read(start+end, ksize)
		if err != nil {
			return 0, err
		}
		starts[i] = bytes.Clone(key)
		if !within.take(starts[i]) {
			return 0, v.damage("key %x at %d is out of order", key, start)
		}
		end += ksize
	}
	for i := range count {
		below := keyRange{from: starts[i], before: keys.before}
		if i+1 < count {
			below.before = starts[i+1]
		}
		if err := v.page(native.Uint64(table[i*elementBytes+8:]), below, depth+1, visit); err != nil {
			return 0, err
		}
	}
	return end, nil
}

// take reports whether a key is in the range, and has the next one be behind it.
func (r *keyRange) take(key []byte) bool {
	if r.from != nil && bytes.Compare(key, r.from) < 0 || r.before != nil && bytes.Compare(key, r.before) >= 0 {
		return false
	}
	r.from = append(bytes.Clone(key), 0) // the smallest key behind it
	return true
}

func (v *verifier) table(start int64, count int, size int64) ([]byte, error) {
	if int64(pageHeader+count*elementBytes) > size {
		return nil, v.damage("the page at %d has %d elements", start, count)
	}
	b, err := v.read(start+pageHeader, int64(count*elementBytes))
	return bytes.Clone(b), err
}

// read returns bytes of the file, valid until the next read.
func (v *verifier) read(at, n int64) ([]byte, error) {
	if at < 0 || n < 0 || at+n > v.size {
		return nil, v.damage("it ends at %d, before %d", v.size, at+n)
	}
	if at < v.at || at+n > v.at+int64(len(v.window)) {
		size := min(max(n, windowBytes), v.size-at)
		if int64(cap(v.window)) < size {
			v.window = make([]byte, size)
		}
		v.window, v.at = v.window[:size], at
		if _, err := v.file.ReadAt(v.window, at); err != nil {
			v.window = v.window[:0]
			return nil, fmt.Errorf("reading %d bytes at %d: %w", size, at, err)
		}
	}
	return v.window[at-v.at:][:n], nil
}
