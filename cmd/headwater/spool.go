// The spool command: how it opens the directory of a service, and lists what waits in it.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/headwater-dev/analytics/queue/spool"
)

// spoolCommand looks after the spool of a service that does not run.
type spoolCommand struct {
	LS    spoolListCommand  `cmd:"" name:"ls" help:"List what waits in a spool, by source."`
	Drain spoolDrainCommand `cmd:"" help:"Deliver what waits under a write key."`
	Dead  spoolDeadCommand  `cmd:"" help:"List the calls that the API rejected, have them sent again, or drop them."`
}

const (
	spoolFile = "spool.db"
	// spoolAside matches the names under which a spool sets damaged files aside.
	spoolAside = spoolFile + ".corrupt-*"
	// spoolBytes and spoolDead are no bounds: those of the service are not known here, and
	// smaller ones would keep a file from being drained and throw dead letters away.
	spoolBytes = 1 << 40
	spoolDead  = math.MaxInt
	// spoolPatience is how long a spool may take to close.
	spoolPatience = 30 * time.Second
)

// openSpool opens a spool that is there already. spool.Open would make one.
func openSpool(dir string, log io.Writer) (*spool.Spool, error) {
	file := filepath.Join(dir, spoolFile)
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is not the directory of a spool: it has no %s", dir, spoolFile)
	case err != nil:
		return nil, err
	}
	if err := ownSpool(file, info, os.Geteuid()); err != nil {
		return nil, err
	}
	s, err := spool.Open(dir, &spool.Options{MaxBytes: spoolBytes, MaxDead: spoolDead, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if errors.Is(err, spool.ErrInUse) {
		return nil, fmt.Errorf("%s is in use by another process, the service it belongs to or another headwater: a service delivers what waits by itself, and tells of it in Client.Stats; for anything else stop it first: %w", dir, err)
	}
	return s, err
}

// closeSpool closes a spool, within a while even when the command was interrupted.
func closeSpool(ctx context.Context, s *spool.Spool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), spoolPatience)
	defer cancel()
	return s.Close(ctx)
}

// spoolListCommand lists what waits.
type spoolListCommand struct {
	Dir  string `arg:"" help:"Directory of the spool."`
	JSON bool   `name:"json" help:"Print one JSON object."`
}

// spoolListing is what ls prints.
type spoolListing struct {
	Dir      string         `json:"dir"`
	Sources  []spoolSources `json:"sources"`
	SetAside []string       `json:"setAside"` // paths of damaged files
}

type spoolSources struct {
	Source  string    `json:"source"`
	Waiting int       `json:"waiting"`
	Oldest  time.Time `json:"oldest,omitzero"`
	Bytes   int64     `json:"bytes"`
	Dead    int       `json:"dead"`
	Damaged int       `json:"damaged"`
}

// Run is called by kong.
func (c *spoolListCommand) Run(ctx context.Context, s *streams) error {
	list := &spoolListing{Dir: c.Dir, Sources: []spoolSources{}, SetAside: []string{}}
	if err := list.read(ctx, s.err); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, list)
	}
	return list.print(s.out)
}

func (l *spoolListing) read(ctx context.Context, log io.Writer) error {
	q, err := openSpool(l.Dir, log)
	if err != nil {
		return err
	}
	sources, err := q.Sources(ctx)
	if err := errors.Join(err, closeSpool(ctx, q)); err != nil {
		return err
	}
	for _, one := range sources {
		l.Sources = append(l.Sources, spoolSources{
			Source: one.Name, Waiting: one.Waiting, Oldest: one.Oldest.UTC(), Bytes: one.Bytes, Dead: one.Dead, Damaged: one.Damaged,
		})
	}
	// Now, for what was found damaged a moment ago is set aside by now.
	entries, err := os.ReadDir(l.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if aside, _ := filepath.Match(spoolAside, e.Name()); aside { // the pattern is well formed
			l.SetAside = append(l.SetAside, filepath.Join(l.Dir, e.Name()))
		}
	}
	return nil
}

func (l *spoolListing) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SOURCE\tWAITING\tSINCE\tBYTES\tDEAD\tDAMAGED")
	for _, one := range l.Sources {
		since := "-"
		if !one.Oldest.IsZero() {
			since = one.Oldest.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%d\t%d\n", printable(one.Source), one.Waiting, since, one.Bytes, one.Dead, one.Damaged)
	}
	for _, name := range l.SetAside {
		fmt.Fprintf(table, "set aside, damaged: %s\n", printable(name))
	}
	return table.Flush()
}

// printJSON writes one line.
func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
