// What the tests of the command share.

package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/headwater-dev/analytics/analyticstest"
	"github.com/stretchr/testify/require"
)

// asCommand has the test binary be the command itself, so that it can be sent signals.
const asCommand = "HEADWATER_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// listen returns a Tracking API on a socket and its URL.
func listen(t *testing.T) (*analyticstest.Server, string) {
	t.Helper()
	srv := analyticstest.NewServer()
	t.Cleanup(srv.Close)
	url, err := srv.Listen("127.0.0.1:0")
	require.NoError(t, err)
	return srv, url
}

// outcome is what a command left behind.
type outcome struct {
	code      int
	out, errs string
}

// runImport runs headwater import with a write key and no standard input.
func runImport(ctx context.Context, args ...string) outcome {
	return runWith(ctx, "", append([]string{"import", "--write-key", "test-key"}, args...)...)
}

func runWith(ctx context.Context, stdin string, args ...string) outcome {
	var out, errs bytes.Buffer
	code := run(ctx, args, strings.NewReader(stdin), &out, &errs)
	return outcome{code, out.String(), errs.String()}
}
