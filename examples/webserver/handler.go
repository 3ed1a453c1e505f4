// The handler: orders come in, calls go out.

package main

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/headwater-dev/analytics"
)

// newHandler returns the routes. Middleware puts into the context of each
// request what it says of the visitor; calls made with that context carry it.
func newHandler(client *analytics.Client) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		user, product := r.FormValue("user"), r.FormValue("product")
		if user == "" || product == "" {
			http.Error(w, "user and product are required", http.StatusBadRequest)
			return
		}
		err := client.Track(r.Context(), analytics.Track{
			UserID: user, Event: "Order Completed",
			Properties: analytics.NewProperties().SetProductID(product).SetCurrency("USD").SetRevenue(39.95),
		})
		report(err)
		w.WriteHeader(http.StatusCreated)
	})
	return analytics.Middleware(mux)
}

// report logs a call that was not accepted. The visitor has their order either
// way: nobody is sent away because of analytics.
func report(err error) {
	var field *analytics.FieldError
	switch {
	case err == nil:
	case errors.As(err, &field):
		slog.Error("a call is wrong and will never be right: fix the code", "error", err)
	default:
		slog.Warn("a call was not accepted", "error", err)
	}
}
