// Faults: the lines that were not delivered, where they stand and why.

package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/headwater-dev/analytics"
)

const (
	// maxFaults is how many lines a report names; --errors has them all.
	maxFaults = 10
	// maxAnswer is how much of a server's answer a reason repeats, in bytes.
	maxAnswer = 200
	// writeKeyMask is what stands where a write key did.
	writeKeyMask = "(write key)"
)

// fault is a line and what is wrong with it.
type fault struct {
	place
	reason string
}

// faults counts lines, keeps the first few, and writes all of them to a file if
// there is one. Its methods may be called from any goroutine.
type faults struct {
	log    *faultLog
	secret string // the write key, never part of a reason

	mu    sync.Mutex
	kept  []fault
	count int
}

func (f *faults) add(at place, err error) {
	text := reason(err, f.secret)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if len(f.kept) < maxFaults {
		f.kept = append(f.kept, fault{at, text})
	}
	f.log.write(at, text)
}

func (f *faults) total() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// first returns the first few.
func (f *faults) first() []fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.kept)
}

// faultLog is the file of --errors, shared by all kinds of faults.
type faultLog struct {
	mu   sync.Mutex
	name string
	file io.Writer // nil for none
	err  error     // the first of writing
}

func (l *faultLog) write(at place, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil || l.err != nil {
		return
	}
	_, l.err = fmt.Fprintf(l.file, "%s: %s\n", at, text)
}

// failure returns the first error of writing.
func (l *faultLog) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// reason words an error for a person: on one line, without the library's name,
// and with the beginning of what the server answered, but without secret.
func reason(err error, secret string) string {
	text := masked(strings.ReplaceAll(err.Error(), "analytics: ", ""), secret)
	if errors.Is(err, analytics.ErrMessageTooLarge) {
		text += fmt.Sprintf(", the API takes %d bytes", analytics.MaxMessageBytes)
	}
	var answer *analytics.ResponseError
	if errors.As(err, &answer) && answer.Body != "" {
		// Masked before it is cut, which could leave half a key.
		body := masked(answer.Body, secret)
		text += ": " + body[:min(len(body), maxAnswer)]
	}
	return printable(text)
}

// masked takes a write key out of a text, also as it stands in the Authorization
// header: a server may echo the request.
func masked(text, key string) string {
	if key == "" {
		return text
	}
	basic := base64.StdEncoding.EncodeToString([]byte(key + ":"))
	return strings.NewReplacer(basic, writeKeyMask, key, writeKeyMask).Replace(text)
}

// printable keeps what comes from a server or a file from steering a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
