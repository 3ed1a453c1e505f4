// The benchmark: our client, the floor and other libraries, measured side by side. README.md says how.

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run plays one of the program's three roles: the sink, a measured process, or
// the benchmark that starts both.
func run(args []string, in io.Reader, out, progress io.Writer) int {
	var err error
	switch {
	case len(args) == 1 && args[0] == "sink":
		err = serveSink(in, out)
	case len(args) == 2 && args[0] == "measure":
		err = serveMeasured(args[1], out)
	default:
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		err = benchmark(ctx, args, out, progress)
	}
	if err != nil {
		fmt.Fprintln(progress, "benchmarks:", err)
		return 1
	}
	return 0
}

// benchmark reads the flags, measures, and writes the report.
func benchmark(ctx context.Context, args []string, out, progress io.Writer) error {
	p := plan{seed: 1, progress: progress}
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.IntVar(&p.rounds, "rounds", 7, "how often each variant runs")
	flags.IntVar(&p.events, "events", 200_000, "events a run")
	flags.IntVar(&p.peerEvents, "peer-events", 0, "events a run of another library; 0 is a quarter of -events")
	words := flags.String("variants", "", "only variants whose names contain one of these, by semicolon; their drivers and floors come along")
	pinned := flags.Bool("pin", true, "keep the sink and the measured process on processors of their own")
	flags.StringVar(&p.profiles, "profiles", "", "write a CPU profile of each variant into this directory")
	file := flags.String("out", "", "write the report to this file")
	scaling := flags.Bool("scale", false, "measure our client from 100 000 to 10 000 000 events and from 1 to 8 goroutines instead")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || p.rounds < 1 || p.events < 1 {
		return fmt.Errorf("wants flags, and at least one round of one event")
	}
	if p.peerEvents == 0 {
		p.peerEvents = max(p.events/4, 1)
	}
	if *pinned {
		p.pins = choosePins()
	}
	var list []string
	if *words != "" {
		list = strings.Split(*words, ";")
	}
	where := machine()
	var text string
	var err error
	if *scaling {
		text, err = p.scale(ctx, where)
	} else {
		if p.variants = chosen(everything(), list); len(p.variants) == 0 {
			return fmt.Errorf("no variant has any of %q in its name", list)
		}
		text, err = p.report(ctx, where)
	}
	if err != nil {
		return err
	}
	if *file != "" {
		return os.WriteFile(*file, []byte(text), 0o644)
	}
	_, err = io.WriteString(out, text)
	return err
}

// report measures the plan and words the result.
func (p plan) report(ctx context.Context, where string) (string, error) {
	all, err := p.run(ctx)
	if err != nil {
		return "", err
	}
	found := figure(p.variants, all)
	waits, err := p.latencies(ctx, found)
	if err != nil {
		return "", err
	}
	return render(p, where, found, waits), nil
}

// profileName is the file for the profile of a variant.
func profileName(dir string, v variant) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" ,×/()", r) {
			return '_'
		}
		return r
	}, v.String())
	return filepath.Join(dir, name+".pprof")
}
