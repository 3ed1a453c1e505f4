// The command line: which commands there are, and what their exit codes say.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"unicode/utf8"

	"github.com/alecthomas/kong"
	"github.com/headwater-dev/analytics"
)

// The exit codes.
const (
	exitDone       = 0
	exitIncomplete = 1 // a call was refused, failed, or not sent; of e2e, anything else too
	exitUsage      = 2 // nothing was sent: a flag, a file or the configuration is wrong
)

// errIncomplete ends a command that has reported already what went wrong.
var errIncomplete = errors.New("not everything was delivered")

// commandLine is what kong reads the arguments into.
type commandLine struct {
	Collect collectCommand `cmd:"" help:"Run a Tracking API of your own, with a Source Overview page."`
	Import  importCommand  `cmd:"" help:"Send files of calls, one JSON object a line, to a source."`
	Send    sendCommand    `cmd:"" help:"Send one call."`
	E2E     e2eCommand     `cmd:"" name:"e2e" help:"Play a script of calls and report in JSON, for black-box suites."`
	Spool   spoolCommand   `cmd:"" help:"Look after the spool of a service: what waits, what was rejected."`
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
	std := &streams{in: in, out: out, err: errs}
	e2e := len(args) > 0 && args[0] == "e2e" // which reports in JSON whatever happens
	for i, arg := range args {
		if !e2e && !utf8.ValidString(arg) { // kong would change it
			return fail(errs, fmt.Errorf("argument %d is not UTF-8", i+1))
		}
	}
	var line commandLine
	ended := false // by --help, which kong answers itself
	parser, err := kong.New(&line,
		kong.Name("headwater"),
		kong.Description("Send customer data to Segment's Tracking API or any server that speaks it, or run such a server."),
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
	case err != nil && e2e:
		_ = e2eFailed(std, errNoInput) // whatever it returns, e2e has failed
		return exitIncomplete
	case err != nil:
		return fail(errs, fmt.Errorf("%w; see headwater --help", err))
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(std)
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
