// The script: what a black-box suite asks of a client, read from JSON and checked.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/headwater-dev/analytics"
)

// The bounds of a script, far from what a suite needs: they keep a slip of a digit
// from stopping it for ever, and durations from overflowing.
const (
	maxScriptTime    = 24 * time.Hour // of all delays together, and of each time in the config
	maxScriptRetries = 1_000_000
)

// script is a client and what it is to send, in order.
type script struct {
	writeKey  string
	config    analytics.Config
	sequences []sequence
	delays    time.Duration // of all sequences
	calls     int           // in all sequences
	ignored   []string      // members that mean nothing here, by their paths
}

// sequence is some calls and the wait before them.
type sequence struct {
	delay  time.Duration
	events []json.RawMessage // each a call, read when its turn comes
}

// readScript reads a script. Its errors name what is wrong by its path, and hold
// no value.
func readScript(text []byte) (*script, error) {
	m, err := readMembers(text)
	if err != nil {
		return nil, fmt.Errorf("input %w", err)
	}
	s := &script{writeKey: m.text("writeKey")}
	s.config.Endpoint = m.text("apiHost")
	sequences, given := m.list("sequences")
	config := m.object("config")
	switch {
	case m.err != nil:
		return nil, m.err
	case s.writeKey == "":
		return nil, &misfit{"writeKey", "is required"}
	case !given:
		return nil, &misfit{"sequences", "is required"}
	}
	s.ignore("", m)
	if config != nil {
		if err := s.configure(config); err != nil {
			return nil, under("config", err)
		}
	}
	for i, raw := range sequences {
		at := fmt.Sprintf("sequences[%d]", i)
		if err := s.add(at, raw); err != nil {
			return nil, under(at, err)
		}
	}
	return s, nil
}

// configure reads the config. Every number means what it says: no retries, no
// waiting, and not the default of the client.
func (s *script) configure(raw json.RawMessage) error {
	m, err := readMembers(raw)
	if err != nil {
		return err
	}
	if n, given := m.whole("flushAt", 1, 2500); given {
		s.config.BatchSize = n
	}
	if ms, given := m.number("flushInterval", 0, float64(maxScriptTime/time.Millisecond)); given {
		s.config.FlushInterval = max(time.Duration(ms*float64(time.Millisecond)), 1)
	}
	if n, given := m.whole("maxRetries", 0, maxScriptRetries); given {
		s.config.MaxRetries = retries(n)
	}
	if seconds, given := m.number("timeout", 0.001, maxScriptTime.Seconds()); given {
		s.config.RequestTimeout = time.Duration(seconds * float64(time.Second))
	}
	s.ignore("config", m)
	return m.err
}

// add reads a sequence.
func (s *script) add(at string, raw json.RawMessage) error {
	m, err := readMembers(raw)
	if err != nil {
		return err
	}
	ms, _ := m.number("delayMs", 0, float64(maxScriptTime/time.Millisecond))
	events, _ := m.list("events")
	if m.err != nil {
		return m.err
	}
	delay := time.Duration(ms * float64(time.Millisecond))
	if s.delays += delay; s.delays > maxScriptTime {
		return &misfit{"delayMs", fmt.Sprintf("makes the delays more than %v together", maxScriptTime)}
	}
	s.calls += len(events)
	s.sequences = append(s.sequences, sequence{delay, events})
	s.ignore(at, m)
	return nil
}

// ignore remembers the members that nobody asked for.
func (s *script) ignore(at string, m *members) {
	for _, name := range m.unasked() {
		s.ignored = append(s.ignored, path(at, name))
	}
}

// under says where what is wrong lies: sequences[0].events[1].userId.
func under(at string, err error) error {
	var member *misfit
	if errors.As(err, &member) {
		return &misfit{path(at, member.member), member.reason}
	}
	var field *analytics.FieldError
	if errors.As(err, &field) {
		return &misfit{path(at, field.Field), field.Reason}
	}
	return fmt.Errorf("%s %w", at, err)
}

func path(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// inScript names the field of a Config, or the write key, as the script does.
func inScript(err error) error {
	var field *analytics.FieldError
	if !errors.As(err, &field) {
		return err
	}
	switch field.Field {
	case "WriteKey":
		return &misfit{"writeKey", field.Reason}
	case "Endpoint":
		return &misfit{"apiHost", field.Reason}
	}
	return err
}
