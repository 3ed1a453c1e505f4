// The skip check: reads `go test -json` from standard input and refuses every skipped test that has no stated reason.
//
//	go test -json work | skips FILE
//
// FILE holds one permitted skip a line: the test's name, white space, the reason. Blank lines and lines that begin with
// # are comments. What failing tests printed is shown, so that the log alone explains a failure.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is one line of `go test -json`.
type event struct{ Action, Package, Test, Output string }

// outcome is what one package or test printed and how it ended.
type outcome struct {
	event
	output strings.Builder
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -json work | skips FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "skips:", err)
		os.Exit(1)
	}
}

func run(name string, in io.Reader, out io.Writer) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	permitted, err := reasons(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	ended, err := outcomes(in)
	if err != nil {
		return err
	}
	return judge(ended, permitted, name, out)
}

// reasons reads the permitted skips: test name to reason.
func reasons(in io.Reader) (map[string]string, error) {
	permitted := make(map[string]string)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 2 {
			return nil, fmt.Errorf("%s: a permitted skip needs its reason", fields[0])
		}
		permitted[fields[0]] = strings.Join(fields[1:], " ")
	}
	return permitted, lines.Err()
}

// outcomes gathers the output of every test and package that failed or was skipped, in the order they ended.
func outcomes(in io.Reader) ([]*outcome, error) {
	running := make(map[string]*outcome)
	var ended []*outcome
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if text := strings.TrimSpace(line); text != "" {
			ended = record(text, running, ended)
		}
		if errors.Is(err, io.EOF) {
			return ended, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func record(line string, running map[string]*outcome, ended []*outcome) []*outcome {
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		// The go command prints some build failures as they are.
		e = event{Action: "fail", Output: line + "\n"}
	}
	key := e.Package + " " + e.Test
	o := running[key]
	if o == nil {
		o = &outcome{}
		running[key] = o
	}
	o.output.WriteString(e.Output)
	o.event = e
	switch e.Action {
	case "build-output":
		o.Action = "fail"
		ended = append(ended, o)
		delete(running, key)
	case "fail", "skip":
		ended = append(ended, o)
		delete(running, key)
	case "pass":
		delete(running, key)
	}
	return ended
}

// judge prints failures and skips, and returns an error if there was one that is not permitted.
func judge(ended []*outcome, permitted map[string]string, name string, out io.Writer) error {
	failed, refused := 0, 0
	for _, o := range ended {
		switch reason, ok := permitted[o.Test]; {
		case o.Action == "fail":
			failed++
			fmt.Fprint(out, o.output.String())
		case o.Test == "":
			// A package without tests counts as skipped for the go command, not for us.
		case ok:
			fmt.Fprintf(out, "skipped, permitted: %s.%s (%s)\n", o.Package, o.Test, reason)
		default:
			refused++
			fmt.Fprintf(out, "skipped, but not in %s: %s.%s\n%s", name, o.Package, o.Test, o.output.String())
		}
	}
	if failed > 0 || refused > 0 {
		return fmt.Errorf("%d failed, %d skipped without a permit", failed, refused)
	}
	return nil
}
