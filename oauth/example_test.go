// OAuth plugged in: what the auth server and the Tracking API see.

package oauth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
	"github.com/headwater-dev/analytics/oauth"
)

// A client asks for a token with its first batch and keeps it. The API refuses
// the second batch, as it does when somebody has revoked the token: the client
// gets another and delivers.
func Example() {
	authServer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("auth server:", r.Method, r.URL.Path, r.PostFormValue("grant_type"), r.PostFormValue("scope"))
		fmt.Fprint(w, `{"access_token":"an-access-token","token_type":"Bearer","expires_in":86400}`)
	}))
	defer authServer.Close()
	api := analyticstest.NewServer()
	defer api.Close()
	api.Script(analyticstest.Status(200), analyticstest.Status(401))

	tokens, err := oauth.New(oauth.Config{
		ClientID:   "APP_ID",
		KeyID:      "KEY_ID",
		PrivateKey: readPrivateKey(), // the content of a PEM file
		AuthServer: authServer.URL,   // leave it out, or set AuthServerEU
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := analytics.New("WRITE_KEY", &analytics.Config{
		TokenSource: tokens,
		Endpoint:    api.URL,      // leave it out, or set analytics.EndpointEU
		HTTPClient:  api.Client(), // leave it out
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	ctx := context.Background()
	for range 2 {
		fmt.Println(client.Track(ctx, analytics.Track{UserID: "user_123", Event: "Order Completed"}), client.Flush(ctx))
	}
	for _, r := range api.Requests() {
		fmt.Println("API:", r.Header.Get("Authorization"), r.Status)
	}
	// Output:
	// auth server: POST /token client_credentials tracking_api:write
	// <nil> <nil>
	// auth server: POST /token client_credentials tracking_api:write
	// <nil> <nil>
	// API: Bearer an-access-token 200
	// API: Bearer an-access-token 401
	// API: Bearer an-access-token 200
}

// readPrivateKey stands for os.ReadFile, or for the secret store of a platform.
func readPrivateKey() []byte { return pkcs8(firstKey()) }

// What is wrong with a Config is said by New.
func ExampleNew() {
	_, err := oauth.New(oauth.Config{ClientID: "APP_ID", KeyID: "KEY_ID", PrivateKey: []byte("/run/secrets/segment.pem")})
	fmt.Println(err)
	// Output: analytics: oauth: PrivateKey: is not PEM: pass the content of the file, from -----BEGIN to the last dash
}
