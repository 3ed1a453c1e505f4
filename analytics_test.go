// The client seen from outside: what is accepted, what is refused, and how its life ends.

package analytics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/headwater-dev/analytics"
)

func TestSixCalls(t *testing.T) {
	tape := &tape{}
	client := newClient(t, tape, analytics.Config{})
	ctx := t.Context()
	require.NoError(t, client.Identify(ctx, analytics.Identify{UserID: "u"}))
	require.NoError(t, client.Track(ctx, analytics.Track{UserID: "u", Event: "E"}))
	require.NoError(t, client.Page(ctx, analytics.Page{UserID: "u"}))
	require.NoError(t, client.Screen(ctx, analytics.Screen{UserID: "u"}))
	require.NoError(t, client.Group(ctx, analytics.Group{UserID: "u", GroupID: "g"}))
	require.NoError(t, client.Alias(ctx, analytics.Alias{UserID: "u", PreviousID: "p"}))
	messages := []analytics.Message{
		analytics.Identify{UserID: "u"}, &analytics.Identify{UserID: "u"},
		analytics.Track{UserID: "u", Event: "E"}, &analytics.Track{UserID: "u", Event: "E"},
		analytics.Page{UserID: "u"}, &analytics.Page{UserID: "u"},
		analytics.Screen{UserID: "u"}, &analytics.Screen{UserID: "u"},
		analytics.Group{UserID: "u", GroupID: "g"}, &analytics.Group{UserID: "u", GroupID: "g"},
		analytics.Alias{UserID: "u", PreviousID: "p"}, &analytics.Alias{UserID: "u", PreviousID: "p"},
	}
	for _, m := range messages {
		require.NoError(t, client.Enqueue(ctx, m))
	}
	require.NoError(t, client.Close())

	var types []string
	ids := map[string]bool{}
	for _, body := range tape.bodies() {
		types = append(types, body["type"].(string))
		ids[body["messageId"].(string)] = true
		_, err := time.Parse(time.RFC3339Nano, body["timestamp"].(string))
		require.NoError(t, err)
	}
	require.Equal(t, []string{
		"identify", "track", "page", "screen", "group", "alias", "identify", "identify", "track", "track",
		"page", "page", "screen", "screen", "group", "group", "alias", "alias",
	}, types)
	require.Len(t, ids, len(types), "every call has an id of its own")
	require.Equal(t, uint64(len(types)), client.Stats().Delivered)
}

type embedding struct{ analytics.Track }

func TestRefusedMessages(t *testing.T) {
	client := newClient(t, &tape{}, analytics.Config{})
	defer client.Close()
	for name, m := range map[string]analytics.Message{
		"nil":                  nil,
		"nil identify":         (*analytics.Identify)(nil),
		"nil track":            (*analytics.Track)(nil),
		"nil page":             (*analytics.Page)(nil),
		"nil screen":           (*analytics.Screen)(nil),
		"nil group":            (*analytics.Group)(nil),
		"nil alias":            (*analytics.Alias)(nil),
		"embedding":            embedding{event("E")},
		"embedding by pointer": &embedding{event("E")},
		"invalid":              analytics.Track{UserID: "u"},
		"unencodable":          analytics.Track{UserID: "u", Event: "E", Properties: analytics.Properties{"c": make(chan int)}},
		"panicking":            analytics.Track{UserID: "u", Event: "E", Properties: analytics.Properties{"x": explosive{}}},
	} {
		t.Run(name, func(t *testing.T) {
			before := client.Stats().Refused.Invalid
			var field *analytics.FieldError
			require.ErrorAs(t, client.Enqueue(t.Context(), m), &field)
			require.Equal(t, before+1, client.Stats().Refused.Invalid)
		})
	}
	require.Zero(t, client.Stats().Accepted)
}

