// Tests of the collect command, in this process and in one of its own.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics/collector"
)

// collecting is a collect command that runs in this process.
type collecting struct {
	url      string
	greeting string
	end      func() outcome
}

// startCollect runs headwater collect on a free port of this machine and waits
// for its greeting.
func startCollect(t *testing.T, args ...string) *collecting {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, w := io.Pipe()
	var errs bytes.Buffer
	code := make(chan int, 1)
	args = append([]string{"collect", "--addr", "127.0.0.1:0"}, args...)
	go func() {
		code <- run(ctx, args, strings.NewReader(""), w, &errs)
		w.Close()
	}()
	c := &collecting{}
	buffer := make([]byte, 4096)
	for !strings.Contains(c.greeting, "Ctrl-C") {
		n, err := out.Read(buffer)
		c.greeting += string(buffer[:n])
		if err != nil {
			break
		}
	}
	require.Contains(t, c.greeting, "Ctrl-C", "exit code %d: %s", len(code), &errs)
	c.url = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(c.greeting)
	var ended *outcome
	c.end = func() outcome {
		if ended == nil {
			cancel()
			rest, err := io.ReadAll(out)
			require.NoError(t, err)
			ended = &outcome{<-code, c.greeting + string(rest), errs.String()}
		}
		return *ended
	}
	t.Cleanup(func() { c.end() })
	return c
}

