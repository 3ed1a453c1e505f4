// Which values a destination may have.

package analytics

import (
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestIntegrationsValidate(t *testing.T) {
	t.Parallel()
	type flag bool
	yes := true
	for name, v := range map[string]any{
		"bool": true, "named bool": flag(false), "pointer to bool": &yes, "map": map[string]any{"a": 1}, "typed map": map[string]bool{"all": false},
		"struct": seat{}, "pointer": &seat{}, "properties": Properties{}, "attrs": Attrs(slog.Int("a", 1)), "struct fields": Struct(seat{}),
		"raw": json.RawMessage(`{"a":1}`), "unencodable": map[string]any{"c": make(chan int)},
	} {
		require.NoError(t, Integrations{"Slack": v}.validate(), name)
	}
	for name, v := range map[string]any{
		"nil": nil, "string": "true", "number": 1, "list": []any{true}, "nil map": map[string]any(nil), "nil pointer": (*seat)(nil), "time": time.Now(),
		"error": errors.New("no"), "raw": json.RawMessage(`"x"`),
	} {
		err := Integrations{"All": true, "Slack": v}.validate()
		require.EqualError(t, err, "analytics: Slack: must be a bool or an object of options", name)
	}
	require.NoError(t, Integrations(nil).validate())
}
