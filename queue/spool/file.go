// What is in the file: its buckets, and counting them when it is opened.

package spool

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"

	"go.etcd.io/bbolt"
)

// A file has three kinds of buckets, each for one source.
var (
	waitingPrefix = []byte("waiting/")
	deadPrefix    = []byte("dead/")
	damagedPrefix = []byte("damaged/")
)

var (
	// errStructure means that the file holds what no spool writes.
	errStructure = errors.New("this is not the file of a spool")
	// errClosedDisk means that the file could not be opened again after a failure.
	errClosedDisk = errors.New("the file is not open")
)

func waitingBucket(source string) []byte { return append(bytes.Clone(waitingPrefix), source...) }
func deadBucket(source string) []byte    { return append(bytes.Clone(deadPrefix), source...) }
func damagedBucket(source string) []byte { return append(bytes.Clone(damagedPrefix), source...) }

// makeBucket returns a bucket, made if it is not there. The checksum of its name is kept
// as its sequence number, which bbolt has no other use for here: a record under another
// source's name would wait for ever.
func makeBucket(tx *bbolt.Tx, name []byte) (*bbolt.Bucket, error) {
	if bucket := tx.Bucket(name); bucket != nil {
		return bucket, nil
	}
	bucket, err := tx.CreateBucket(name)
	if err != nil {
		return nil, err
	}
	return bucket, bucket.SetSequence(nameSum(name))
}

func nameSum(name []byte) uint64 { return uint64(crc32.Checksum(name, castagnoli)) }

// view reads the file.
func (s *Spool) view(fn func(*bbolt.Tx) error) error {
	s.diskMu.RLock()
	defer s.diskMu.RUnlock()
	if s.disk == nil {
		return errClosedDisk
	}
	return s.disk.view(fn)
}

// count walks through all of the file, and so finds damage to its structure before
// anything depends on it. It counts records behind a sequence number; last is the highest
// in use.
func count(d disk, after uint64) (lines map[string]*line, last uint64, err error) {
	lines = make(map[string]*line)
	err = d.view(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, bucket *bbolt.Bucket) error {
			source, waiting := bytes.CutPrefix(name, waitingPrefix)
			if !waiting && !bytes.HasPrefix(name, deadPrefix) && !bytes.HasPrefix(name, damagedPrefix) {
				return fmt.Errorf("%w: it has a bucket %q", errStructure, name)
			}
			if bucket.Sequence() != nameSum(name) {
				return fmt.Errorf("%w: bucket %q had another name", errStructure, name)
			}
			l := &line{source: string(source)}
			err := bucket.ForEach(func(key, value []byte) error {
				sequence, ok := sequenceOf(key)
				if !ok || value == nil || sequence < l.end {
					return fmt.Errorf("%w: bucket %q has a key %x", errStructure, name, key)
				}
				last = max(last, sequence)
				if waiting && sequence > after {
					l.add(sequence, record(value))
				}
				return nil
			})
			if waiting && l.waiting > 0 {
				lines[l.source] = l
			}
			return err
		})
	})
	return lines, last, err
}
