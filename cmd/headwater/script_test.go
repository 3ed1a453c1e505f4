// Tests of what a script says, and how it is refused.

package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/headwater-dev/analytics"
	"github.com/stretchr/testify/require"
)

func TestReadScript(t *testing.T) {
	t.Parallel()
	s, err := readScript([]byte(`{"writeKey":"k","cdnHost":"c","settings":null,"sequences":[
		{"delayMs":0,"events":[{"type":"track"},7]},{"events":null,"label":"x"},{"delayMs":1500.5,"events":[{}]},{}],
		"config":{"flushAt":15.0,"flushInterval":1000,"maxRetries":3,"timeout":0.25,"verbose":true}}`))
	require.NoError(t, err)
	require.Equal(t, "k", s.writeKey)
	require.Equal(t, analytics.Config{BatchSize: 15, FlushInterval: time.Second, MaxRetries: 3, RequestTimeout: 250 * time.Millisecond}, s.config)
	require.Equal(t, 3, s.calls)
	require.Equal(t, 1500500*time.Microsecond, s.delays)
	require.Len(t, s.sequences, 4)
	require.Equal(t, 1500500*time.Microsecond, s.sequences[2].delay)
	require.Equal(t, "7", string(s.sequences[0].events[1]))
	require.Equal(t, []string{"cdnHost", "config.verbose", "sequences[1].label"}, s.ignored)
}

// A number means what it says, where a Config takes 0 for its default.
func TestReadScriptConfig(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		config string
		want   analytics.Config
	}{
		{`null`, analytics.Config{}},
		{`{}`, analytics.Config{}},
		{`{"flushAt":null}`, analytics.Config{}},
		{`{"maxRetries":0,"flushInterval":0}`, analytics.Config{MaxRetries: analytics.NoRetries, FlushInterval: 1}},
		{`{"flushAt":2500,"timeout":15}`, analytics.Config{BatchSize: 2500, RequestTimeout: 15 * time.Second}},
	} {
		s, err := readScript([]byte(`{"writeKey":"k","apiHost":"","sequences":[],"config":` + test.config + `}`))
		require.NoError(t, err, test.config)
		require.Equal(t, test.want, s.config, test.config)
	}
}

func TestReadScriptRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, reason string }{
		{``, "input is not JSON: unexpected end of JSON input (byte 0)"},
		{`{"writeKey":"k"`, "input is not JSON: unexpected end of JSON input (byte 15)"},
		{` [1]`, "input is an array, want a JSON object"},
		{"{\"writeKey\":\"\xff\"}", "input is not UTF-8"},
		{`{"sequences":[]}`, "writeKey: is required"},
		{`{"writeKey":7,"sequences":[]}`, "writeKey: is a number, want a string"},
		{`{"writeKey":"k"}`, "sequences: is required"},
		{`{"writeKey":"k","sequences":null}`, "sequences: is required"},
		{`{"writeKey":"k","sequences":{}}`, "sequences: is an object, want an array"},
		{`{"writeKey":"k","sequences":[],"apiHost":true}`, `apiHost: is "true", want a string`},
		{`{"writeKey":"k","sequences":[{},3]}`, "sequences[1] is a number, want a JSON object"},
		{`{"writeKey":"k","sequences":[{"events":"e"}]}`, "sequences[0].events: is a string, want an array"},
		{`{"writeKey":"k","sequences":[{"delayMs":"1"}]}`, "sequences[0].delayMs: is a string, want a number"},
		{`{"writeKey":"k","sequences":[{"delayMs":-1}]}`, "sequences[0].delayMs: must be 0 to 86400000"},
		{`{"writeKey":"k","sequences":[{"delayMs":1e400}]}`, "sequences[0].delayMs: must be 0 to 86400000"},
		{`{"writeKey":"k","sequences":[{"delayMs":8e7},{"delayMs":8e7}]}`, "sequences[1].delayMs: makes the delays more than 24h0m0s together"},
		{`{"writeKey":"k","sequences":[],"config":[]}`, "config: is an array, want an object"},
		{`{"writeKey":"k","sequences":[],"config":{"flushAt":0}}`, "config.flushAt: must be 1 to 2500"},
		{`{"writeKey":"k","sequences":[],"config":{"flushAt":1.5}}`, "config.flushAt: must be a whole number"},
		{`{"writeKey":"k","sequences":[],"config":{"maxRetries":-1}}`, "config.maxRetries: must be 0 to 1000000"},
		{`{"writeKey":"k","sequences":[],"config":{"flushInterval":true}}`, `config.flushInterval: is "true", want a number`},
		{`{"writeKey":"k","sequences":[],"config":{"timeout":0}}`, "config.timeout: must be 0.001 to 86400"},
	} {
		_, err := readScript([]byte(test.text))
		require.EqualError(t, err, test.reason, test.text)
	}
}

// FuzzReadScript: whatever the input is, it is refused with a reason, or all of it
// fits a client.
func FuzzReadScript(f *testing.F) {
	for _, config := range []string{`{"flushAt":1,"flushInterval":1e3,"maxRetries":0,"timeout":0.5}`, `null`, `[]`, `{"flushAt":"1"}`, `{"timeout":9e99}`} {
		f.Add([]byte(fmt.Sprintf(`{"writeKey":"k","apiHost":"http://h","sequences":[{"delayMs":5,"events":[{"type":"track"},null]}],"config":%s}`, config)))
	}
	f.Add([]byte(`{"writeKey":"k","sequences":[{"delayMs":-0},{"delayMs":1E+3,"events":[[]]}],"x":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := readScript(text)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		calls, delays := 0, time.Duration(0)
		for _, seq := range s.sequences {
			require.GreaterOrEqual(t, seq.delay, time.Duration(0))
			calls, delays = calls+len(seq.events), delays+seq.delay
			for _, raw := range seq.events {
				if r, err := readRecord(raw); err == nil {
					_ = r.message().Validate() // must not panic
				}
			}
		}
		require.Equal(t, s.calls, calls)
		require.Equal(t, s.delays, delays)
		require.LessOrEqual(t, delays, maxScriptTime)
		s.config.Endpoint, s.config.Disabled = "", true
		client, err := analytics.New("k", &s.config)
		require.NoError(t, err)
		require.NoError(t, client.Close())
	})
}
