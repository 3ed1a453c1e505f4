// Layers of a Context: which one wins, what is merged, and that none is written to.

package analytics

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// encoded returns what the layers make, decoded without rounding and without the
// library, which every result must have.
func encoded(t *testing.T, layers ...*Context) map[string]any {
	t.Helper()
	b, err := appendContext(nil, bounds{}, layers...)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(b), `"library":{"name":"headwater-go","version":"0.1.0"}`), "in %s", b)
	v := parsed(t, string(b))
	delete(v, "library")
	return v
}

func parsed(t *testing.T, s string) (v map[string]any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	require.NoError(t, d.Decode(&v))
	return v
}

// TestContextMerge checks the two ways in which layers are merged, into bytes and
// into a Context for a hook, against each other and against what they should give.
func TestContextMerge(t *testing.T) {
	type object = map[string]any
	tests := []struct {
		name   string
		layers []*Context
		want   string
	}{
		{"no layer", nil, `{}`},
		{"nil layers", []*Context{nil, nil, nil}, `{}`},
		{"one behind nil", []*Context{nil, {IP: "::1"}, nil}, `{"ip":"::1"}`},
		{"the higher string wins", []*Context{{IP: "::1"}, {IP: "::2"}, {IP: "::3", Locale: "cs"}}, `{"ip":"::1","locale":"cs"}`},
		{"structs fill field by field", []*Context{{Device: Device{ID: "a"}}, {Device: Device{ID: "b", Model: "m"}}, {Device: Device{Type: "ios", Model: "n"}}},
			`{"device":{"id":"a","model":"m","type":"ios"}}`},
		{"a false is not empty behind a pointer", []*Context{{Active: Ptr(false), Network: Network{WiFi: Ptr(false)}}, {Active: Ptr(true), Network: Network{WiFi: Ptr(true), Cellular: Ptr(false)}}},
			`{"active":false,"network":{"wifi":false,"cellular":false}}`},
		{"neither is a 0", []*Context{{Location: Location{Latitude: Ptr(0.0)}}, {Location: Location{Latitude: Ptr(9.0), Longitude: Ptr(8.0)}}},
			`{"location":{"latitude":0,"longitude":8}}`},
		{"direct of any layer", []*Context{{}, {Direct: true}}, `{"direct":true}`},
		{"lists are taken whole", []*Context{{ExternalIDs: []ExternalID{{ID: "1"}}}, {ExternalIDs: []ExternalID{{ID: "2"}, {ID: "3"}}}}, `{"externalIds":[{"id":"1"}]}`},
		{"traits key by key", []*Context{{Traits: Traits{"a": 1, "o": object{"x": 1}}}, {Traits: Traits{"a": 2, "b": nil, "o": Traits{"x": 2, "y": object{"z": 3}}}},
			{Traits: Traits{"o": map[string]int{"w": 4}}}}, `{"traits":{"a":1,"b":null,"o":{"x":1,"y":{"z":3},"w":4}}}`},
		{"what is no object hides those below", []*Context{{Traits: Traits{"o": object{"x": 1}}}, {Traits: Traits{"o": "s"}}, {Traits: Traits{"o": object{"y": 1}}}},
			`{"traits":{"o":{"x":1}}}`},
		{"deep down too", []*Context{{Extra: object{"p": object{"o": object{"x": 1}}}}, {Extra: object{"p": object{"o": nil}}}, {Extra: object{"p": object{"o": object{"y": 1}}}}},
			`{"p":{"o":{"x":1}}}`},
		{"extra key by key", []*Context{{Extra: object{"a": 1}}, {Extra: object{"a": 2, "b": 2}}, {Extra: object{"c": 3}}}, `{"a":1,"b":2,"c":3}`},
		{"consent by category", []*Context{{Consent: Consent{CategoryPreferences: map[string]bool{"A": false}}}, {Consent: Consent{CategoryPreferences: map[string]bool{"A": true, "B": true}, Version: 3}}},
			`{"consent":{"categoryPreferences":{"A":false,"B":true},"version":3}}`},
		{"campaign extra", []*Context{{Campaign: Campaign{Name: "n", Extra: object{"id": "1"}}}, {Campaign: Campaign{Name: "m", Term: "t", Extra: object{"id": "2", "x": "3"}}}},
			`{"campaign":{"name":"n","term":"t","id":"1","x":"3"}}`},

		{"extra collides: the field wins in its layer", []*Context{{IP: "::1", Extra: object{"ip": "::2"}}}, `{"ip":"::1"}`},
		{"extra collides: an empty field does not", []*Context{{Extra: object{"ip": "::2"}}}, `{"ip":"::2"}`},
		{"extra collides: objects merge in their layer", []*Context{{Device: Device{ID: "a"}, Extra: object{"device": object{"id": "b", "battery": 0.5}}}},
			`{"device":{"id":"a","battery":0.5}}`},
		{"extra collides: the higher Extra beats the lower field", []*Context{{Extra: object{"ip": "::1", "device": object{"id": "a"}}}, {IP: "::2", Device: Device{ID: "b", Model: "m"}}},
			`{"ip":"::1","device":{"id":"a","model":"m"}}`},
		{"extra collides: the higher field beats the lower Extra", []*Context{{IP: "::1", Device: Device{ID: "a"}}, {Extra: object{"ip": "::2", "device": object{"id": "b", "x": 1}}}},
			`{"ip":"::1","device":{"id":"a","x":1}}`},
		{"extra collides: three layers", []*Context{{Extra: object{"os": object{"name": "iOS"}}}, {OS: OS{Name: "x", Version: "18"}}, {Extra: object{"os": object{"version": "17", "build": "b"}}}},
			`{"os":{"name":"iOS","version":"18","build":"b"}}`},
		{"extra collides: null is an answer", []*Context{{Extra: object{"ip": nil, "os": nil}}, {IP: "::1", OS: OS{Name: "iOS"}, Locale: "cs"}}, `{"ip":null,"os":null,"locale":"cs"}`},
		{"extra collides: false is an answer", []*Context{{Extra: object{"direct": false}}, {Direct: true}}, `{"direct":false}`},
		{"extra collides: an empty string is an answer", []*Context{{Extra: object{"ip": ""}}, {IP: "::1"}}, `{"ip":""}`},
		{"extra collides: something else than the field expects", []*Context{{Extra: object{"page": "home", "ip": 7}}, {Page: PageInfo{Path: "/"}}}, `{"page":"home","ip":7}`},
		{"extra collides: traits", []*Context{{Traits: Traits{"a": 1}, Extra: object{"traits": object{"a": 2, "b": 2}}}, {Traits: Traits{"b": 3, "c": 3}}},
			`{"traits":{"a":1,"b":2,"c":3}}`},
		{"extra collides: campaign", []*Context{{Campaign: Campaign{Extra: object{"name": "n"}}}, {Campaign: Campaign{Name: "m", Term: "t"}}}, `{"campaign":{"name":"n","term":"t"}}`},
		{"extra collides: digits stay", []*Context{{Extra: object{"screen": object{"density": json.Number("2.50")}, "n": json.Number("12345678901234567890")}}, {Screen: ScreenInfo{Density: 1, Width: 320}}},
			`{"screen":{"density":2.50,"width":320},"n":12345678901234567890}`},
		{"extra collides: values that are structs", []*Context{{Extra: object{"device": Device{ID: "a"}}}, {Device: Device{ID: "b", Model: "m"}}}, `{"device":{"id":"a","model":"m"}}`},
		{"extra collides: raw JSON", []*Context{{Extra: object{"device": json.RawMessage(`{"id":"a"}`)}}, {Device: Device{Model: "m"}}}, `{"device":{"id":"a","model":"m"}}`},
		{"extra collides: Go numbers", []*Context{{Extra: object{"screen": object{"width": 320, "density": 1.5, "height": json.Number("1e2")}}}, {Screen: ScreenInfo{Width: 1, Height: 2, Density: 3}}},
			`{"screen":{"width":320,"density":1.5,"height":1e2}}`},
		{"extra collides: consent that is none", []*Context{{Extra: object{"consent": object{"categoryPreferences": object{"A": "yes"}, "version": "2"}}}, {Consent: Consent{Version: 1}}},
			`{"consent":{"categoryPreferences":{"A":"yes"},"version":"2"}}`},
		{"extra collides: every campaign field", []*Context{{Campaign: Campaign{Name: "n", Source: "s", Medium: "m", Term: "t", Content: "c",
			Extra: object{"name": 0, "source": 0, "medium": 0, "term": 0, "content": 0}}}}, `{"campaign":{"name":"n","source":"s","medium":"m","term":"t","content":"c"}}`},
		{"the library has no say", []*Context{{Library: Library{Name: "x"}, Extra: object{"library": "x", "ip": "::1"}}, {Extra: object{"library": object{"more": 1}}}}, `{"ip":"::1"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before []*Context
			for _, c := range tt.layers {
				before = append(before, c.clone())
			}
			want := parsed(t, tt.want)
			require.Equal(t, want, encoded(t, tt.layers...), "encoded")
			merged := mergeContext(tt.layers...)
			require.Equal(t, want, encoded(t, merged), "merged, then encoded")
			require.Equal(t, Library{Name: libraryName, Version: Version}, merged.Library)
			for i, c := range tt.layers {
				b, a := encoded(t, before[i]), encoded(t, c)
				require.Equal(t, b, a, "layer %d was written to", i)
			}
		})
	}
}

// TestMergeContextFillsFields checks that a hook finds in the fields what an
// importer gave as Extra.
func TestMergeContextFillsFields(t *testing.T) {
	merged := mergeContext(
		&Context{Extra: map[string]any{"ip": "::1", "device": map[string]any{"id": "a", "battery": 0.5}, "tenant": "t"}},
		&Context{Device: Device{ID: "b", Model: "m"}, Locale: "cs"},
	)
	require.Equal(t, "::1", merged.IP)
	require.Equal(t, "cs", merged.Locale)
	require.Equal(t, Device{ID: "a", Model: "m"}, merged.Device)
	require.Equal(t, map[string]any{"device": map[string]any{"battery": 0.5}, "tenant": "t"}, merged.Extra)
}

// full returns a Context with every field set, which the test of it makes sure of.
func full() *Context {
	brands := []UserAgentBrand{{Brand: "b", Version: "1"}}
	return &Context{
		Active: Ptr(false), App: App{"n", "v", "b", "ns"},
		Campaign:    Campaign{"n", "s", "m", "t", "c", map[string]any{"id": []any{"1"}}},
		Channel:     "server",
		Consent:     Consent{map[string]bool{"A": true}, 2},
		Device:      Device{"i", "a", Ptr(true), "m", "mo", "n", "t", "v", "to"},
		Direct:      true,
		ExternalIDs: []ExternalID{{"i", "t", "c", "e"}}, GroupID: "g", IP: "::1",
		Library: Library{"l", "1"}, Locale: "cs",
		Location: Location{"c", "co", "r", Ptr(1.0), Ptr(2.0), Ptr(3.0)},
		Network:  Network{Ptr(true), "c", Ptr(false), Ptr(true)},
		OS:       OS{"n", "v"}, Page: PageInfo{"p", "r", "s", "t", "u", "h"},
		Referrer: Referrer{"i", "t", "n", "u", "l"}, Screen: ScreenInfo{1.5, 2, 3},
		Timezone: "UTC", Traits: Traits{"a": map[string]any{"b": 1}}, UserAgent: "ua",
		UserAgentData: UserAgentData{brands, Ptr(true), "p", "b", "m", "pv", "u", []UserAgentBrand{{Brand: "f", Version: "2"}}, Ptr(false)},
		Extra:         map[string]any{"x": map[string]any{"y": []string{"z"}}},
	}
}

// leaves visits every value of a struct that is no struct itself.
func leaves(v reflect.Value, path string, visit func(string, reflect.Value)) {
	for i := range v.NumField() {
		name := path + "." + v.Type().Field(i).Name
		if f := v.Field(i); f.Kind() == reflect.Struct {
			leaves(f, name, visit)
		} else {
			visit(name, f)
		}
	}
}

// TestContextEveryField sees to it that no field is forgotten, neither in the
// encoder nor in merging and copying, when one is added.
func TestContextEveryField(t *testing.T) {
	c := full()
	leaves(reflect.ValueOf(c).Elem(), "Context", func(path string, v reflect.Value) {
		require.False(t, v.IsZero(), "%s is not set by full", path)
	})

	var filled Context
	filled.fill(c)
	leaves(reflect.ValueOf(&filled).Elem(), "Context", func(path string, v reflect.Value) {
		isMap, library := v.Kind() == reflect.Map, strings.HasPrefix(path, "Context.Library")
		require.Equal(t, isMap || library, v.IsZero(), "%s", path)
	})

	cloned := c.clone()
	require.Equal(t, c, cloned)
	shared := map[string]uintptr{}
	leaves(reflect.ValueOf(c).Elem(), "Context", func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice:
			shared[path] = v.Pointer()
		}
	})
	leaves(reflect.ValueOf(cloned).Elem(), "Context", func(path string, v reflect.Value) {
		if p, ok := shared[path]; ok {
			require.NotEqual(t, p, v.Pointer(), "%s is shared", path)
		}
	})
	require.Nil(t, (*Context)(nil).clone())

	b, err := appendContext(nil, bounds{}, c)
	require.NoError(t, err)
	var back Context
	require.NoError(t, json.Unmarshal(b, &back))
	leaves(reflect.ValueOf(&back).Elem(), "Context", func(path string, v reflect.Value) {
		require.False(t, v.IsZero(), "%s is not encoded, or not read back", path)
	})
	for i := range reflect.TypeFor[Context]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[Context]().Field(i).Tag.Get("json"), ",")
		require.Equal(t, name != "-" && name != "library", isContextKey(name), "isContextKey(%q)", name)
	}
}

func TestContextCloneIsDeep(t *testing.T) {
	inner := map[string]any{"n": 1}
	type plan struct{ Name *string }
	name := "pro"
	c := &Context{Traits: Traits{"o": inner, "list": []any{inner}, "plan": plan{&name}, "bad": math.Inf(1), "func": func() {}}}
	merged := mergeContext(c, nil)
	inner["n"], name = 2, "free"
	require.Equal(t, map[string]any{"n": 1}, merged.Traits["o"])
	require.Equal(t, []any{map[string]any{"n": 1}}, merged.Traits["list"])
	require.Equal(t, map[string]any{"Name": "pro"}, merged.Traits["plan"])
	_, err := appendContext(nil, bounds{}, &Context{Traits: Traits{"func": merged.Traits["func"]}})
	var field *FieldError
	require.ErrorAs(t, err, &field, "what cannot be copied is left to the encoder")
	require.Equal(t, "traits.func", field.Field)
}

// TestContextCyclic has maps that contain themselves end in an error, wherever
// they are met first.
func TestContextCyclic(t *testing.T) {
	cycle := func() *Context {
		a := map[string]any{}
		a["left"], a["right"] = a, a
		return &Context{Extra: map[string]any{"a": a}}
	}
	lim := bounds{max: MaxMessageBytes}
	for _, layers := range [][]*Context{{cycle()}, {cycle(), cycle()}, {cycle(), cycle(), {Extra: map[string]any{"ip": "::1"}}}} {
		_, err := appendContext(nil, lim, layers...)
		require.Error(t, err)
		_, err = appendContext(nil, lim, mergeContext(layers...))
		require.Error(t, err)
	}
}

func TestContextTooLarge(t *testing.T) {
	long := strings.Repeat("x", 100)
	prefix := []byte(`{"context":`)
	for _, c := range []*Context{{UserAgent: long}, {Traits: Traits{"a": long}}, {Extra: map[string]any{long: 1}}, {Extra: map[string]any{"ip": long}},
		{Consent: Consent{CategoryPreferences: map[string]bool{long: true}}}} {
		b, err := appendContext(prefix, bounds{}, c)
		require.NoError(t, err)
		_, err = appendContext(prefix, bounds{max: len(b)}, c)
		require.NoError(t, err, "it fits exactly")
		_, err = appendContext(prefix, bounds{max: len(b) - 1}, c)
		require.ErrorIs(t, err, ErrMessageTooLarge)
	}
}

// TestContextOnlyRead runs under the race detector: any write to a layer is a race
// with the other goroutine's reading it.
func TestContextOnlyRead(t *testing.T) {
	shared, low := full(), full()
	low.Extra = map[string]any{"ip": "::2", "device": map[string]any{"x": 1}}
	want := encoded(t, shared, low)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 20 {
				for _, layers := range [][]*Context{{shared}, {shared, shared}, {shared, low}} {
					if _, err := appendContext(nil, bounds{}, layers...); err != nil {
						t.Error(err)
					}
					mergeContext(layers...).Extra["mine"] = true
					shared.clone().Traits["mine"] = true
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, full(), shared)
	require.Equal(t, want, encoded(t, shared, low))
}

func TestAppendContextAllocatesNothing(t *testing.T) {
	message, request := full(), &Context{IP: "::2", UserAgent: "ua", Locale: "cs"}
	low := &Context{App: App{Name: "n"}, Traits: Traits{"c": 1}, Extra: map[string]any{"region": "eu"}}
	b := make([]byte, 0, 8<<10)
	for _, layers := range [][]*Context{{nil, nil, low}, {message, nil, nil}, {message, request, low}} {
		allocs := testing.AllocsPerRun(50, func() {
			var err error
			if b, err = appendContext(b[:0], bounds{max: MaxMessageBytes}, layers...); err != nil {
				t.Error(err)
			}
		})
		require.Zero(t, allocs)
	}
}

func BenchmarkAppendContext(b *testing.B) {
	request := &Context{IP: "203.0.113.7", UserAgent: "Mozilla/5.0", Locale: "cs-CZ"}
	low := &Context{App: App{Name: "shop", Version: "1.2.3"}, Extra: map[string]any{"region": "eu"}}
	buf := make([]byte, 0, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = appendContext(buf[:0], bounds{max: MaxMessageBytes}, nil, request, low)
	}
}
