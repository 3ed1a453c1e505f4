// Options: what a collector is given, its defaults, and the one place that refuses bad ones.

package collector

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
)

// Memory as Options.Data keeps everything in memory; it is gone with the process.
const Memory = store.Memory

// Defaults of Options.
const (
	DefaultMaxAge   = 14 * 24 * time.Hour
	DefaultMaxBytes = 1 << 30
)

// DefaultWriteKey is the write key of the source that a collector has when it
// was given none and found none.
const DefaultWriteKey = "WRITE_KEY"

// Options of a collector. The zero value keeps everything in memory and takes
// calls under any write key, which is what a developer and a test want.
type Options struct {
	// Data is the directory of the database, made when it is missing. Empty and
	// Memory keep nothing on disk.
	Data string

	// Sources are created, or brought to what is said here when they exist. Others
	// that the database knows stay as they are.
	Sources []Source

	// KnownKeys refuses calls under a write key that no source has: they get the
	// verdict unknown_source and are counted, not stored. Without it such a call
	// creates a source. Set it wherever strangers can reach the collector.
	KnownKeys bool

	// Strict answers like a test wants: 401 for an unknown write key and 400 with
	// the code for a call that fails on ingest, where the API says 200. It implies
	// KnownKeys.
	Strict bool

	// RateLimit is how many requests a second a source may send, with bursts of as
	// many; beyond it they get 429 with Retry-After. 0 is no limit.
	RateLimit int

	// MaxAge and MaxBytes bound the raw calls that are kept: those received longer
	// ago, and the oldest when they take more bytes than this in the database, where
	// the messages of a request are compressed together, are deleted. The numbers of
	// the Overview outlive them. 0 is DefaultMaxAge, DefaultMaxBytes.
	MaxAge   time.Duration
	MaxBytes int64

	// Password is asked for by the pages and the JSON API, with any user name (HTTP
	// Basic). Sending calls needs a write key only. Empty asks for none.
	Password string

	// Hosts are the names under which browsers may reach the pages and the JSON API,
	// besides localhost and IP addresses. Any other Host header is refused: a page
	// of a stranger could have its name resolve to this machine.
	Hosts []string

	// Logger gets what an operator should know. Nil is silence.
	Logger *slog.Logger

	// Now is the receiver's clock; nil is time.Now.
	Now func() time.Time
}

// Source says how a source shall be. ID finds it, else WriteKey, else Name; one
// that is not found is created.
type Source struct {
	ID       string   // its name in addresses; empty is made from Name
	Name     string   // for people; empty is ID
	Type     string   // website, mobile, server, http-api, pixel, cloud-event, cloud-object or reverse-etl; empty is server. It cannot change
	WriteKey string   // empty keeps the one it has, or makes one
	Disabled bool     // its calls fail with source_disabled
	Deleted  bool     // with all that was received
	Filters  []Filter // nil leaves them as they are
}

// Filter blocks calls at the source when they meet every condition given.
type Filter struct {
	Call     string // one of the six calls
	Event    string // the name of a track's event; * stands for any text
	Property string // a member of properties, dotted
	Trait    string // a member of traits, dotted
	Value    string // what that member is, as text; * stands for any text
}

// ParseSource reads a Source from the form a command line takes:
// "name=Shop,type=website,key=abc". Its words are id, name, type, key, and
// disabled and deleted without a value. A backslash makes the comma after it
// part of a value.
func ParseSource(s string) (Source, error) {
	d, err := sources.ParseFlag(s)
	if err != nil {
		return Source{}, fmt.Errorf("collector: %w", err)
	}
	return Source{
		ID: d.ID, Name: d.Name, Type: string(d.Type), WriteKey: d.Key, Disabled: d.Disabled, Deleted: d.Deleted,
	}, nil
}

// declaration is s in the words of package sources.
func (s Source) declaration() sources.Declaration {
	d := sources.Declaration{ID: s.ID, Name: s.Name, Type: sources.Type(s.Type), Key: s.WriteKey, Disabled: s.Disabled, Deleted: s.Deleted}
	for _, f := range s.Filters {
		d.Filters = append(d.Filters, sources.Filter(f))
	}
	return d
}

// withDefaults returns a checked copy of o.
func (o *Options) withDefaults() (Options, error) {
	var out Options
	if o != nil {
		out = *o
	}
	switch {
	case out.RateLimit < 0:
		return out, badOption("RateLimit", "is negative")
	case out.MaxAge < 0:
		return out, badOption("MaxAge", "is negative")
	case out.MaxBytes < 0:
		return out, badOption("MaxBytes", "is negative")
	}
	for _, host := range out.Hosts {
		if host == "" || strings.ContainsAny(host, "/: ") {
			return out, badOption("Hosts", fmt.Sprintf("holds %q, which is no host name without scheme and port", host))
		}
	}
	if out.Data == "" {
		out.Data = Memory
	}
	if out.MaxAge == 0 {
		out.MaxAge = DefaultMaxAge
	}
	if out.MaxBytes == 0 {
		out.MaxBytes = DefaultMaxBytes
	}
	if out.Logger == nil {
		out.Logger = slog.New(slog.DiscardHandler)
	}
	if out.Now == nil {
		out.Now = time.Now
	}
	out.KnownKeys = out.KnownKeys || out.Strict
	return out, nil
}

func badOption(field, reason string) error {
	return fmt.Errorf("collector: Options.%s %s", field, reason)
}
