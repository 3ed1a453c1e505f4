// Inputs: the files named on the command line, found readable before anything is sent.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// stdinName is the file name that stands for standard input.
const stdinName = "-"

// input is one file, or standard input.
type input struct {
	name string // in messages
	size int64  // in bytes, -1 when not known
	open func() (io.ReadCloser, error)
}

// openInputs returns the inputs that names stand for, or why one cannot be read.
// Regular files are opened when their turn comes, however many there are. The
// reads of all others end with ctx.
func openInputs(ctx context.Context, names []string, stdin io.Reader) ([]input, error) {
	inputs := make([]input, 0, len(names))
	var taken bool
	for _, name := range names {
		if name == stdinName {
			if taken {
				return nil, errors.New("standard input (-) is named twice")
			}
			taken = true
			inputs = append(inputs, input{name: "stdin", size: -1, open: func() (io.ReadCloser, error) {
				return endWith(ctx, io.NopCloser(stdin)), nil
			}})
			continue
		}
		in, err := openFile(ctx, name)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

func openFile(ctx context.Context, name string) (input, error) {
	f, err := os.Open(name)
	if err != nil {
		return input{}, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%s is a directory", name)
	case !info.Mode().IsRegular():
		// A pipe: closed now, it could not be opened again.
		return input{name: name, size: -1, open: func() (io.ReadCloser, error) {
			return endWith(ctx, f), nil
		}}, nil
	case zipped(f):
		err = fmt.Errorf("%s is compressed: gunzip -c %s | headwater import … -", name, name)
	}
	_ = f.Close() // it was only looked at
	if err != nil {
		return input{}, err
	}
	return input{name: name, size: info.Size(), open: func() (io.ReadCloser, error) { return os.Open(name) }}, nil
}

// zipped reports whether the file begins as gzip does (RFC 1952, section 2.3.1).
func zipped(f io.ReaderAt) bool {
	var magic [2]byte
	n, _ := f.ReadAt(magic[:], 0)
	return n == 2 && magic == [2]byte{0x1f, 0x8b}
}

// endWith returns a reader of r whose reads end with ctx.
//
// No read of a terminal or a pipe can be called off. The goroutine that reads r
// ends with r, or with the first read that returns after ctx has ended; one that
// never returns is left to the end of the process.
func endWith(ctx context.Context, r io.ReadCloser) io.ReadCloser {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, r)
		in.CloseWithError(err)
		_ = r.Close()
	}()
	stop := context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	return pipe{out, stop}
}

// pipe is what endWith returns.
type pipe struct {
	*io.PipeReader
	stop func() bool
}

func (p pipe) Close() error {
	p.stop()
	return p.PipeReader.Close()
}
