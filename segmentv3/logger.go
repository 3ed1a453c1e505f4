// Logger: where a client writes what it has to say, and the modern client's log written to it.

package analytics

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"
)

// Logger takes what a client has to say: with Errorf that messages are lost, with Logf
// the rest. No payload and no write key is ever written. A *testing.T is a Logger.
type Logger interface {
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
}

// StdLogger returns a Logger that writes to a log.Logger.
func StdLogger(logger *log.Logger) Logger { return stdLogger{logger} }

type stdLogger struct{ *log.Logger }

func (l stdLogger) Logf(format string, args ...any)   { l.Printf("INFO: "+format, args...) }
func (l stdLogger) Errorf(format string, args ...any) { l.Printf("ERROR: "+format, args...) }

// newLogger returns a slog.Logger that writes to the Logger of a Config.
func newLogger(config Config) *slog.Logger {
	to := config.Logger
	if to == nil {
		to = StdLogger(log.New(os.Stderr, "segment ", log.LstdFlags))
	}
	level := slog.LevelInfo
	if config.Verbose {
		level = slog.LevelDebug
	}
	return slog.New(split{text(to.Logf, level), text(to.Errorf, level)})
}

// talking is a Transport that says how each request ended, for Verbose.
type talking struct {
	http.RoundTripper
	logger *slog.Logger
}

// RoundTrip implements http.RoundTripper.
func (t talking) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		t.logger.Debug("no answer", "bytes", r.ContentLength, "after", time.Since(began), "err", err)
		return resp, err
	}
	t.logger.Debug("answer", "bytes", r.ContentLength, "after", time.Since(began), "status", resp.StatusCode)
	return resp, err
}

// CloseIdleConnections passes on what the modern client asks for.
func (t talking) CloseIdleConnections() {
	if c, ok := t.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// split is a slog.Handler that writes warnings and errors elsewhere.
type split struct{ rest, errors slog.Handler }

func (s split) of(level slog.Level) slog.Handler {
	if level >= slog.LevelWarn {
		return s.errors
	}
	return s.rest
}

func (s split) Enabled(ctx context.Context, level slog.Level) bool {
	return s.of(level).Enabled(ctx, level)
}

func (s split) Handle(ctx context.Context, r slog.Record) error { return s.of(r.Level).Handle(ctx, r) }

func (s split) WithAttrs(attrs []slog.Attr) slog.Handler {
	return split{s.rest.WithAttrs(attrs), s.errors.WithAttrs(attrs)}
}

func (s split) WithGroup(name string) slog.Handler {
	return split{s.rest.WithGroup(name), s.errors.WithGroup(name)}
}

// text returns a handler that gives each record to logf as a line, without the time and
// the level, which a Logger adds.
func text(logf func(string, ...any), level slog.Level) slog.Handler {
	return slog.NewTextHandler(lines(logf), &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	})
}

// lines is an io.Writer of lines.
type lines func(string, ...any)

func (logf lines) Write(p []byte) (int, error) {
	logf("%s", bytes.TrimSuffix(p, []byte("\n")))
	return len(p), nil
}
