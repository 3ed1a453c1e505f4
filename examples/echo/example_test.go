// Echo: middleware that fills in the visitor's address, browser and anonymous
// id behind a load balancer, and a route whose call carries them.

package echo_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/labstack/echo/v4"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// newRouter is the part to copy. Echo's middleware is no http.Handler, so the
// enricher's Context does the work.
func newRouter(client *analytics.Client) http.Handler {
	enricher := analytics.RequestEnricher{
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, // your load balancers
		AnonymousID:    true,                                                // from the cookie of Segment's JavaScript library
	}
	router := echo.New()
	router.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.SetRequest(c.Request().WithContext(enricher.Context(c.Request())))
			return next(c)
		}
	})
	router.POST("/orders/:id", func(c echo.Context) error {
		err := client.Track(c.Request().Context(), analytics.Track{
			Event:      "Order Completed",
			Properties: analytics.NewProperties().SetOrderID(c.Param("id")),
		})
		if err != nil {
			fmt.Println("not accepted:", err)
		}
		return c.NoContent(http.StatusCreated)
	})
	return router
}

func Example() {
	srv := analyticstest.NewServer()
	defer srv.Close()
	client, err := analytics.New("KEY", &analytics.Config{Endpoint: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		fmt.Println(err)
		return
	}

	// A load balancer passes on a request whose sender tried to fake an address.
	r := httptest.NewRequest("POST", "/orders/o-1", nil)
	r.RemoteAddr = "10.0.0.2:4711"
	r.Header.Set("X-Forwarded-For", "6.6.6.6, 203.0.113.7")
	r.Header.Set("User-Agent", "Firefox/142.0")
	r.AddCookie(&http.Cookie{Name: "ajs_anonymous_id", Value: "anon-1"})
	newRouter(client).ServeHTTP(httptest.NewRecorder(), r)

	fmt.Println("close:", client.Close())
	for _, call := range srv.Calls() {
		fmt.Println(call.Event, call.Str("properties.order_id"))
		fmt.Println(call.Str("context.ip"), call.Str("context.userAgent"), call.AnonymousID)
	}
	// Output:
	// close: <nil>
	// Order Completed o-1
	// 203.0.113.7 Firefox/142.0 anon-1
}