// status sends a track call and returns the answer's status.
func (c *collecting) status(t *testing.T, key, event string) int {
	t.Helper()
	body, err := json.Marshal(map[string]any{"userId": "u", "event": event, "writeKey": key})
	require.NoError(t, err)
	r, err := http.Post(c.url+"/v1/track", "application/json", bytes.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	return r.StatusCode
}

// verdicts are those of a source's calls, newest first.
func (c *collecting) verdicts(t *testing.T, source string) []string {
	t.Helper()
	r, err := http.Get(c.url + "/api/sources/" + source + "/calls")
	require.NoError(t, err)
	defer r.Body.Close()
	require.Equal(t, http.StatusOK, r.StatusCode)
	var got struct{ Calls []struct{ Verdict string } }
	require.NoError(t, json.NewDecoder(r.Body).Decode(&got))
	var list []string
	for _, call := range got.Calls {
		list = append(list, call.Verdict)
	}
	return list
}

func TestCollectKeepsWhatItTook(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	c := startCollect(t, "--data", dir)
	require.Contains(t, c.greeting, "Source Overview   "+c.url+"/\n")
	require.Contains(t, c.greeting, dir)
	require.Equal(t, http.StatusOK, c.status(t, collector.DefaultWriteKey, "E"))
	require.Equal(t, outcome{code: exitDone, out: c.greeting}, c.end())

	again := startCollect(t, "--data", dir)
	require.Equal(t, []string{"ok"}, again.verdicts(t, "default"))
	second := runWith(t.Context(), "", "collect", "--addr", "127.0.0.1:0", "--data", dir)
	require.Equal(t, exitUsage, second.code)
	require.Contains(t, second.errs, "in use by another collector")
}

func TestCollectSendsAndImportsReachIt(t *testing.T) {
	t.Parallel()
	c := startCollect(t, "--data", ":memory:", "--strict", "--source", "name=Shop,type=website,key=shop-key")
	sent := runWith(t.Context(), "", "send", "--writeKey", "shop-key", "--endpoint", c.url, "--type", "track", "--userId", "u", "--event", "Order Completed")
	require.Equal(t, exitDone, sent.code, sent.errs)
	require.Equal(t, []string{"ok"}, c.verdicts(t, "shop-key"))
	require.Equal(t, http.StatusUnauthorized, c.status(t, "who", "E"))
	require.Equal(t, http.StatusBadRequest, c.status(t, "shop-key", ""))
}

func TestCollectFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "collect.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
known_keys: true
max_age: 72h
max_bytes: 10MB
sources:
  - {id: shop, name: Shop, type: website, key: shop-key, filters: [{event: "Debug *"}]}
  - {name: Old, key: old-key, disabled: true}
`), 0o600))
	c := startCollect(t, "--data", ":memory:", "--config", file, "--source", "id=shop,key=new-key")
	for _, event := range []string{"E", "Debug 1"} {
		require.Equal(t, http.StatusOK, c.status(t, "new-key", event))
	}
	require.Equal(t, http.StatusOK, c.status(t, "old-key", "E"))
	require.Equal(t, []string{"event_setting", "ok"}, c.verdicts(t, "shop"))
	require.Equal(t, []string{"source_disabled"}, c.verdicts(t, "old"))
}

func TestCollectRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"an open address without keys", []string{"--addr", "0.0.0.0:0"}, "say which write keys are taken"},
		{"an open address with a source without a key", []string{"--addr", ":0", "--source", "name=Shop"}, "say which write keys are taken"},
		{"no port", []string{"--addr", "localhost"}, "--addr must be HOST:PORT"},
		{"a source that is none", []string{"--source", "shop"}, "--source: "},
		{"a type that is none", []string{"--source", "name=Shop,type=shop"}, "type"},
		{"no file", []string{"--config", filepath.Join(dir, "missing.yaml")}, "missing.yaml"},
		{"a misspelt member", []string{"--config", write("misspelt.yaml", "sauces: []")}, "line 1: field sauces not found"},
		{"not YAML", []string{"--config", write("not.yaml", "a: [")}, "not.yaml"},
		{"a size that is none", []string{"--max-bytes", "much"}, "no size such as"},
		{"a size in the file", []string{"--config", write("size.yaml", "max_bytes: 3 elephants")}, "no size such as"},
		{"a negative rate", []string{"--rate=-1"}, "RateLimit is negative"},
		{"data that is a file", []string{"--data", write("file", "")}, "file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			args := append([]string{"collect", "--addr", "127.0.0.1:0", "--data", ":memory:"}, tt.args...)
			got := runWith(ctx, "", args...)
			require.NoError(t, ctx.Err(), "it runs")
			require.Equal(t, exitUsage, got.code)
			require.Contains(t, got.errs, tt.want)
			require.Empty(t, got.out)
		})
	}
}

func TestCollectWarnsWhenOthersCanReachIt(t *testing.T) {
	t.Parallel()
	c := startCollect(t, "--addr", "0.0.0.0:0", "--data", ":memory:", "--source", "name=Shop,key=shop-key")
	require.Equal(t, http.StatusOK, c.status(t, "unknown", "E"))
	require.Equal(t, http.StatusOK, c.status(t, "shop-key", "E"))
	require.Equal(t, []string{"ok"}, c.verdicts(t, "shop"))
	got := c.end()
	require.Contains(t, got.errs, "can be reached from other machines")
	require.Contains(t, got.errs, "no --password")
}

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]size{"1": 1, "10B": 10, "2kb": 2000, "3MiB": 3 << 20, "4 GB": 4e9, "1TiB": 1 << 40} {
		var got size
		require.NoError(t, got.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "MB", "-1", "0", "1.5GB", "1XB", "9223372036854775807KB", "1 2"} {
		require.Error(t, new(size).UnmarshalText([]byte(text)), text)
	}
}

// The collector's README has a row for each flag and no other, with its default.
func TestCollectFlagsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../collector/README.md")
	require.NoError(t, err)
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)[^|]*\\|").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, row[1])
	}
	help := runWith(t.Context(), "", "collect", "--help").out
	var flags []string
	for _, flag := range regexp.MustCompile(`(?m)^ +(?:-h, )?--([a-z-]+)`).FindAllStringSubmatch(help, -1) {
		if flag[1] != "help" && flag[1] != "version" {
			flags = append(flags, flag[1])
		}
	}
	require.NotEmpty(t, flags)
	require.ElementsMatch(t, flags, documented)
	require.Contains(t, string(text), "| `--addr HOST:PORT` | `127.0.0.1:8033` |")
	require.Contains(t, string(text), "| `--data DIR` | `headwater-data` |")
}
