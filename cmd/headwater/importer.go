// The importer: reads lines, enqueues them, and keeps account until all are settled.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/headwater-dev/analytics"
)

// maxNames bounds how many different fields that are not sent are told apart.
const maxNames = 50

// importer is one import. Its methods belong to one goroutine; Receipts reach the
// ledger on another.
type importer struct {
	client  *analytics.Client
	console *console
	ledger  *ledger
	refused *faults
	log     *faultLog

	lines  lineReader
	source string
	from   int
	dryRun bool

	read    int   // lines, from --from on
	blank   int   // of these
	valid   int   // of these, in a dry run
	unnamed int   // of these, without messageId and timestamp: sent under a random id
	next    place // the first line that was not taken; zero when all were
	err     error // why a line could not be read
	unsent  map[string]int
	stopped bool // by a signal, or because delivery failed
}

func newImporter(c *importCommand, con *console, inputs []input, log *faultLog, stop context.CancelCauseFunc) *importer {
	list := func() *faults { return &faults{log: log, secret: c.WriteKey} }
	return &importer{
		console: con,
		ledger:  newLedger(list(), list(), stop),
		refused: list(),
		log:     log,
		lines:   lineReader{inputs: inputs},
		source:  analytics.SourceOf(c.key()),
		from:    c.From,
		dryRun:  c.DryRun,
		unsent:  make(map[string]int),
	}
}

// feed reads and enqueues lines until there are no more or work ends. It blocks
// while the queue is full.
func (im *importer) feed(work context.Context) {
	defer im.lines.close()
	for {
		l, err := im.lines.next()
		im.next = l.place
		switch {
		case errors.Is(err, io.EOF):
			return
		case work.Err() != nil:
			return
		case err != nil:
			im.err = err
			return
		}
		im.console.moved(im.lines.bytes)
		if l.number < im.from {
			continue
		}
		im.read++
		if !im.take(work, &l) {
			im.read--
			return
		}
	}
}

// take enqueues one line. It reports false when work ended before the line was
// accepted.
func (im *importer) take(work context.Context, l *line) bool {
	if len(l.text) == 0 {
		im.blank++
		return true
	}
	if l.long {
		im.refused.add(l.place, fmt.Errorf("is longer than %d bytes", maxLineBytes))
		return true
	}
	r, err := readRecord(l.text)
	if err != nil {
		im.refused.add(l.place, err)
		return true
	}
	random := r.messageID == "" && r.timestamp.IsZero()
	r.identify(im.source, l.place, l.text)
	im.ledger.expect(r.messageID, l.place)
	err = im.client.Enqueue(work, r.message())
	if err != nil || im.dryRun {
		im.ledger.withdraw(r.messageID, l.place)
	}
	switch {
	case err == nil:
		im.valid++
	case work.Err() != nil && errors.Is(err, work.Err()):
		return false
	default:
		im.refused.add(l.place, err)
		return true
	}
	if random {
		im.unnamed++
	}
	for _, name := range r.unsent {
		if im.unsent[name] == 0 && len(im.unsent) >= maxNames {
			name = "" // all others
		}
		im.unsent[name]++
	}
	return true
}

// drain waits until what was accepted is settled: for as long as that takes, or
// for the timeout once work has ended.
func (im *importer) drain(work context.Context, timeout time.Duration) {
	_ = im.client.Flush(work) // fails only when work ends
	if im.stopped = work.Err() != nil; im.stopped {
		b := im.ledger.balance()
		why := "stopping"
		if b.cause != nil {
			why = "stopping, for delivery has failed"
		}
		im.console.notice("%s: waiting up to %v for %s under way; interrupt again to end at once, then resume with --from %d",
			why, timeout, lineCount(b.open), max(earlier(b.unsettled, im.next).number, 1))
	}
	bounded, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_ = im.client.Shutdown(bounded) // what it gave up has Receipts, which say more
}

func (im *importer) report() *report {
	b := im.ledger.balance()
	return &report{
		dryRun:    im.dryRun,
		read:      im.read,
		blank:     im.blank,
		valid:     im.valid,
		delivered: b.delivered,
		open:      b.open,
		refused:   im.refused,
		failed:    im.ledger.failed,
		lost:      im.ledger.lost,
		cause:     b.cause,
		secret:    im.refused.secret,
		log:       im.log,
		stopped:   im.stopped,
		resume:    earlier(b.unsettled, im.next),
		readErr:   im.err,
		random:    im.unnamed,
		unsent:    im.unsent,
		beyond:    max(im.from-1-im.lines.number, 0),
		last:      im.lines.number,
	}
}
