// The e2e command: plays a script of calls and reports in one JSON object, for black-box suites.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/headwater-dev/analytics"
)

// maxScriptBytes is the longest script that is read.
const maxScriptBytes = 64 << 20

// errNoInput is all that is said of arguments that are wrong: kong would repeat
// them, and with them perhaps a write key.
var errNoInput = errors.New("want --input JSON, --input - for standard input, or --input @FILE")

// e2eCommand plays a script.
type e2eCommand struct {
	Input    scriptSource  `placeholder:"JSON" help:"What to send and how; - reads it from standard input, @FILE from a file."`
	Deadline time.Duration `default:"75s" help:"Give up what is not delivered by then, the delays of the script not counted (${default})."`
	Gzip     bool          `help:"Compress requests. Not every suite's server reads that."`
}

// scriptSource is the value of --input. That of another flag cannot be a bare -.
type scriptSource string

// Decode implements kong.MapperValue.
func (s *scriptSource) Decode(ctx *kong.DecodeContext) error {
	token := ctx.Scan.Pop()
	if value := token.String(); token.IsValue() || value == stdinName {
		*s = scriptSource(value)
		return nil
	}
	return errNoInput
}

// e2eOutput is the report.
type e2eOutput struct {
	Success     bool   `json:"success"`         // every call of the script was delivered
	SentBatches int    `json:"sentBatches"`     // requests that were answered 2xx
	Error       string `json:"error,omitempty"` // what went wrong first
}

// Run is called by kong.
func (c *e2eCommand) Run(ctx context.Context, s *streams) error {
	con := &console{out: s.err}
	p, err := c.player(ctx, s.in, con)
	if err != nil {
		return e2eFailed(s, err)
	}
	return p.play(ctx, c.Deadline).write(s)
}

// e2eFailed reports a script that was not begun.
func e2eFailed(s *streams, err error) error {
	text := reason(err, "")
	(&console{out: s.err}).notice("%s", text)
	return e2eOutput{Error: text}.write(s)
}

func (o e2eOutput) write(s *streams) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(o); err != nil {
		return err
	}
	if _, err := s.out.Write(b.Bytes()); err != nil {
		(&console{out: s.err}).notice("writing the report: %v", err)
		return errIncomplete
	}
	if !o.Success {
		return errIncomplete
	}
	return nil
}

// player reads the script and makes the client that is to play it.
func (c *e2eCommand) player(ctx context.Context, stdin io.Reader, con *console) (*player, error) {
	if c.Deadline <= 0 {
		return nil, errors.New("--deadline must be more than 0")
	}
	text, err := c.Input.read(ctx, stdin)
	if err != nil {
		return nil, err
	}
	script, err := readScript(text)
	if err != nil {
		return nil, err
	}
	p := &player{script: script, console: con, began: time.Now()}
	config := &script.config
	config.WhenFull = analytics.Block
	config.OnReceipt = p.settle
	if !c.Gzip {
		config.Compression = analytics.None
	}
	p.client, err = newClient(script.writeKey, config, func(t *analytics.HTTPTransport) analytics.Transport {
		return &witness{HTTPTransport: t, player: p}
	})
	if err != nil {
		return nil, errors.New(reason(inScript(err), script.writeKey))
	}
	return p, nil
}

// read returns the script. It ends with ctx.
func (s scriptSource) read(ctx context.Context, stdin io.Reader) ([]byte, error) {
	file, isFile := strings.CutPrefix(string(s), "@")
	var in io.ReadCloser
	switch {
	case s == "":
		return nil, errNoInput
	case s == stdinName:
		in = io.NopCloser(stdin)
	case isFile:
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("input: %w", err)
		}
		in = f
	default:
		return []byte(s), nil
	}
	in = endWith(ctx, in)
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxScriptBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("input: %w", err)
	case len(text) > maxScriptBytes:
		return nil, fmt.Errorf("input is longer than %d bytes", maxScriptBytes)
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), nil
}
