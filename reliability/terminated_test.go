// The child of TestTerminated: a process with a full queue that ends as SIGTERM asks.

package reliability_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/headwater-dev/analytics"
)

// farewell is what the child tells on its standard output when it ends.
type farewell struct {
	Accepted    int
	Undelivered []string          // as *ShutdownError says
	Receipts    map[string]string // by id, the error or ""
	Took        time.Duration
}

// endOnSIGTERM accepts as many calls as CALLS says, says so, and shuts down
// within GRACE when it is told to end.
func endOnSIGTERM() {
	var calls int
	if _, err := fmt.Sscan(os.Getenv("CALLS"), &calls); err != nil {
		panic(err)
	}
	grace, err := time.ParseDuration(os.Getenv("GRACE"))
	if err != nil {
		panic(err)
	}
	told := farewell{Receipts: make(map[string]string, calls)}
	client, err := analytics.New("WRITE_KEY", &analytics.Config{
		Endpoint: os.Getenv("ENDPOINT"), WhenFull: analytics.Drop,
		OnReceipt: func(r analytics.Receipt) {
			told.Receipts[r.MessageID] = ""
			if r.Err != nil {
				told.Receipts[r.MessageID] = r.Err.Error()
			}
		},
	})
	if err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	for i := range calls {
		if client.Track(context.Background(), numbered(i)) == nil {
			told.Accepted++
		}
	}
	fmt.Println("ready")
	<-ctx.Done()
	began := time.Now()
	deadline, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	var e *analytics.ShutdownError
	if errors.As(client.Shutdown(deadline), &e) {
		told.Undelivered = e.MessageIDs
	}
	told.Took = time.Since(began)
	_ = json.NewEncoder(os.Stdout).Encode(told)
}
