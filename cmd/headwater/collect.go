// The collect command: a Tracking API of one's own, with its Source Overview.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/headwater-dev/analytics/collector"
)

// collectCommand runs a collector until it is told to stop. What its flags and
// its file both say, the flags say.
type collectCommand struct {
	Addr      string        `default:"127.0.0.1:8033" placeholder:"HOST:PORT" help:"Where to listen (${default}). Port 0 takes a free one. Anything but this machine needs --source or a file with sources."`
	Data      string        `default:"headwater-data" placeholder:"DIR" help:"Directory of the database (${default}); :memory: keeps nothing."`
	Config    string        `placeholder:"FILE" help:"YAML file with sources and limits; see the collector's README."`
	Source    []string      `sep:"none" placeholder:"NAME=..." help:"Create a source, or bring it to this: name=Shop,type=website,key=abc. Also id=, disabled, deleted. May be given many times."`
	Strict    bool          `help:"Answer 401 to unknown write keys and 400 with the code to calls that fail, for tests."`
	KnownKeys bool          `help:"Refuse write keys that no source has, instead of making a source for each."`
	Password  string        `env:"HEADWATER_PASSWORD" placeholder:"WORD" help:"Ask for it before pages and JSON API are shown; any user name. The environment variable keeps it out of process lists."`
	Host      []string      `placeholder:"NAME" help:"A name under which browsers may open the pages, besides localhost and IP addresses."`
	Rate      int           `placeholder:"N" help:"Requests a second that a source may send; beyond it the answer is 429. 0 is no limit."`
	MaxAge    time.Duration `placeholder:"DURATION" help:"Keep raw calls for so long (336h, two weeks)."`
	MaxBytes  size          `placeholder:"SIZE" help:"Keep so much of raw calls: 500MB, 2GiB (1GiB)."`
}

// Run is called by kong.
func (c *collectCommand) Run(ctx context.Context, s *streams) error {
	options, err := c.options(s.err)
	if err != nil {
		return err
	}
	open, err := c.open(options)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	if open {
		fmt.Fprintf(s.err, "headwater: warning: %s can be reached from other machines, and what they send is not encrypted. Put a proxy with TLS in front of it.\n", listener.Addr())
		if options.Password == "" {
			fmt.Fprintln(s.err, "headwater: warning: no --password: whoever reaches it can read what was received.")
		}
	}
	col, err := collector.New(options)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	c.greet(s.out, listener.Addr(), options)
	return serve(ctx, col, listener)
}

// options joins the file and the flags.
func (c *collectCommand) options(log io.Writer) (*collector.Options, error) {
	file := &collectFile{}
	if c.Config != "" {
		var err error
		if file, err = readCollectFile(c.Config); err != nil {
			return nil, err
		}
	}
	o := file.options()
	o.Data = c.Data
	o.Strict = c.Strict || o.Strict
	o.KnownKeys = c.KnownKeys || o.KnownKeys
	o.Hosts = append(o.Hosts, c.Host...)
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	if c.Password != "" {
		o.Password = c.Password
	}
	if c.Rate != 0 {
		o.RateLimit = c.Rate
	}
	if c.MaxAge != 0 {
		o.MaxAge = c.MaxAge
	}
	if c.MaxBytes != 0 {
		o.MaxBytes = int64(c.MaxBytes)
	}
	for _, text := range c.Source {
		src, err := collector.ParseSource(text)
		if err != nil {
			return nil, fmt.Errorf("--source: %w", err)
		}
		addSource(o, src)
	}
	return o, nil
}

// addSource adds what a flag says of a source to what the file says of it.
func addSource(o *collector.Options, src collector.Source) {
	at := slices.IndexFunc(o.Sources, func(known collector.Source) bool { return src.ID != "" && known.ID == src.ID })
	if at < 0 {
		o.Sources = append(o.Sources, src)
		return
	}
	known := &o.Sources[at]
	known.Name = cmp.Or(src.Name, known.Name)
	known.Type = cmp.Or(src.Type, known.Type)
	known.WriteKey = cmp.Or(src.WriteKey, known.WriteKey)
	known.Disabled = known.Disabled || src.Disabled
	known.Deleted = known.Deleted || src.Deleted
}

// open reports whether others than this machine can reach the address. Then a
// list of keys is mandatory.
func (c *collectCommand) open(o *collector.Options) (bool, error) {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return false, fmt.Errorf("--addr must be HOST:PORT, such as 127.0.0.1:8033: %w", err)
	}
	if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && ip.IsLoopback() {
		return false, nil
	}
	o.KnownKeys = true
	for _, src := range o.Sources {
		if src.WriteKey != "" && !src.Deleted {
			return true, nil
		}
	}
	return true, fmt.Errorf("--addr %s can be reached from other machines: say which write keys are taken, with --source name=Shop,key=... or a --config with sources", c.Addr)
}

// greet says where to look and where to send.
func (c *collectCommand) greet(out io.Writer, addr net.Addr, o *collector.Options) {
	base := "http://" + reachable(addr)
	fmt.Fprintf(out, "Source Overview   %s/\n", base)
	fmt.Fprintf(out, "Endpoint          %s", base)
	if len(o.Sources) == 0 && !o.KnownKeys {
		fmt.Fprintf(out, "   (any write key; %s is there already)", collector.DefaultWriteKey)
	}
	data := o.Data
	if data == collector.Memory {
		data = "in memory, gone at the end; --data DIR keeps it"
	}
	fmt.Fprintf(out, "\nData              %s\nCtrl-C ends it.\n", data)
}

// reachable is an address that a browser on this machine can open.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// patience is how long requests under way may take when the command is told to stop.
const patience = 10 * time.Second

// serve answers until ctx ends, and then until what came before it is stored.
func serve(ctx context.Context, col *collector.Collector, listener net.Listener) error {
	srv := col.Server()
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(listener) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		if err = srv.Shutdown(stop); err != nil {
			_ = srv.Close() // those who still talk had their time
		}
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return errors.Join(err, col.Close(stop))
}

// size is a number of bytes on the command line and in the file: 500MB, 2GiB, 4096.
type size int64

// UnmarshalText reads a size.
func (s *size) UnmarshalText(text []byte) error {
	word := strings.TrimSpace(string(text))
	number := strings.TrimRight(word, "KMGTiBkmgtb ")
	var n int64
	if _, err := fmt.Sscanf(number, "%d", &n); err != nil || n <= 0 || fmt.Sprint(n) != number {
		return fmt.Errorf("%q is no size such as 500MB or 2GiB", word)
	}
	unit, known := units[strings.ToUpper(strings.TrimSpace(word[len(number):]))]
	if !known || n > (1<<62)/unit {
		return fmt.Errorf("%q is no size such as 500MB or 2GiB", word)
	}
	*s = size(n * unit)
	return nil
}

var units = map[string]int64{
	"": 1, "B": 1,
	"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40,
}
