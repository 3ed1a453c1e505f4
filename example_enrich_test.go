// Examples of request enrichment.

package analytics_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/headwater-dev/analytics"
)

// printContext is a Transport that prints the context of what it is given.
type printContext struct{}

func (printContext) Send(_ context.Context, b *analytics.Batch) error {
	for _, entry := range b.Entries {
		var call struct {
			AnonymousID string         `json:"anonymousId"`
			Context     map[string]any `json:"context"`
		}
		if err := json.Unmarshal(entry.Body, &call); err != nil {
			return err
		}
		c := call.Context
		fmt.Println(call.AnonymousID, c["ip"], c["locale"], c["userAgent"], c["groupId"])
	}
	return nil
}

// Every call made with the context of a request says whom the request came from.
func ExampleMiddleware() {
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Transport: printContext{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := client.Track(r.Context(), analytics.Track{AnonymousID: "anon-1", Event: "Order Completed"})
		if err != nil {
			fmt.Println(err)
		}
	})

	r := httptest.NewRequest(http.MethodPost, "/orders", nil)
	r.RemoteAddr = "203.0.113.7:50123"
	r.Header.Set("User-Agent", "Shop/5.4")
	r.Header.Set("Accept-Language", "cs-CZ,cs;q=0.9")
	analytics.Middleware(orders).ServeHTTP(httptest.NewRecorder(), r)

	if err := client.Close(); err != nil {
		fmt.Println(err)
	}
	// Output: anon-1 203.0.113.7 cs-CZ Shop/5.4 <nil>
}

// Behind a load balancer, name its network; a website that uses Segment's
// JavaScript library knows the visitor's anonymous id too.
func ExampleRequestEnricher() {
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Transport: printContext{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	enricher := analytics.RequestEnricher{
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		AnonymousID:    true,
	}

	r := httptest.NewRequest(http.MethodPost, "/orders", nil)
	r.RemoteAddr = "10.0.0.1:50123"
	r.Header.Set("X-Forwarded-For", "192.0.2.1, 203.0.113.7") // the first is what the user claims
	r.Header.Set("User-Agent", "Shop/5.4")
	r.Header.Set("Accept-Language", "cs-CZ")
	r.AddCookie(&http.Cookie{Name: "ajs_anonymous_id", Value: "%22anon-1%22"})

	if err := client.Track(enricher.Context(r), analytics.Track{Event: "Order Completed"}); err != nil {
		fmt.Println(err)
	}
	if err := client.Close(); err != nil {
		fmt.Println(err)
	}
	// Output: anon-1 203.0.113.7 cs-CZ Shop/5.4 <nil>
}

// Where there is no request, give the calls their context by hand.
func ExampleWithContext() {
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Transport: printContext{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := analytics.WithContext(context.Background(), &analytics.Context{Locale: "en-US", GroupID: "g-1"})
	ctx = analytics.WithContext(ctx, &analytics.Context{Locale: "cs-CZ"}) // wins over the outer one

	if err := client.Track(ctx, analytics.Track{AnonymousID: "anon-1", Event: "Invoice Paid"}); err != nil {
		fmt.Println(err)
	}
	if err := client.Close(); err != nil {
		fmt.Println(err)
	}
	// Output: anon-1 <nil> cs-CZ <nil> g-1
}
