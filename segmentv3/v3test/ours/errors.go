// What is refused, and with which error: values are compared and types asserted, as was done before errors.Is.

package ours

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	analytics "github.com/headwater-dev/analytics/segmentv3"
)

func (p program) configs() {
	for name, config := range map[string]analytics.Config{
		"interval": {Interval: -time.Second},
		"size":     {BatchSize: -1},
		"both":     {BatchSize: -1, Interval: -1},
	} {
		client, err := analytics.NewWithConfig("configs", config)
		p.note("config "+name, err)
		p.note("config "+name+" client is nil", client == nil)
		if e, ok := err.(analytics.ConfigError); ok {
			p.note("config "+name+" fields", fmt.Sprintf("%s %s %T %v", e.Reason, e.Field, e.Value, e.Value))
			p.note("config "+name+" again", e == analytics.ConfigError{Reason: e.Reason, Field: e.Field, Value: e.Value})
		}
	}
	failed := make(chan error, 1)
	client, err := analytics.NewWithConfig("configs", analytics.Config{
		Endpoint: "://nowhere", Callback: failures(failed), Logger: &journal{}, RetryAfter: (&waits{}).after, BatchSize: 1,
	})
	p.note("endpoint new", err)
	p.note("endpoint enqueue", client.Enqueue(analytics.Track{UserId: "u-1", Event: "Done"}))
	p.note("endpoint told", <-failed)
	p.note("endpoint close", client.Close())
}

func (p program) closed() {
	client := analytics.New("closed") // nothing is sent
	p.note("close once", client.Close())
	err := client.Close()
	p.note("close twice", err)
	p.note("close twice is ErrClosed", err == analytics.ErrClosed)
	err = client.Enqueue(analytics.Track{UserId: "u-1", Event: "Done"})
	p.note("enqueue after close", err)
	p.note("enqueue after close is ErrClosed", err == analytics.ErrClosed)
	p.note("enqueue an invalid one after close", client.Enqueue(analytics.Track{}))
}

// custom is a Message that no client knows.
type custom struct{ err error }

// Validate implements analytics.Message.
func (c custom) Validate() error { return c.err }

// record is a message as a map.
type record map[string]any

var _ analytics.FieldGetter = record(nil)

// GetField implements analytics.FieldGetter.
func (r record) GetField(name string) (any, bool) {
	v, ok := r[name]
	return v, ok
}

func (p program) validation() {
	client, _ := p.open("validation", analytics.Config{})
	for _, m := range []analytics.Message{
		analytics.Alias{}, analytics.Alias{UserId: "u-1"}, analytics.Alias{PreviousId: "u-1"},
		analytics.Group{}, analytics.Group{UserId: "u-1"}, analytics.Group{GroupId: "g-1"},
		analytics.Identify{}, &analytics.Identify{}, analytics.Page{}, analytics.Page{Name: "Home"},
		analytics.Screen{}, &analytics.Screen{Name: "Home"}, analytics.Track{}, analytics.Track{Event: "Done"},
		&analytics.Track{UserId: "u-1"}, custom{errAway}, custom{}, &custom{},
	} {
		doc, _ := json.Marshal(reflect.Indirect(reflect.ValueOf(m)).Interface())
		name := fmt.Sprintf("%T %s", m, strings.Replace(string(doc), `"timestamp":"0001-01-01T00:00:00Z"`, "", 1))
		name = strings.NewReplacer(",,", ",", ",}", "}", "{,", "{").Replace(name)
		p.note("validate "+name, m.Validate())
		err := client.Enqueue(m)
		p.note("enqueue "+name, err)
		if e, ok := err.(analytics.FieldError); ok {
			p.note("enqueue "+name+" fields", e == analytics.FieldError{Type: e.Type, Name: e.Name, Value: ""})
		}
	}
	for kind, err := range map[string]error{
		"alias": analytics.Alias{}.Validate(), "group": analytics.Group{}.Validate(), "identify": analytics.Identify{}.Validate(),
		"page": analytics.Page{}.Validate(), "screen": analytics.Screen{}.Validate(), "track": analytics.Track{}.Validate(),
	} {
		p.note("validate an empty "+kind, err)
	}
	for name, m := range map[string]analytics.Message{"nil": nil, "nil pointer": (*analytics.Track)(nil)} {
		p.note("enqueue "+name, caught(func() error { return client.Enqueue(m) }))
	}
	p.note("validation close", client.Close())

	for _, r := range []record{
		nil, {"type": 1}, {"type": "invalid"}, {"type": nil},
		{"type": "alias"}, {"type": "alias", "userId": "u-1"}, {"type": "alias", "userId": "u-1", "previousId": "u-2"},
		{"type": "group"}, {"type": "group", "groupId": "g-1"}, {"type": "group", "groupId": "g-1", "anonymousId": "a-1"},
		{"type": "identify"}, {"type": "identify", "userId": 1}, {"type": "identify", "userId": "u-1"},
		{"type": "page"}, {"type": "page", "anonymousId": "a-1"}, {"type": "screen"}, {"type": "screen", "userId": "u-1"},
		{"type": "track"}, {"type": "track", "event": "Done"}, {"type": "track", "event": "Done", "userId": "u-1"},
		{"type": "Track", "event": "Done", "userId": "u-1"},
	} {
		err := analytics.ValidateFields(r)
		p.note(fmt.Sprintf("validate fields %v", r), err)
		if e, ok := err.(analytics.FieldError); ok {
			p.note(fmt.Sprintf("validate fields %v value", r), fmt.Sprintf("%T", e.Value))
		}
	}
}

