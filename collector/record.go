// Records: what is stored of a request, with the verdict on each of its calls.

package collector

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/headwater-dev/analytics/collector/internal/sources"
	"github.com/headwater-dev/analytics/collector/internal/store"
	"github.com/headwater-dev/analytics/internal/ingest"
)

// sourceDisabled is the verdict that neither package ingest nor the filters give.
const sourceDisabled = "source_disabled" // Tracking API: "Failed on ingest"

// record gives every call of req its final verdict.
func (c *Collector) record(src sources.Source, arrived arrival, req *ingest.Request) *store.Request {
	rec := &store.Request{Source: src.ID, ReceivedAt: arrived.at}
	if arrived.client {
		rec.IP, rec.UserAgent = arrived.ip, arrived.userAgent
	}
	rec.Calls = make([]store.Call, 0, len(req.Calls)+1)
	for i := range req.Calls {
		in := &req.Calls[i]
		if in.Envelope != nil {
			rec.Context, rec.Integrations, rec.SentAt = in.Envelope.Context, in.Envelope.Integrations, in.Envelope.SentAt
		}
		call := store.Call{
			Type: in.Type, Version: in.AppVersion, MessageID: in.MessageID, Assigned: in.Assigned,
			Step: store.Failed, Verdict: string(in.Verdict), Reason: in.Reason, Raw: in.Raw,
		}
		if in.Direct {
			rec.IP = arrived.ip
		}
		if in.Type == "track" {
			call.Event = in.Event
		}
		switch {
		case src.Disabled:
			call.Verdict, call.Reason = sourceDisabled, "the source is disabled"
		case in.Verdict == ingest.Accepted:
			call.Step, call.Verdict = store.Eligible, store.OK
			filter(src, in, &call)
		}
		rec.Calls = append(rec.Calls, call)
	}
	if call, extra := remainder(req); extra {
		rec.Calls = append(rec.Calls, call)
	}
	return rec
}

// filter applies the source's filters to a call that passed.
func filter(src sources.Source, in *ingest.Call, call *store.Call) {
	verdict, reason, blocked := sources.Block(src.Filters, in.Type, in.Event, in.Message)
	if blocked {
		call.Step, call.Verdict, call.Reason = store.Filtered, verdict, reason
	}
}

// remainder is what is recorded of a batch beside its messages: that there were
// none, or too many.
func remainder(req *ingest.Request) (store.Call, bool) {
	switch {
	case req.Verdict == ingest.EmptyBatch:
		return failedCall("", string(ingest.EmptyBatch), "the batch holds no messages", map[string]any{"batch": []any{}}), true
	case req.Excess > 0:
		reason := fmt.Sprintf("%d messages past the first %d of the batch were rejected", req.Excess, ingest.MaxEvents)
		return failedCall("", string(ingest.BadRequest), reason, map[string]any{"rejected": req.Excess}), true
	}
	return store.Call{}, false
}

// refusal is what is recorded of a request that got another status than 200.
func refusal(src sources.Source, arrived arrival, refused *ingest.Error) *store.Request {
	call := failedCall("", string(refused.Code), refused.Reason, map[string]any{"path": "/v1/" + arrived.route})
	if arrived.route != ingest.Batch {
		call.Type = arrived.route
	}
	return &store.Request{Source: src.ID, ReceivedAt: arrived.at, Calls: []store.Call{call}}
}

// failedCall stands for something that is no message, so that it is seen and counted.
func failedCall(callType, verdict, reason string, raw map[string]any) store.Call {
	text, _ := json.Marshal(raw) // plain values always encode
	return store.Call{
		Type: callType, MessageID: uuid.NewString(), Assigned: true,
		Step: store.Failed, Verdict: verdict, Reason: reason, Raw: text,
	}
}

// keep commits rec and tells those who watch. It waits for the commit even when
// the client leaves: what is stored is then told to nobody twice.
func (c *Collector) keep(ctx context.Context, rec *store.Request) error {
	if len(rec.Calls) == 0 {
		return nil
	}
	if err := c.store.Add(context.WithoutCancel(ctx), rec); err != nil {
		return err
	}
	c.feed.publish(rec)
	return nil
}
