// Node: the npm package @segment/analytics-node.

package browsertest_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnalyticsNode(t *testing.T) {
	t.Parallel()
	npm(t, "@segment/analytics-node/package.json")
	program := node(t)
	r := newRoom(t)
	out, err := exec.CommandContext(t.Context(), program, "node_client.mjs", r.url, writeKey).CombinedOutput()
	require.NoError(t, err, string(out))
	// It has waited for the answers: nothing is still on its way.
	calls := r.calls(writeKey)
	requireSix(t, calls, "node-user")
	for _, c := range calls {
		require.Contains(t, c.Raw["context"].(map[string]any)["library"].(map[string]any)["name"], "analytics-node")
	}
}
