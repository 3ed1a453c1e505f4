// The send command: one call from the command line.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/headwater-dev/analytics"
)

// sendCommand sends one call. Its flags are named as the members of a message.
type sendCommand struct {
	WriteKey     string        `name:"writeKey" aliases:"write-key" env:"HEADWATER_WRITE_KEY" placeholder:"KEY" help:"Write key of the source. The environment variable keeps it out of process lists."`
	Type         string        `placeholder:"CALL" help:"identify, track, page, screen, group or alias."`
	UserID       string        `name:"userId" aliases:"user-id" placeholder:"ID" help:"Who did it; in an alias the new identity."`
	AnonymousID  string        `name:"anonymousId" aliases:"anonymous-id" placeholder:"ID" help:"Who did it, when nobody has signed in."`
	PreviousID   string        `name:"previousId" aliases:"previous-id" placeholder:"ID" help:"Of an alias: the identity the user had before."`
	GroupID      string        `name:"groupId" aliases:"group-id" placeholder:"ID" help:"Of a group."`
	Event        string        `placeholder:"NAME" help:"Of a track: what happened."`
	Name         string        `placeholder:"NAME" help:"Of a page or screen."`
	Category     string        `placeholder:"NAME" help:"Of a page or screen."`
	Properties   string        `placeholder:"JSON" help:"Of a track, page or screen: an object."`
	Traits       string        `placeholder:"JSON" help:"Of an identify or group: an object."`
	Context      string        `placeholder:"JSON" help:"Where the call comes from: an object."`
	Integrations string        `placeholder:"JSON" help:"Which destinations get it: an object of booleans and objects."`
	MessageID    string        `name:"messageId" aliases:"message-id" placeholder:"ID" help:"Told from all others by this; random when it is not given."`
	Timestamp    string        `placeholder:"TIME" help:"When it happened, as 2006-01-02T15:04:05.678Z; now when it is not given."`
	Endpoint     string        `default:"https://api.segment.io" placeholder:"URL" help:"Base URL of the Tracking API (${default}; EU: https://events.eu1.segmentapis.com)."`
	Deadline     time.Duration `default:"75s" help:"Give up what is not delivered by then (${default})."`
}

// Run is called by kong. Errors before anything is sent are those of usage.
func (c *sendCommand) Run(ctx context.Context, s *streams) error {
	switch {
	case c.WriteKey == "":
		return errors.New("no write key: give --writeKey, or set HEADWATER_WRITE_KEY")
	case c.Deadline <= 0:
		return errors.New("--deadline must be more than 0")
	}
	r, err := c.record()
	if err != nil {
		return err
	}
	var account tally
	con := &console{out: s.err}
	config := &analytics.Config{Endpoint: c.Endpoint, BatchSize: 1, OnReceipt: account.settle}
	client, err := newClient(c.WriteKey, config, func(t *analytics.HTTPTransport) analytics.Transport {
		return &watch{HTTPTransport: t, console: con, secret: c.WriteKey}
	})
	if err != nil {
		return err
	}
	ctx, cancel := bounded(ctx, c.Deadline)
	defer cancel()
	refusal := client.Enqueue(ctx, r.message())
	_ = client.Shutdown(ctx) // what it gave up has a Receipt, which says more
	if refusal != nil {
		return refusal
	}
	for _, name := range r.unsent {
		con.notice("--%s has no place in this call and was left out", name)
	}
	if err := account.failure(ctx, 1); err != nil {
		con.notice("not delivered: %s", reason(err, c.WriteKey))
		return errIncomplete
	}
	return nil
}

// record reads the call from the flags.
func (c *sendCommand) record() (record, error) {
	raw := make(map[string]json.RawMessage)
	for name, text := range map[string]string{
		"type": c.Type, "userId": c.UserID, "anonymousId": c.AnonymousID, "previousId": c.PreviousID, "groupId": c.GroupID,
		"event": c.Event, "name": c.Name, "category": c.Category, "messageId": c.MessageID, "timestamp": c.Timestamp,
	} {
		raw[name], _ = json.Marshal(text) // a string always can be
	}
	for _, object := range [][2]string{
		{"properties", c.Properties}, {"traits", c.Traits}, {"context", c.Context}, {"integrations", c.Integrations},
	} {
		name, text := object[0], object[1]
		if text == "" || text == "null" {
			continue
		}
		if _, err := readMembers([]byte(text)); err != nil {
			return record{}, fmt.Errorf("--%s %w", name, err)
		}
		raw[name] = json.RawMessage(text)
	}
	r, err := recordOf(membersOf(raw))
	if err != nil {
		return record{}, fmt.Errorf("--%w", err)
	}
	return r, nil
}
