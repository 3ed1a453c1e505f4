// The round trip: the code of many messages, run as one program, sends those messages.

package gocode_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector/internal/gocode"
)

// messages are all of the six calls, with every field of the context.
var messages = []string{
	`{"type":"identify","userId":"u-1","anonymousId":"a-1","messageId":"m-1","timestamp":"2026-01-02T03:04:05.678Z",
		"traits":{"email":"ada@example.com","age":36,"address":{"city":"London","lines":["1 Row","Flat 2"]},"vip":true,"left":null,"none":{},"no":[]}}`,
	`{"type":"track","userId":"u-1","event":"Order \"Completed\" \\ 100%","messageId":"m-2","timestamp":"1969-07-20T20:17:40Z",
		"properties":{"revenue":39.95,"shipping":5.0,"zero":0,"minus":-1,"small":1e-9,"large":6.02E23,"int32":2147483647,"beyond":2147483648,
			"int64":-9223372036854775808,"uint64":18446744073709551615,"huge":123456789012345678901234567890,"precise":0.1000000000000000055511151231257827,
			"tiny":1e-400,"vast":1e400,"negative zero":-0,"float zero":-0.0,"denormal":4.9e-324,
			"products":[{"sku":"a","price":1.50},{"sku":"b","tags":[]}],"matrix":[[1,2],[3,[4]],[]],"text":"line\nbreak\ttab \u0000 \u2028 \ufeff ` + "`" + ` \u202e é 漢 🛒"}}`,
	`{"type":"page","anonymousId":"a-1","name":"Home","category":"Docs","messageId":"m-3","timestamp":"2026-12-31T23:59:59.000000001Z",
		"properties":{"url":"https://example.com/?a=1&b=<2>","keywords":["a","b"],"":"empty key","a.b":"dotted"},"integrations":{"All":false,"Amplitude":true,"AppsFlyer":{"id":"x","n":[1]}}}`,
	`{"type":"screen","userId":"u-1","name":"Checkout","messageId":"m-4","timestamp":"2026-01-02T03:04:05.5+05:30","properties":{"variant":"b"}}`,
	`{"type":"group","userId":"u-1","groupId":"g-1","messageId":"m-5","traits":{"employees":329,"plan":"pro"}}`,
	`{"type":"alias","userId":"u-1","previousId":"a-1","anonymousId":"a-2","messageId":"m-6"}`,
	`{"type":"track","userId":"u-1","event":"Every field","messageId":"m-7","context":{
		"active":false,"app":{"name":"Shop","version":"1.2.3","build":"77","namespace":"com.example.shop"},
		"campaign":{"name":"Spring","source":"newsletter","medium":"email","term":"socks","content":"button","id":"c-9","n":1},
		"channel":"server","consent":{"categoryPreferences":{"ads":false,"analytics":true},"version":2},
		"device":{"id":"d","advertisingId":"ad","adTrackingEnabled":false,"manufacturer":"Acme","model":"M1","name":"phone","type":"ios","version":"9","token":"t"},
		"direct":true,"externalIds":[{"id":"1","type":"email","collection":"users","encoding":"none"},{"id":"2","type":"phone","collection":"users","encoding":"none"}],
		"groupId":"g-1","ip":"203.0.113.7","library":{"name":"another","version":"1"},"locale":"cs-CZ",
		"location":{"city":"Brno","country":"CZ","region":"South Moravia","latitude":49.2,"longitude":0,"speed":-1.5},
		"network":{"bluetooth":false,"carrier":"T","cellular":true,"wifi":false},"os":{"name":"iOS","version":"26"},
		"page":{"path":"/a","referrer":"https://r.example","search":"?q=1","title":"A","url":"https://example.com/a","hash":"#top"},
		"referrer":{"id":"r","type":"ad","name":"R","url":"https://r.example","link":"l"},"screen":{"density":2.5,"height":2556,"width":1179},
		"timezone":"Europe/Prague","traits":{"email":"ada@example.com","company":{"id":12}},"userAgent":"Mozilla/5.0 \"x\"",
		"userAgentData":{"brands":[{"brand":"Chromium","version":"140"}],"mobile":false,"platform":"Linux","bitness":"64","model":"m","platformVersion":"6",
			"uaFullVersion":"140.0","fullVersionList":[{"brand":"Chromium","version":"140.0.1"}],"wow64":true},
		"tenant":{"id":7,"tags":["a"]},"protocols":{"violations":[]}}}`,
	`{"type":"page","userId":"u-1","messageId":"m-8","context":{"active":true,"app":{"name":"Shop","shelf":"3"},"ip":null,"locale":"","direct":false,
		"location":{"latitude":"49","speed":0},"os":"linux","network":{},"consent":{"categoryPreferences":{"ads":"no"}},"screen":{"width":0,"height":1.5},
		"externalIds":[{"id":"1","extra":true}],"userAgentData":{"brands":[]},"traits":{}},"integrations":{}}`,
	`{"type":"identify","userId":null,"anonymousId":"a-9","messageId":"m-9","traits":{},"context":{}}`,
}

// head and foot make a program of the calls between them. It prints what a client recorded.
const (
	head = `package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

var _ = json.Number(time.UTC.String())

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	ctx := context.Background()
	client, recorder, err := analyticstest.NewClient(nil)
	check(err)
`
	foot = `	check(client.Flush(ctx))
	for _, call := range recorder.Calls() {
		check(json.NewEncoder(os.Stdout).Encode(call.Raw))
	}
	check(client.Close())
}
`
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	program := head
	for _, m := range messages {
		program += "\tcheck(" + gocode.Call(decode(t, m)) + ")\n"
	}
	out := run(t, program+foot)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, len(messages))
	for i, line := range lines {
		got := decode(t, line)
		want := decode(t, messages[i])
		if want["timestamp"] == nil {
			delete(got, "timestamp") // the client's own
		}
		require.Equal(t, canonical(want), canonical(got), messages[i])
	}
}

// run compiles and runs a program with the modules of this workspace.
func run(t *testing.T, program string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte(program), 0o600))
	cmd := exec.CommandContext(t.Context(), "go", "run", file)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s", &stderr)
	return stdout.String()
}

// canonical is a message as the API takes it: without the library, without what is as
// good as absent, and with one way to write a number and a time.
func canonical(m map[string]any) map[string]any {
	if c, ok := m["context"].(map[string]any); ok {
		delete(c, "library")
	}
	for _, key := range []string{"context", "properties", "traits", "integrations"} {
		if object, ok := m[key].(map[string]any); ok && len(object) == 0 {
			delete(m, key)
		}
	}
	if m["userId"] == nil {
		delete(m, "userId")
	}
	if s, ok := m["timestamp"].(string); ok {
		if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
			m["timestamp"] = at.UTC()
		}
	}
	return canonicalValue(m).(map[string]any)
}

func canonicalValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = canonicalValue(v[key])
		}
	case []any:
		for i := range v {
			v[i] = canonicalValue(v[i])
		}
	case json.Number:
		exact, ok := new(big.Rat).SetString(v.String())
		if !ok {
			return fmt.Sprintf("no number: %s", v)
		}
		return "number " + exact.RatString()
	}
	return v
}

func unquote(t testing.TB, literal string) string {
	t.Helper()
	s, err := strconv.Unquote(literal)
	require.NoError(t, err)
	return s
}
