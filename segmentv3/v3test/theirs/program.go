// Package theirs is a program as a user of v3 writes it: one client a scenario, and what came of it. The directories
// theirs and ours hold the same source; the one imports v3, and the other segmentv3.
package theirs

import (
	"fmt"

	analytics "github.com/segmentio/analytics-go/v3"
)

// Note takes one thing that the program saw. It is called on several goroutines.
type Note func(name string, value any)

// program runs against one server. The write key of a client names the scenario.
type program struct {
	endpoint string
	note     Note
}

// Run runs every scenario.
func Run(endpoint string, note Note) {
	p := program{endpoint, note}
	p.calls()
	p.generated()
	p.setters()
	p.contexts()
	p.integrations()
	p.interval()
	p.retried()
	p.refused()
	p.away()
	p.transports()
	p.configs()
	p.closed()
	p.validation()
	p.encoding()
	p.limits()
	p.endpoints()
	p.values()
	p.loggers()
}

// open returns a client that sends when it is closed, and what its Callback is told.
func (p program) open(scenario string, config analytics.Config) (analytics.Client, *told) {
	t := newTold(scenario, p.note)
	config.Endpoint = p.endpoint
	config.Callback = t
	if config.Logger == nil {
		config.Logger = &journal{}
	}
	client, err := analytics.NewWithConfig(scenario, config)
	p.note(scenario+" new", err)
	return client, t
}

// send hands a message over.
func (p program) send(client analytics.Client, m analytics.Message) {
	if err := client.Enqueue(m); err != nil {
		_, id, _ := describe(m)
		p.note("enqueue "+id, err)
	}
}

// told is a Callback.
type told struct {
	scenario string
	note     Note
	byKind   bool // names messages by type, where the id is a new one
	one      chan struct{}
}

var _ analytics.Callback = (*told)(nil)

func newTold(scenario string, note Note) *told {
	return &told{scenario: scenario, note: note, one: make(chan struct{}, 100)}
}

// Success implements analytics.Callback.
func (t *told) Success(m analytics.Message) { t.tell(m, "success") }

// Failure implements analytics.Callback.
func (t *told) Failure(m analytics.Message, err error) { t.tell(m, err) }

func (t *told) tell(m analytics.Message, outcome any) {
	kind, id, stamped := describe(m)
	name := id
	if t.byKind {
		name = kind
		t.note("told "+t.scenario+" "+name+" stamped", stamped && id != "")
	}
	t.note("told "+t.scenario+" "+name, outcome)
	t.note("told "+t.scenario+" "+name+" as", fmt.Sprintf("%T of type %q", m, kind))
	t.one <- struct{}{}
}

// describe returns the type and id of a message, and whether it has a time.
func describe(m analytics.Message) (kind, id string, stamped bool) {
	switch m := m.(type) {
	case analytics.Alias:
		return m.Type, m.MessageId, !m.Timestamp.IsZero()
	case analytics.Group:
		return m.Type, m.MessageId, !m.Timestamp.IsZero()
	case analytics.Identify:
		return m.Type, m.MessageId, !m.Timestamp.IsZero()
	case analytics.Page:
		return m.Type, m.MessageId, !m.Timestamp.IsZero()
	case analytics.Screen:
		return m.Type, m.MessageId, !m.Timestamp.IsZero()
	case analytics.Track:
		return m.Type, m.MessageId, !m.Timestamp.IsZero()
	}
	return fmt.Sprintf("%T", m), "", false
}
