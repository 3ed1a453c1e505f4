// Unittest: code that makes calls, and beside it the tests that prove which
// calls those are: shop_test.go is what this example is about.

// Package shop stands for your own code. It takes the real *analytics.Client:
// there is nothing to mock, as a test gives it one that talks to analyticstest.
package shop

import (
	"context"
	"errors"
	"fmt"

	"github.com/headwater-dev/analytics"
)

// ErrEmpty is returned by Checkout for an order without items.
var ErrEmpty = errors.New("shop: nothing in the cart")

// Item is one line of an order.
type Item struct {
	SKU      string
	Price    float64
	Quantity int
}

// Shop sells things.
type Shop struct {
	Analytics *analytics.Client
}

// Checkout completes an order and tells of it. An order does not fail because a
// call about it was not accepted, unless the call itself is wrong.
func (s *Shop) Checkout(ctx context.Context, userID, orderID string, items ...Item) error {
	if len(items) == 0 {
		return ErrEmpty
	}
	var revenue float64
	products := make([]analytics.Product, len(items))
	for i, item := range items {
		revenue += item.Price * float64(item.Quantity)
		products[i] = analytics.Product{SKU: item.SKU, Price: item.Price, Quantity: float64(item.Quantity)}
	}
	err := s.Analytics.Track(ctx, analytics.Track{
		UserID: userID, Event: "Order Completed",
		Properties: analytics.NewProperties().SetOrderID(orderID).SetRevenue(revenue).SetCurrency("EUR").SetProducts(products...),
	})
	var wrong *analytics.FieldError
	if errors.As(err, &wrong) {
		return fmt.Errorf("shop: order %s: %w", orderID, err)
	}
	return nil
}
