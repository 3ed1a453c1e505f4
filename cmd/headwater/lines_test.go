// Tests of the line reader.

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func textInput(name string, r io.Reader) input {
	return input{name: name, size: -1, open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }}
}

// all reads until an error and returns it.
func all(r *lineReader) (lines []line, err error) {
	for {
		l, err := r.next()
		if err != nil {
			return append(lines, l), err
		}
		l.text = []byte(string(l.text))
		lines = append(lines, l)
	}
}

func TestLinesAreCountedOverAllInputs(t *testing.T) {
	t.Parallel()
	r := &lineReader{inputs: []input{
		textInput("a", strings.NewReader("\ufeffone\r\n\r\n  three\t\n")),
		textInput("empty", strings.NewReader("")),
		textInput("b", iotest.OneByteReader(strings.NewReader("\ufefffour\nfi\ufeffve"))),
	}}
	got, err := all(r)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, []line{
		{place: place{1, "a", 1}, text: []byte("one")},
		{place: place{2, "a", 2}, text: []byte("")},
		{place: place{3, "a", 3}, text: []byte("three")},
		{place: place{4, "b", 1}, text: []byte("four")},
		{place: place{5, "b", 2}, text: []byte("fi\ufeffve")},
		{},
	}, got)
	require.EqualValues(t, 34, r.bytes)
}

func TestLongLinesAreSkippedNotHeld(t *testing.T) {
	t.Parallel()
	most := strings.Repeat("x", maxLineBytes-1)
	r := &lineReader{inputs: []input{textInput("a", io.MultiReader(
		strings.NewReader(most+"\n"),
		io.LimitReader(endless{}, 64<<20), strings.NewReader("\nshort\n")))}}
	got, err := all(r)
	require.ErrorIs(t, err, io.EOF)
	require.Len(t, got, 4)
	require.Len(t, got[0].text, len(most))
	require.False(t, got[0].long)
	require.True(t, got[1].long)
	require.Equal(t, line{place: place{3, "a", 3}, text: []byte("short")}, got[2])
	require.LessOrEqual(t, cap(r.text), 2*maxLineBytes)
}

// endless is a line without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'y'
	}
	return len(p), nil
}

// An error comes with the line that could not be read whole, so that resuming begins there.
func TestLinesErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken disk")
	r := &lineReader{inputs: []input{textInput("a", io.MultiReader(strings.NewReader("one\ntw"), iotest.ErrReader(broken)))}}
	got, err := all(r)
	require.ErrorIs(t, err, broken)
	require.Equal(t, place{2, "a", 2}, got[1].place)
	r.close()

	// A file that was there when the import began, and is not when its turn comes.
	file := filepath.Join(t.TempDir(), "b")
	require.NoError(t, os.WriteFile(file, []byte("x\n"), 0o666))
	inputs, err := openInputs(t.Context(), []string{"testdata/faulty.ndjson", file}, nil)
	require.NoError(t, err)
	require.NoError(t, os.Remove(file))
	got, err = all(&lineReader{inputs: inputs})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, place{17, file, 1}, got[16].place)
}

func TestBlockedReadEndsWithContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	stdin, feeder := io.Pipe()
	defer feeder.Close()
	inputs, err := openInputs(ctx, []string{"-"}, stdin)
	require.NoError(t, err)
	r := &lineReader{inputs: inputs}
	go func() { _, _ = io.WriteString(feeder, "one\ntw") }()
	l, err := r.next()
	require.NoError(t, err)
	require.Equal(t, "one", string(l.text))
	cancel()
	l, err = r.next()
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, place{2, "stdin", 2}, l.place)
	r.close()
}
