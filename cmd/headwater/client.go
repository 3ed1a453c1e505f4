// A client and its transport, made together so that a command can watch the requests.

package main

import "github.com/headwater-dev/analytics"

// newClient makes the client of a command, which sends through what wrap returns.
func newClient(writeKey string, config *analytics.Config, wrap func(*analytics.HTTPTransport) analytics.Transport) (*analytics.Client, error) {
	transport, err := analytics.NewHTTPTransport(config)
	if err != nil {
		return nil, err
	}
	config.Transport = wrap(transport)
	return analytics.New(writeKey, config)
}

// retries words a number of retries for Config.MaxRetries, in which 0 is not none.
func retries(n int) int {
	if n == 0 {
		return analytics.NoRetries
	}
	return n
}