func TestTooLarge(t *testing.T) {
	tape := &tape{}
	client := newClient(t, tape, analytics.Config{})
	sized := func(n int) analytics.Track {
		m := event("E")
		m.Properties = analytics.Properties{"p": strings.Repeat("x", n)}
		return m
	}
	body, err := sized(0).MarshalJSON()
	require.NoError(t, err)
	stamps := len(`"messageId":"00000000-0000-0000-0000-000000000000",`) + len(`"timestamp":"2026-01-02T03:04:05.123456789Z",`)
	largest := analytics.MaxMessageBytes - len(body) - stamps
	var background context.Context // a nil ctx is Background
	require.NoError(t, client.Track(background, sized(largest)))
	require.ErrorIs(t, client.Track(t.Context(), sized(largest+12)), analytics.ErrMessageTooLarge)
	require.ErrorIs(t, client.Track(t.Context(), sized(10<<20)), analytics.ErrMessageTooLarge)
	require.NoError(t, client.Track(t.Context(), event("neighbour")))
	require.NoError(t, client.Close())
	require.Len(t, tape.bodies(), 2)
	require.Equal(t, uint64(2), client.Stats().Refused.TooLarge)
}

func TestFrozenAtEnqueue(t *testing.T) {
	tape := &tape{}
	client := newClient(t, tape, analytics.Config{})
	properties := analytics.Properties{"nested": map[string]any{}}
	where := &analytics.Context{Extra: map[string]any{}}
	for i := range 90 {
		properties["i"], where.IP = i, fmt.Sprint(i)
		properties["nested"].(map[string]any)["i"] = i
		where.Extra["i"] = i
		require.NoError(t, client.Track(t.Context(), analytics.Track{UserID: "u", Event: "E", Properties: properties, Context: where}))
	}
	clear(properties)
	require.NoError(t, client.Close())
	for i, body := range tape.bodies() {
		require.Equal(t, map[string]any{"i": float64(i), "nested": map[string]any{"i": float64(i)}}, body["properties"])
		require.Equal(t, fmt.Sprint(i), body["context"].(map[string]any)["ip"])
		require.Equal(t, float64(i), body["context"].(map[string]any)["i"])
	}
	require.Len(t, tape.bodies(), 90)
}

func TestStamps(t *testing.T) {
	tape := &tape{}
	now := time.Date(2026, 11, 24, 1, 2, 3, 4, time.FixedZone("somewhere", -7200))
	n := 0
	client := newClient(t, tape, analytics.Config{
		Now:   func() time.Time { return now },
		NewID: func() string { n++; return fmt.Sprintf("id-%d", n) },
	})
	require.NoError(t, client.Track(t.Context(), event("stamped")))
	given := event("given")
	given.MessageID, given.Timestamp = "mine", when
	require.NoError(t, client.Track(t.Context(), given))
	require.NoError(t, client.Close())
	bodies := tape.bodies()
	require.Equal(t, "id-1", bodies[0]["messageId"])
	require.Equal(t, "2026-11-24T03:02:03.000000004Z", bodies[0]["timestamp"])
	require.Equal(t, "mine", bodies[1]["messageId"])
	require.Equal(t, "2026-01-02T03:04:05.678Z", bodies[1]["timestamp"])
	require.Equal(t, 1, n)
	require.True(t, now.Equal(tape.batches()[0].sentAt))
}

func TestBadIDs(t *testing.T) {
	for name, id := range map[string]string{"empty": "", "long": strings.Repeat("x", 100)} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, &tape{}, analytics.Config{NewID: func() string { return id }})
			defer client.Close()
			var field *analytics.FieldError
			require.ErrorAs(t, client.Track(t.Context(), event("E")), &field)
			require.Equal(t, "messageId", field.Field)
		})
	}
	client := newClient(t, &tape{}, analytics.Config{NewID: func() string { panic("no entropy") }})
	defer client.Close()
	require.ErrorContains(t, client.Track(t.Context(), event("E")), "no entropy")
}

func TestContextLayers(t *testing.T) {
	tape := &tape{}
	client := newClient(t, tape, analytics.Config{DefaultContext: &analytics.Context{
		Locale: "cs-CZ", App: analytics.App{Name: "Shop", Version: "1"}, Library: analytics.Library{Name: "mine"},
		Extra: map[string]any{"tenant": map[string]any{"id": "t", "tier": 1}},
	}})
	require.NoError(t, client.Track(t.Context(), event("default only")))
	ctx := analytics.WithContext(t.Context(), &analytics.Context{IP: "203.0.113.7", Locale: "de-DE"})
	m := event("all three")
	m.Context = &analytics.Context{Locale: "en-GB", App: analytics.App{Version: "2"}, Extra: map[string]any{"tenant": map[string]any{"tier": 2}}}
	require.NoError(t, client.Track(ctx, m))
	require.NoError(t, client.Close())
	ours := map[string]any{"name": "headwater-go", "version": analytics.Version}
	bodies := tape.bodies()
	require.Equal(t, map[string]any{
		"locale": "cs-CZ", "app": map[string]any{"name": "Shop", "version": "1"}, "library": ours,
		"tenant": map[string]any{"id": "t", "tier": 1.0},
	}, bodies[0]["context"])
	require.Equal(t, map[string]any{
		"locale": "en-GB", "ip": "203.0.113.7", "app": map[string]any{"name": "Shop", "version": "2"}, "library": ours,
		"tenant": map[string]any{"id": "t", "tier": 2.0},
	}, bodies[1]["context"])
	require.Equal(t, "en-GB", m.Context.Locale)
	require.Empty(t, m.Context.IP, "the caller's Context is only read")
}

