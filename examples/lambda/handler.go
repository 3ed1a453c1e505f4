// The handler: what one invocation does, and the flush at its end.

package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/headwater-dev/analytics"
)

// Order is the event of an invocation.
type Order struct {
	Customer string  `json:"customer"`
	Order    string  `json:"order"`
	Total    float64 `json:"total"`
}

// Confirmation is what an invocation answers.
type Confirmation struct {
	Order     string `json:"order"`
	Confirmed bool   `json:"confirmed"`
}

// reserve is what is left of an invocation's time for its answer.
const reserve = 200 * time.Millisecond

type handler struct {
	client *analytics.Client
}

// Handle serves one invocation. Its calls have arrived when it returns, unless
// the Tracking API cannot be reached in the time there is: then they wait in
// memory, are delivered by a later invocation of the same environment, and are
// lost with it. Where that is too little, give the calls to a queue outside.
func (h *handler) Handle(ctx context.Context, order Order) (Confirmation, error) {
	defer h.flush(ctx)

	err := h.client.Track(ctx, analytics.Track{
		// The id of the order as messageId: an invocation that the platform repeats
		// sends the same call again, and the API counts it once.
		MessageID: "order-completed-" + order.Order,
		UserID:    order.Customer, Event: "Order Completed",
		Properties: analytics.NewProperties().SetOrderID(order.Order).SetTotal(order.Total),
	})
	if err != nil {
		slog.Warn("a call was not accepted", "error", err)
	}
	return Confirmation{Order: order.Order, Confirmed: true}, nil
}

// flush waits for what was accepted, within the time that remains. The customer
// has their answer either way.
func (h *handler) flush(ctx context.Context) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
		defer cancel()
	}
	if err := h.client.Flush(ctx); err != nil {
		slog.Warn("calls are left for the next invocation",
			"error", err, "calls", h.client.Stats().QueueEvents)
	}
}
