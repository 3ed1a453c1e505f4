// Fields by example: attributes, a struct, and what is refused.

package analytics_test

import (
	"fmt"
	"log/slog"

	"github.com/headwater-dev/analytics"
)

// Properties given as slog attributes keep their order and need no map.
func ExampleAttrs() {
	f := analytics.Attrs(
		slog.String("currency", "USD"),
		slog.Float64("revenue", 39.95),
		slog.Group("shipping_address", slog.String("city", "Oslo")),
	)
	b, err := f.AppendJSON(nil)
	fmt.Println(string(b), err)
	// Output: {"currency":"USD","revenue":39.95,"shipping_address":{"city":"Oslo"}} <nil>
}

// A struct of your own, named by its json tags, serves as properties or traits.
func ExampleStruct() {
	type orderCompleted struct {
		OrderID string  `json:"order_id"`
		Revenue float64 `json:"revenue"`
		Coupon  string  `json:"coupon,omitempty"`
	}
	b, err := analytics.Struct(orderCompleted{OrderID: "o-1", Revenue: 12.5}).AppendJSON(nil)
	fmt.Println(string(b), err)
	// Output: {"order_id":"o-1","revenue":12.5} <nil>
}

// What cannot be sent is refused with the path to it.
func ExampleProperties() {
	_, err := analytics.Properties{"items": []any{"lamp", make(chan int)}}.AppendJSON(nil)
	fmt.Println(err)
	// Output: analytics: items[1]: chan int has no form in JSON
}
