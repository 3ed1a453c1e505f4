// The import command: its flags, and the way from files to a report.

package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/headwater-dev/analytics"
)

// importCommand sends files of calls through a client.
type importCommand struct {
	WriteKey        string        `env:"HEADWATER_WRITE_KEY" placeholder:"KEY" help:"Write key of the source. The environment variable keeps it out of process lists."`
	Endpoint        string        `default:"https://api.segment.io" placeholder:"URL" help:"Base URL of the Tracking API (${default}; EU: https://events.eu1.segmentapis.com)."`
	From            int           `default:"1" placeholder:"N" help:"Begin with the N-th line, counted over all files, blank lines too. An interrupted import says which."`
	BatchSize       int           `default:"250" help:"Calls in a request, 1 to 2500 (${default})."`
	Concurrency     int           `default:"4" help:"Requests at a time (${default}). 1 keeps the order of the lines."`
	MaxRetries      int           `default:"10" help:"How often a request is sent again before the import stops (${default})."`
	ShutdownTimeout time.Duration `default:"10s" help:"How long an import that is stopped waits for what is under way (${default})."`
	Gzip            bool          `default:"true" negatable:"" help:"Compress requests; --no-gzip does not."`
	DryRun          bool          `help:"Only check the lines. Needs no write key."`
	Errors          string        `placeholder:"FILE" help:"Append every line that was not delivered to FILE, as file:line: reason."`
	Files           []string      `arg:"" name:"file" help:"Files to send, in this order; - is standard input."`
}

// dryRunKey stands in for the write key where nothing is sent.
const dryRunKey = "dry-run"

// Run is called by kong.
func (c *importCommand) Run(ctx context.Context, s *streams) error {
	if err := c.check(); err != nil {
		return err
	}
	// Reading and sending stop together: at a signal, or when delivery has failed.
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	inputs, err := openInputs(work, c.Files, s.in)
	if err != nil {
		return err
	}
	log := &faultLog{}
	if c.Errors != "" {
		f, err := os.OpenFile(c.Errors, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		if err != nil {
			return err
		}
		defer f.Close() // every write has been checked
		log.name, log.file = c.Errors, f
	}
	im := newImporter(c, newConsole(s.err, totalSize(inputs)), inputs, log, stop)
	if im.client, err = c.client(im); err != nil {
		return err
	}
	im.feed(work)
	im.drain(work, c.ShutdownTimeout)
	im.console.close()
	report := im.report()
	if err := report.write(s.out); err != nil {
		im.console.notice("writing the report: %v", err)
		return errIncomplete
	}
	if !report.complete() {
		return errIncomplete
	}
	return nil
}

// check refuses what New would not see.
func (c *importCommand) check() error {
	switch {
	case c.WriteKey == "" && !c.DryRun:
		return errors.New("no write key: give --write-key, or set HEADWATER_WRITE_KEY")
	case c.From < 1:
		return errors.New("--from counts lines from 1")
	case c.BatchSize < 1 || c.BatchSize > 2500:
		return errors.New("--batch-size must be 1 to 2500")
	case c.Concurrency < 1:
		return errors.New("--concurrency must be at least 1")
	case c.MaxRetries < 0:
		return errors.New("--max-retries must not be negative")
	case c.ShutdownTimeout < 0:
		return errors.New("--shutdown-timeout must not be negative")
	}
	return nil
}

// client makes the client of an importer, which gets its Receipts.
func (c *importCommand) client(im *importer) (*analytics.Client, error) {
	config := &analytics.Config{
		Endpoint:             c.Endpoint,
		BatchSize:            c.BatchSize,
		MaxConcurrentUploads: c.Concurrency,
		MaxRetries:           retries(c.MaxRetries),
		WhenFull:             analytics.Block,
		OnReceipt:            func(r analytics.Receipt) { im.console.counted(im.ledger.settle(r)) },
		Disabled:             c.DryRun,
	}
	if !c.Gzip {
		config.Compression = analytics.None
	}
	return newClient(c.key(), config, func(t *analytics.HTTPTransport) analytics.Transport {
		return &watch{HTTPTransport: t, console: im.console, secret: c.WriteKey}
	})
}

func (c *importCommand) key() string {
	if c.WriteKey == "" {
		return dryRunKey
	}
	return c.WriteKey
}

// totalSize is -1 when the size of an input is not known.
func totalSize(inputs []input) (total int64) {
	for _, in := range inputs {
		if in.size < 0 {
			return -1
		}
		total += in.size
	}
	return total
}
