// The child of TestFreeze: a process that is stopped between or amid its requests and goes on as if nothing had been.

package reliability_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/headwater-dev/analytics"
)

// obey does what its standard input says, a line at a time: "track" accepts 100
// calls and begins to send them, "flush" delivers them. It answers each with a
// line: "ok", or what went wrong, and how long it took.
func obey() {
	client, err := analytics.New("WRITE_KEY", &analytics.Config{Endpoint: os.Getenv("ENDPOINT"), BatchSize: 25})
	if err != nil {
		panic(err)
	}
	calls := 0
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		began := time.Now()
		var err error
		switch in.Text() {
		case "track":
			for range 100 {
				if err == nil {
					err = client.Track(context.Background(), numbered(calls))
				}
				calls++
			}
		case "flush":
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			err = client.Flush(ctx)
			cancel()
		}
		if s := client.Stats(); err == nil && s.Failed.Lost() > 0 {
			err = fmt.Errorf("%d calls lost", s.Failed.Lost())
		}
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("ok", time.Since(began))
	}
	_ = client.Close()
}
