// The child of the crash test: eight goroutines that make calls on a spool and say which were accepted.

package spool_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/queue/spool"
)

// callers is how many goroutines of a child call Track at once.
const callers = 8

func init() {
	spool.Children["crash"] = makeCalls
	spool.Children["drain"] = drain
}

// payload is what the call of an id carries, a few bytes to a few KiB, so that anybody
// who knows the id can tell whether it arrived whole.
func payload(id string) string {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(id)) // never fails
	random := rand.New(rand.NewPCG(sum.Sum64(), 1))
	size := 1 + random.IntN(400)
	if random.IntN(20) == 0 {
		size += random.IntN(3000)
	}
	text := make([]byte, size)
	for i := range text {
		text[i] = byte('a' + random.IntN(26))
	}
	return string(text)
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// openClient opens the directory and the client that the environment names.
func openClient(retries int) (*analytics.Client, *spool.Spool, error) {
	queue, err := spool.Open(os.Getenv("SPOOL"), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("opening: %w", err)
	}
	if err := queue.Stats().Err; err != nil {
		return nil, nil, fmt.Errorf("after opening: %w", err)
	}
	client, err := analytics.New("KEY", &analytics.Config{
		Endpoint:       os.Getenv("ENDPOINT"),
		Queue:          queue,
		BatchSize:      20,
		FlushInterval:  2 * time.Millisecond,
		RequestTimeout: 500 * time.Millisecond,
		MaxRetries:     retries,
		Backoff:        func(int) time.Duration { return time.Millisecond },
	})
	return client, queue, err
}

// makeCalls prints "A", the id and the hash of the payload of every call that was
// accepted, each line with one write, until it is killed.
func makeCalls() error {
	client, _, err := openClient(2) // so that some are used up
	if err != nil {
		return err
	}
	var (
		calling sync.WaitGroup
		failed  = make(chan error, callers)
	)
	for g := range callers {
		calling.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%s-%d-%d", os.Getenv("LIFE"), g, n)
				text := payload(id)
				err := client.Track(context.Background(), analytics.Track{
					UserID: fmt.Sprintf("user_%d", g), Event: "Order Completed", MessageID: id,
					Properties: analytics.Properties{"payload": text},
				})
				if err == nil {
					_, err = fmt.Fprintf(os.Stdout, "A %s %s\n", id, hash(text))
				}
				if err != nil {
					failed <- fmt.Errorf("%s: %w", id, err)
					return
				}
			}
		})
	}
	calling.Wait()
	return <-failed
}

// drain delivers what is there and ends as a program should.
func drain() error {
	client, queue, err := openClient(20)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := client.Flush(ctx); err != nil {
		return fmt.Errorf("flushing: %w", err)
	}
	err = client.Shutdown(ctx)
	if stats := queue.Stats(); stats.Waiting+stats.Leased > 0 || stats.Bytes != 0 || stats.Err != nil {
		err = errors.Join(err, fmt.Errorf("drained, the queue has %+v", stats))
	}
	return err
}