// caught returns a panic as an error.
func caught(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return f()
}

// encoding sends what has no JSON, or too much of it.
func (p program) encoding() {
	for id, v := range map[string]any{
		"function": func() {}, "infinity": inf(), "marshaller": broken{}, "big": strings.Repeat("x", 32_000),
	} {
		failed := make(chan error, 1)
		client, err := analytics.NewWithConfig("encoding", analytics.Config{Endpoint: p.endpoint, Callback: failures(failed), Logger: &journal{}})
		p.note("encoding new", err)
		p.note("encoding "+id+" enqueue", client.Enqueue(analytics.Track{MessageId: id, UserId: "u-1", Event: "Done",
			Properties: analytics.Properties{"v": v}}))
		p.note("encoding close", client.Close())
		err = <-failed
		p.note("encoding "+id+" told", err)
		p.note("encoding "+id+" is ErrMessageTooBig", err == analytics.ErrMessageTooBig)
	}
	failed := make(chan error, 1)
	client, err := analytics.NewWithConfig("encoding", analytics.Config{Endpoint: p.endpoint, Callback: failures(failed), Logger: &journal{},
		DefaultContext: &analytics.Context{Extra: map[string]any{"f": func() {}}}})
	p.note("default context new", err)
	p.note("default context enqueue", client.Enqueue(analytics.Track{MessageId: "context", UserId: "u-1", Event: "Done"}))
	p.note("default context close", client.Close())
	p.note("default context told", <-failed)
}

// limits sends what one of the two may refuse.
func (p program) limits() {
	for id, m := range map[string]analytics.Track{
		"long id":      {MessageId: strings.Repeat("x", 100)},
		"integration":  {Integrations: analytics.Integrations{"Mixpanel": "yes"}},
		"address":      {Context: &analytics.Context{IP: []byte{1, 2}}},
		"nearly big":   {Properties: analytics.Properties{"v": strings.Repeat("x", 31_800)}},
		"big by merge": {Properties: analytics.Properties{"v": strings.Repeat("x", 31_000)}},
		"big by <":     {Properties: analytics.Properties{"v": strings.Repeat("<", 31_000)}},
	} {
		config := analytics.Config{}
		if id == "big by merge" {
			config.DefaultContext = &analytics.Context{Extra: map[string]any{"v": strings.Repeat("x", 1_000)}}
		}
		client, told := p.open("limits-"+strings.ReplaceAll(id, " ", "-"), config)
		told.byKind = true
		m.UserId, m.Event, m.Timestamp = "u-1", "Done", spring
		p.note("limits "+id+" enqueue", client.Enqueue(m))
		p.note("limits "+id+" close", client.Close())
		<-told.one
	}
}

// endpoints are written in other ways, and so are keys.
func (p program) endpoints() {
	for scenario, path := range map[string]string{"slash": "/", "prefix": "/in/a/directory", "version": "/v1"} {
		t := newTold(scenario, p.note)
		client, err := analytics.NewWithConfig(scenario, analytics.Config{Endpoint: p.endpoint + path, Callback: t, Logger: &journal{}})
		p.note(scenario+" new", err)
		p.note(scenario+" enqueue", client.Enqueue(analytics.Track{MessageId: scenario, UserId: "u-1", Event: "Done"}))
		p.note(scenario+" close", client.Close())
		<-t.one
	}
	for _, key := range []string{"", "limits of a key"} {
		client, t := p.open(key, analytics.Config{})
		p.note("key "+key+" enqueue", client.Enqueue(analytics.Track{MessageId: "key", UserId: "u-1", Event: "Done"}))
		p.note("key "+key+" close", client.Close())
		<-t.one
	}
}

func inf() float64 {
	var zero float64
	return 1 / zero
}

// broken has no JSON.
type broken struct{}

// MarshalJSON implements json.Marshaler.
func (broken) MarshalJSON() ([]byte, error) { return nil, errAway }

// values are constants, texts and documents that a program may depend on.
func (p program) values() {
	p.note("Version", analytics.Version)
	p.note("defaults", fmt.Sprint(analytics.DefaultEndpoint, " ", analytics.DefaultInterval, " ", analytics.DefaultBatchSize))
	p.note("ErrClosed", analytics.ErrClosed)
	p.note("ErrTooManyRequests", analytics.ErrTooManyRequests)
	p.note("ErrMessageTooBig", analytics.ErrMessageTooBig)
	p.note("ConfigError", analytics.ConfigError{Reason: "testing", Field: "Answer", Value: []string{"a"}}.Error())
	p.note("FieldError", analytics.FieldError{Type: "testing.T", Name: "Answer", Value: 42}.Error())
	for name, v := range map[string]any{
		"Alias": analytics.Alias{}, "Group": analytics.Group{}, "Identify": analytics.Identify{}, "Page": analytics.Page{},
		"Screen": analytics.Screen{}, "Track": analytics.Track{Timestamp: spring}, "Context": analytics.Context{},
		"Product": analytics.Product{ID: "1", SKU: "2"}, "Device": analytics.DeviceInfo{}, "Traits": analytics.Traits(nil),
	} {
		doc, err := json.Marshal(v)
		p.note("JSON of "+name, string(doc))
		p.note("JSON of "+name+" error", err)
	}
	p.note("chained setters", reflect.DeepEqual(analytics.Properties{"title": "a"}, analytics.NewProperties().SetTitle("a")))
}
