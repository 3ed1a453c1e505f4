// Lines: what the inputs hold, one numbered line after the other.

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLineBytes is the longest line that is looked at. No message has room for as
// much; a longer line is skipped without being held in memory.
const maxLineBytes = 1 << 20

// place is where a line stands. The zero value is no line.
type place struct {
	number int // over all inputs, from 1; what --from takes
	file   string
	line   int // in its input, from 1
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// line is one line of an input. Its text has no line end and no byte order mark,
// and is good until the next one is read.
type line struct {
	place
	text []byte
	long bool // longer than maxLineBytes; the text is cut off
}

// lineReader reads the lines of its inputs in order.
type lineReader struct {
	inputs []input
	number int // of lines read
	bytes  int64

	file  *openInput // nil between two inputs
	count int        // of lines read of it
	text  []byte
}

// openInput is the input being read.
type openInput struct {
	*bufio.Reader
	io.Closer
}

// next returns the next line, io.EOF after the last. With any other error comes
// the place of the line that could not be read.
func (r *lineReader) next() (line, error) {
	for len(r.inputs) > 0 {
		at := place{number: r.number + 1, file: r.inputs[0].name, line: r.count + 1}
		if r.file == nil {
			f, err := r.inputs[0].open()
			if err != nil {
				return line{place: at}, err
			}
			r.file = &openInput{bufio.NewReaderSize(f, 64<<10), f}
		}
		l, err := r.read(at)
		if !errors.Is(err, io.EOF) {
			return l, err
		}
		r.close()
		r.inputs, r.count = r.inputs[1:], 0
	}
	return line{}, io.EOF
}

// read reads one line of the current input; io.EOF when there is none.
func (r *lineReader) read(at place) (line, error) {
	l := line{place: at}
	r.text = r.text[:0]
	for begun := false; ; begun = true {
		part, err := r.file.ReadSlice('\n')
		r.bytes += int64(len(part))
		if l.long = l.long || len(r.text)+len(part) > maxLineBytes; !l.long {
			r.text = append(r.text, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (begun || len(part) > 0):
		case err != nil:
			return l, err
		}
		r.number++
		r.count++
		l.text = r.text
		if at.line == 1 {
			l.text = bytes.TrimPrefix(l.text, []byte("\ufeff"))
		}
		l.text = bytes.TrimSpace(l.text)
		return l, nil
	}
}

func (r *lineReader) close() {
	if r.file != nil {
		_ = r.file.Close() // it was only read
		r.file = nil
	}
}