func TestBeforeEnqueue(t *testing.T) {
	tape := &tape{}
	errNo := errors.New("not this one")
	original := analytics.Properties{"email": "a@b.co", "nested": map[string]any{"n": 1}}
	client := newClient(t, tape, analytics.Config{
		DefaultContext: &analytics.Context{Locale: "cs-CZ"},
		BeforeEnqueue: func(_ context.Context, m analytics.Message) error {
			track, ok := m.(*analytics.Track)
			if !ok {
				return nil
			}
			require.NotEmpty(t, track.MessageID)
			require.False(t, track.Timestamp.IsZero())
			require.Equal(t, "cs-CZ", track.Context.Locale)
			properties, _ := track.Properties.(analytics.Properties)
			switch track.Event {
			case "drop":
				return analytics.ErrDropped
			case "refuse":
				return errNo
			case "panic":
				panic("hook")
			case "invalidate":
				track.UserID = ""
			case "rename":
				delete(properties, "email")
				if nested, ok := properties["nested"].(map[string]any); ok {
					nested["n"] = 2
				}
				track.Event, track.MessageID = "renamed", ""
				track.Context.Locale = "en-GB"
			}
			return nil
		},
	})
	call := func(name string, f analytics.Fields) error {
		return client.Track(t.Context(), analytics.Track{UserID: "u", Event: name, Properties: f})
	}
	require.NoError(t, call("rename", original))
	require.Equal(t, analytics.Properties{"email": "a@b.co", "nested": map[string]any{"n": 1}}, original)
	require.NoError(t, call("rename", analytics.Attrs(slog.String("email", "x"), slog.Int("n", 3))))
	require.ErrorIs(t, call("drop", nil), analytics.ErrDropped)
	require.ErrorIs(t, call("refuse", nil), errNo)
	require.ErrorContains(t, call("panic", nil), "hook")
	var field *analytics.FieldError
	require.ErrorAs(t, call("invalidate", nil), &field)
	require.NoError(t, client.Identify(t.Context(), analytics.Identify{UserID: "u", Traits: analytics.Traits{"a": 1}}))
	require.NoError(t, client.Close())
	bodies := tape.bodies()
	require.Len(t, bodies, 3)
	require.Equal(t, "renamed", bodies[0]["event"])
	require.Len(t, bodies[0]["messageId"], 36)
	require.Equal(t, map[string]any{"nested": map[string]any{"n": 2.0}}, bodies[0]["properties"])
	require.Equal(t, "en-GB", bodies[0]["context"].(map[string]any)["locale"])
	require.Equal(t, map[string]any{"n": 3.0}, bodies[1]["properties"])
	require.Equal(t, map[string]any{"a": 1.0}, bodies[2]["traits"])
	s := client.Stats().Refused
	require.Equal(t, analytics.RefusedStats{Dropped: 1, Invalid: 1, Other: 2}, s)
}

func TestClosed(t *testing.T) {
	client := newClient(t, &tape{}, analytics.Config{})
	require.NoError(t, client.Close())
	require.NoError(t, client.Close())
	require.NoError(t, client.Shutdown(t.Context()))
	require.NoError(t, client.Flush(t.Context()))
	require.ErrorIs(t, client.Track(t.Context(), event("E")), analytics.ErrClosed)
	require.Equal(t, uint64(1), client.Stats().Refused.Closed)
}

