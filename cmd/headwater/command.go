// The command line: which commands there are, and what their exit codes say.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/alecthomas/kong"
	"github.com/headwater-dev/analytics"
)

// The exit codes.
const (
	exitDone       = 0
	exitIncomplete = 1 // a line was refused, failed, or not sent
	exitUsage      = 2 // nothing was sent: a flag, a file or the configuration is wrong
)

// errIncomplete ends a command that has reported already what went wrong.
var errIncomplete = errors.New("not everything was delivered")

// commandLine is what kong reads the arguments into.
type commandLine struct {
	Import  importCommand  `cmd:"" help:"Send files of calls, one JSON object a line, to a source."`
	Version versionCommand `cmd:"" help:"Print the version."`

	VersionFlag bool `name:"version" help:"Print the version."`
}

// streams are where a command reads and writes: a report to out, what happens
// meanwhile to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run executes one command and returns its exit code. ctx asks it to stop.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	var line commandLine
	ended := false // by --help, which kong answers itself
	parser, err := kong.New(&line,
		kong.Name("headwater"),
		kong.Description("Send customer data to Segment's Tracking API, or to any server that speaks it."),
		kong.Writers(out, errs),
		kong.Exit(func(int) { ended = true }),
	)
	if err != nil {
		return fail(errs, err)
	}
	for _, arg := range args {
		if arg == "--" {
			break
		}
		if arg == "--version" { // kong would ask for a command first
			args = []string{"version"}
			break
		}
	}
	parsed, err := parser.Parse(args)
	switch {
	case ended:
		return exitDone
	case err != nil:
		return fail(errs, fmt.Errorf("%w; see headwater --help", err))
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(&streams{in: in, out: out, err: errs})
	switch err := parsed.Run(); {
	case errors.Is(err, errIncomplete):
		return exitIncomplete
	case err != nil:
		return fail(errs, err)
	}
	return exitDone
}

func fail(errs io.Writer, err error) int {
	fmt.Fprintf(errs, "headwater: %s\n", reason(err, ""))
	return exitUsage
}

// versionCommand prints what is running.
type versionCommand struct{}

// Run is called by kong.
func (versionCommand) Run(s *streams) error {
	_, err := fmt.Fprintf(s.out, "headwater %s (%s, %s/%s)\n", analytics.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
