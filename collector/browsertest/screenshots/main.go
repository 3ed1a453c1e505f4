// Screenshots: the pictures of the documentation, from a shop that is the same in every run.

// Command screenshots starts a collector, lets a shop send to it for two weeks of
// a clock that runs fast, and writes pictures of its pages into a directory:
//
//	go run ./collector/browsertest/screenshots docs/images overview debugger
//
// Without names it takes all the pictures it knows. It needs Chromium.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"github.com/headwater-dev/analytics/collector"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: screenshots DIRECTORY [PICTURE ...]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1], os.Args[2:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

// run fills a collector and takes the pictures named, or all.
func run(ctx context.Context, dir string, names []string) (err error) {
	chosen, err := named(names)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var now atomic.Pointer[time.Time]
	begin := end.Add(-span)
	now.Store(&begin)
	col, err := collector.New(&collector.Options{Sources: theSources(), Now: func() time.Time { return *now.Load() }})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, col.Close(ctx))
	}
	srv := col.Server()
	serving := make(chan error, 1)
	go func() { serving <- srv.Serve(listener) }()
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = errors.Join(err, srv.Shutdown(end), col.Close(end))
		<-serving
	}()

	url := "http://" + listener.Addr().String()
	if err := fill(ctx, url, &now); err != nil {
		return err
	}
	return take(ctx, url, dir, chosen)
}

// theSources are those of a company with a shop.
func theSources() []collector.Source {
	return []collector.Source{
		{ID: "shop", Name: "Shop", Type: "server", WriteKey: "SHOPKEY", Filters: []collector.Filter{{Event: "Debug *"}, {Call: "identify", Trait: "email", Value: "*@test.example"}}},
		{ID: "website", Name: "Website", Type: "website", WriteKey: "WEBKEY"},
		{ID: "app", Name: "App for iOS", Type: "mobile", WriteKey: "APPKEY"},
		{ID: "newsletter", Name: "Newsletter", Type: "pixel", WriteKey: "MAILKEY"},
		{ID: "old-app", Name: "Old app", Type: "mobile", WriteKey: "OLDKEY", Disabled: true},
		{ID: "warehouse", Name: "Warehouse", Type: "reverse-etl", WriteKey: "ETLKEY"},
	}
}

// others are the sources beside the shop that send, so that the list has something
// to show: about one call in so many minutes, and none in the last hours.
var others = []struct {
	key   string
	every int
	quiet time.Duration
}{{"WEBKEY", 3, 0}, {"APPKEY", 7, 0}, {"MAILKEY", 60, 5 * time.Hour}}

// fill sends what the shop has, minute by minute.
func fill(ctx context.Context, url string, now *atomic.Pointer[time.Time]) error {
	s := newShop()
	for at := end.Add(-span); at.Before(end); at = at.Add(time.Minute) {
		sent := at.Add(time.Duration(s.random.IntN(20)) * time.Second)
		calls := s.minute(sent)
		if len(calls) == 0 {
			continue
		}
		now.Store(&sent)
		if err := post(ctx, url, "SHOPKEY", calls); err != nil {
			return err
		}
		for _, other := range others {
			if s.random.IntN(other.every) > 0 || end.Sub(at) < other.quiet {
				continue
			}
			if err := post(ctx, url, other.key, []map[string]any{s.call(sent)}); err != nil {
				return err
			}
		}
	}
	for _, m := range s.latest() {
		now.Store(&m.at)
		if err := post(ctx, url, "SHOPKEY", []map[string]any{m.call}); err != nil {
			return err
		}
	}
	now.Store(&end)
	return nil
}

// post sends calls as one batch.
func post(ctx context.Context, url, key string, calls []map[string]any) error {
	body, err := json.Marshal(map[string]any{"batch": calls})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/batch", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.SetBasicAuth(key, "")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("the collector answered %s: %s", res.Status, answer)
	}
	return nil
}