func TestDisabled(t *testing.T) {
	tape := &tape{}
	client := newClient(t, tape, analytics.Config{Disabled: true, OnReceipt: func(analytics.Receipt) { t.Error("a receipt") }})
	require.NoError(t, client.Track(t.Context(), event("E")))
	var field *analytics.FieldError
	require.ErrorAs(t, client.Track(t.Context(), analytics.Track{UserID: "u"}), &field)
	require.NoError(t, client.Flush(t.Context()))
	require.NoError(t, client.Close())
	require.ErrorIs(t, client.Track(t.Context(), event("E")), analytics.ErrClosed)
	require.Empty(t, tape.batches())
}

func TestRoles(t *testing.T) {
	queue := &kept{Queue: analytics.NewMemoryQueue(0, 0)}
	producer, err := analytics.New("WRITE_KEY", &analytics.Config{Queue: queue, Role: analytics.Produce, Transport: &tape{}})
	require.NoError(t, err)
	require.NoError(t, producer.Track(t.Context(), event("E")))
	require.NoError(t, producer.Flush(t.Context()))
	require.NoError(t, producer.Close())
	require.Equal(t, 1, queue.Stats().Waiting)

	tape := &tape{}
	relay := newClient(t, tape, analytics.Config{Queue: queue, Role: analytics.Deliver})
	require.ErrorIs(t, relay.Track(t.Context(), event("E")), analytics.ErrDeliverOnly)
	require.NoError(t, relay.Flush(t.Context()))
	require.Equal(t, "E", tape.bodies()[0]["event"])
	require.NoError(t, relay.Close())
}

// kept is a queue that outlives the clients that close it.
type kept struct{ analytics.Queue }

func (*kept) Close(context.Context) error { return nil }

func TestEnqueueRacesClose(t *testing.T) {
	for range 20 {
		var told receipts
		tape := &tape{}
		client := newClient(t, tape, analytics.Config{OnReceipt: told.take, BatchSize: 7, WhenFull: analytics.Block})
		var accepted sync.Map
		var start, wait sync.WaitGroup
		start.Add(1)
		for g := range 64 {
			wait.Go(func() {
				start.Wait()
				for i := range 20 {
					m := event("E")
					m.MessageID = fmt.Sprintf("%d-%d", g, i)
					switch err := client.Track(context.Background(), m); {
					case err == nil:
						accepted.Store(m.MessageID, true)
					case !errors.Is(err, analytics.ErrClosed):
						t.Error(err)
					}
					if g%16 == 0 && i == 10 {
						if err := client.Close(); err != nil {
							t.Error(err)
						}
					}
					if g%16 == 1 && i%5 == 0 {
						if err := client.Flush(context.Background()); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		start.Done()
		wait.Wait()
		require.NoError(t, client.Close())
		want, got := map[string]bool{}, map[string]bool{}
		accepted.Range(func(id, _ any) bool { want[id.(string)] = true; return true })
		for _, r := range told.list() {
			require.NoError(t, r.Err)
			require.False(t, got[r.MessageID], "one receipt a call")
			got[r.MessageID] = true
		}
		require.True(t, maps.Equal(want, got), "accepted %d, receipts %d", len(want), len(got))
	}
}

func TestNoGoroutineSurvivesClose(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		client, err := analytics.New("WRITE_KEY", &analytics.Config{
			Endpoint: "http://127.0.0.1:1", MaxRetries: analytics.NoRetries, OnReceipt: func(analytics.Receipt) {},
		})
		require.NoError(t, err)
		require.NoError(t, client.Track(t.Context(), event("E")))
		_ = client.Close()
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, now:\n%s", before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestCloseInsideOnReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var client *analytics.Client
		var told receipts
		client = newClient(t, &tape{}, analytics.Config{OnReceipt: func(r analytics.Receipt) {
			if err := client.Track(context.Background(), event("from a receipt")); err != nil && !errors.Is(err, analytics.ErrClosed) {
				t.Error(err)
			}
			if err := client.Close(); err != nil {
				t.Error(err)
			}
			told.take(r)
			panic("receipts are contained")
		}})
		require.NoError(t, client.Track(t.Context(), event("1")))
		require.NoError(t, client.Track(t.Context(), event("2")))
		require.NoError(t, client.Flush(t.Context()))
		synctest.Wait()
		require.NoError(t, client.Close())
		synctest.Wait()
		require.GreaterOrEqual(t, len(told.list()), 2)
		require.Equal(t, client.Stats().Accepted, client.Stats().Delivered)
	})
}
