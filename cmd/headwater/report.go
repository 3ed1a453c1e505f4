// The report: what an import did, which lines it could not deliver, and where to go on.

package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// report is the account of one import.
type report struct {
	dryRun    bool
	read      int // lines, from --from on
	blank     int // of these
	valid     int // of these, accepted by the client
	delivered int // of these
	open      int // of these, accepted and without a Receipt
	refused   *faults
	failed    *faults
	lost      *faults
	cause     error // why delivery failed; nil when it did not
	stopped   bool
	resume    place // the first line not settled; zero when all are
	readErr   error
	log       *faultLog
	secret    string         // the write key
	random    int            // lines sent under a random messageId
	unsent    map[string]int // lines by the name of a field that was not sent; "" for all names past maxNames
	beyond    int            // how far --from lies behind the last line
	last      int            // the number of the last line
}

// complete reports whether every line is delivered, or fit to be in a dry run.
func (r *report) complete() bool {
	return r.refused.total()+r.failed.total()+r.lost.total() == 0 &&
		r.resume == (place{}) && r.readErr == nil && r.log.failure() == nil
}

func (r *report) write(w io.Writer) error {
	var b bytes.Buffer
	r.writeCounts(&b)
	r.writeFaults(&b, "refused", r.refused)
	r.writeFaults(&b, "failed", r.failed)
	r.writeWarnings(&b)
	r.writeEnd(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (r *report) writeCounts(b *bytes.Buffer) {
	fmt.Fprintf(b, "%s read: ", lineCount(r.read))
	if r.dryRun {
		fmt.Fprintf(b, "%d fit to be sent", r.valid)
	} else {
		fmt.Fprintf(b, "%d delivered", r.delivered)
	}
	for _, part := range []struct {
		lines int
		what  string
	}{
		{r.refused.total(), "refused"},
		{r.failed.total(), "failed"},
		{r.lost.total(), "given up"},
		{r.open, "not settled"},
		{r.blank, "blank"},
	} {
		if part.lines > 0 {
			fmt.Fprintf(b, ", %d %s", part.lines, part.what)
		}
	}
	b.WriteByte('\n')
}

func (r *report) writeFaults(b *bytes.Buffer, what string, f *faults) {
	n, kept := f.total(), f.first()
	if n == 0 {
		return
	}
	slices.SortFunc(kept, func(x, y fault) int { return x.number - y.number })
	fmt.Fprintf(b, "%s:\n", what)
	for _, one := range kept {
		fmt.Fprintf(b, "  %s: %s\n", one.place, one.reason)
	}
	if more := n - len(kept); more > 0 {
		where := r.log.name
		if where == "" {
			where = "use --errors FILE"
		}
		fmt.Fprintf(b, "  and %d more: %s\n", more, where)
	}
}

func (r *report) writeWarnings(b *bytes.Buffer) {
	if r.random > 0 {
		fmt.Fprintf(b, "warning: %s with neither messageId nor timestamp got a random id: sent again, they count twice\n", lineCount(r.random))
	}
	if len(r.unsent) > 0 {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(r.unsent)) {
			if name != "" {
				names = append(names, fmt.Sprintf("%s (%s)", strconv.Quote(short(name)), lineCount(r.unsent[name])))
			}
		}
		if n := r.unsent[""]; n > 0 {
			names = append(names, fmt.Sprintf("others (%d times)", n))
		}
		fmt.Fprintf(b, "warning: fields with no place in their call were left out: %s\n", strings.Join(names, ", "))
	}
	if r.beyond > 0 {
		fmt.Fprintf(b, "warning: --from lies beyond the last line, which is %d\n", r.last)
	}
	if err := r.log.failure(); err != nil {
		fmt.Fprintf(b, "warning: %s is not complete: %v\n", r.log.name, err)
	}
}

// writeEnd says why an import ended early, if it did, and where to go on.
func (r *report) writeEnd(b *bytes.Buffer) {
	switch {
	case r.readErr != nil:
		fmt.Fprintf(b, "stopped: %s cannot be read: %v\n", r.resume.file, r.readErr)
	case r.cause != nil:
		fmt.Fprintf(b, "stopped: delivery failed: %s\n", reason(r.cause, r.secret))
	case r.stopped && r.resume != (place{}):
		fmt.Fprintf(b, "stopped: interrupted\n")
	}
	if r.resume != (place{}) {
		fmt.Fprintf(b, "resume: run the same command with --from %d (%s)\n", r.resume.number, r.resume)
	}
}

// short cuts a name that fills more than its share of the screen.
func short(name string) string {
	const most = 40
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return name
}

func lineCount(n int) string {
	if n == 1 {
		return "1 line"
	}
	return strconv.Itoa(n) + " lines"
}
