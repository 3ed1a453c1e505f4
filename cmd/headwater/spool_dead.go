// The dead letters of a spool: listed, put back to be sent again, or dropped.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/headwater-dev/analytics/queue/spool"
)

// everything stands for all numbers on the command line.
const everything = "all"

// spoolDeadCommand looks after dead letters.
type spoolDeadCommand struct {
	Dir   string   `arg:"" help:"Directory of the spool."`
	JSON  bool     `name:"json" help:"Print one JSON object a line, with the call itself in body."`
	Retry []string `placeholder:"N" help:"Put the dead letters of these numbers, or all, back to be sent again. May be given many times."`
	Drop  []string `placeholder:"N" help:"Remove the dead letters of these numbers, or all, for good. May be given many times."`
}

// deadLetter is what is printed of one.
type deadLetter struct {
	Source    string          `json:"source"`
	Number    uint64          `json:"number"`
	Died      time.Time       `json:"died"`
	Reason    string          `json:"reason"`
	Call      string          `json:"call"`
	MessageID string          `json:"messageId"`
	Accepted  time.Time       `json:"accepted"`
	Body      json.RawMessage `json:"body"`
}

// Run is called by kong.
func (c *spoolDeadCommand) Run(ctx context.Context, s *streams) error {
	switch {
	case len(c.Retry) > 0 && len(c.Drop) > 0:
		return errors.New("either --retry or --drop, not both")
	case c.JSON && len(c.Retry)+len(c.Drop) > 0:
		return errors.New("--json lists, and does not go with --retry or --drop")
	}
	q, err := openSpool(c.Dir, s.err)
	if err != nil {
		return err
	}
	return errors.Join(c.run(ctx, q, s.out), closeSpool(ctx, q))
}

func (c *spoolDeadCommand) run(ctx context.Context, q *spool.Spool, out io.Writer) error {
	names := slices.Concat(c.Retry, c.Drop)
	if len(names) == 0 {
		return c.list(ctx, q, out)
	}
	chosen, err := chooseDead(ctx, q, names)
	if err != nil {
		return err
	}
	done := 0
	for source, numbers := range chosen {
		if len(c.Drop) > 0 {
			err = q.Drop(source, numbers...)
		} else {
			err = q.Retry(ctx, source, numbers...)
		}
		if err != nil {
			return err
		}
		done += len(numbers)
	}
	if len(c.Drop) > 0 {
		_, err = fmt.Fprintf(out, "%d dropped\n", done)
	} else {
		_, err = fmt.Fprintf(out, "%d wait again: the service sends them when it runs, or headwater spool drain\n", done)
	}
	return err
}

// chooseDead finds the sources of numbers, which are those of the whole spool.
func chooseDead(ctx context.Context, q *spool.Spool, names []string) (map[string][]uint64, error) {
	all := slices.Contains(names, everything)
	wanted := make(map[uint64]bool)
	for _, name := range names {
		number, err := strconv.ParseUint(name, 10, 64)
		switch {
		case name == everything:
		case err != nil:
			return nil, fmt.Errorf("%q is neither the number of a dead letter nor %q", name, everything)
		default:
			wanted[number] = true
		}
	}
	chosen := make(map[string][]uint64)
	err := eachDead(ctx, q, func(d spool.DeadLetter) bool {
		if all || wanted[d.Number] {
			chosen[d.Source] = append(chosen[d.Source], d.Number)
			delete(wanted, d.Number)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	for number := range wanted {
		return nil, fmt.Errorf("there is no dead letter %d", number)
	}
	return chosen, nil
}

// eachDead shows the dead letters of all sources.
func eachDead(ctx context.Context, q *spool.Spool, yield func(spool.DeadLetter) bool) error {
	sources, err := q.Sources(ctx)
	if err != nil {
		return err
	}
	for _, one := range sources {
		if one.Dead == 0 {
			continue
		}
		if err := q.Dead(one.Name, yield); err != nil {
			return err
		}
	}
	return nil
}

func (c *spoolDeadCommand) list(ctx context.Context, q *spool.Spool, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !c.JSON {
		fmt.Fprintln(table, "NUMBER\tSOURCE\tREJECTED\tCALL\tMESSAGEID\tREASON")
	}
	var written error
	err := eachDead(ctx, q, func(d spool.DeadLetter) bool {
		if c.JSON {
			written = printJSON(out, deadLetter{
				Source: d.Source, Number: d.Number, Died: d.Died.UTC(), Reason: d.Reason, Call: d.Call,
				MessageID: string(d.ID), Accepted: d.Time.UTC(), Body: d.Body,
			})
			return written == nil
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\n", d.Number, printable(d.Source), d.Died.UTC().Format(time.RFC3339),
			printable(d.Call), printable(string(d.ID)), printable(d.Reason))
		return true
	})
	return errors.Join(err, written, table.Flush())
}
