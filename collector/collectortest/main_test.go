// What the tests share: both ways to a collector, sending, and the check that no goroutine stays.

package collectortest_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/collectortest"
)

// owned are names in the stacks of goroutines that must not stay.
var owned = []string{"collectortest.New", "collectortest.(*", "/collector.", "/collector/internal/", "net/http.", "database/sql."}

// TestMain fails the package when a goroutine of ours, or a connection's,
// outlives the tests. The last ones may be on their way out, so it looks until
// they are gone or two seconds have passed.
func TestMain(m *testing.M) {
	code := m.Run()
	stacks := ""
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var b bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&b, 2)
		stacks = b.String()
		if !slices.ContainsFunc(owned, func(name string) bool { return strings.Contains(stacks, name) }) {
			os.Exit(code)
		}
	}
	fmt.Fprintln(os.Stderr, "goroutines left behind:\n"+stacks)
	os.Exit(1)
}

// bothWays runs test on a collector that was started and on one that was found.
func bothWays(t *testing.T, test func(t *testing.T, srv *collectortest.Server)) {
	t.Helper()
	t.Run("started", func(t *testing.T) {
		t.Parallel()
		test(t, collectortest.Start(t))
	})
	t.Run("connected", func(t *testing.T) {
		t.Parallel()
		test(t, connect(t, collectortest.Start(t).URL))
	})
}

func connect(t *testing.T, address string) *collectortest.Server {
	t.Helper()
	srv, err := collectortest.Connect(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	return srv
}

// send posts a message under a write key.
func send(t *testing.T, srv *collectortest.Server, key, call, body string) {
	t.Helper()
	require.NoError(t, post(t.Context(), srv.URL+"/v1/"+call, key, body))
}

func post(ctx context.Context, url, key, body string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(key, "")
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %d", resp.StatusCode)
	}
	return nil
}

// client keeps no connection, so that none is left behind.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// track is a message whose messageId is id.
func track(event, id string) string {
	return fmt.Sprintf(`{"userId":"u-1","event":%q,"messageId":%q,"properties":{"revenue":39.95,"count":3,"gift":true,"products":[{"sku":"tea"}],"note":null}}`, event, id)
}
