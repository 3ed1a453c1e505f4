// The promise of a nil, broken into: kill -9 at any moment, under load, loses nothing that was accepted.

package spool_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/headwater-dev/analytics/queue/spool"
)

// TestCrash kills a process that makes calls at random moments, again and again on one
// directory, while the API fails in every way that it can. Two directories at a time,
// since most of the time goes into starting processes.
func TestCrash(t *testing.T) {
	t.Parallel()
	kills := spool.Size(200, 1000)
	for lane := range 2 {
		t.Run(fmt.Sprint(lane), func(t *testing.T) {
			t.Parallel()
			crash(t, kills/2, rand.New(rand.NewPCG(uint64(lane), 1)))
		})
	}
}

func crash(t *testing.T, kills int, random *rand.Rand) {
	began := time.Now()
	api := newAPI(t)
	dir := filepath.Join(t.TempDir(), "spool")
	environment := []string{"SPOOL=" + dir, "ENDPOINT=" + api.url}
	accepted := make(map[string]string) // hashes by id
	for life := range kills {
		child := spool.StartChild(t, "crash", append(environment, fmt.Sprintf("LIFE=%d", life))...)
		line := child.Line()
		require.NotEmpty(t, line, "life %d accepted nothing", life)
		killer := time.AfterFunc(5*time.Millisecond+time.Duration(random.Int64N(int64(35*time.Millisecond))), child.Kill)
		for ; line != ""; line = child.Line() {
			var id, sum string
			_, err := fmt.Sscanf(line, "A %s %s", &id, &sum)
			require.NoError(t, err, "life %d printed %q", life, line)
			require.Equal(t, hash(payload(id)), sum)
			accepted[id] = sum
		}
		require.ErrorContains(t, child.Wait(), "killed", "life %d", life)
		killer.Stop()
		if life%10 == 0 {
			requireSound(t, dir)
		}
	}
	child := spool.StartChild(t, "drain", environment...)
	require.Empty(t, child.Line())
	require.NoError(t, child.Wait())
	requireSound(t, dir)
	duplicates := api.requireExactly(t, kills, accepted)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing but the file is left: %v", left)
	t.Logf("%d kills, %d calls accepted, %d arrived again, %d requests, %v",
		kills, len(accepted), duplicates, api.requests, time.Since(began).Round(time.Millisecond))
}

// requireSound requires that bbolt finds nothing wrong with the file, which nobody has
// open.
func requireSound(t *testing.T, dir string) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, "spool.db"), 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Minute})
	require.NoError(t, err)
	require.NoError(t, db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			return err
		}
		return nil
	}))
	require.NoError(t, db.Close())
}

// api is a Tracking API that fails by script and keeps what arrived.
type api struct {
	url string

	mu       sync.Mutex
	requests int
	arrived  map[string]map[string]int // how often, by id and hash
}

func newAPI(t *testing.T) *api {
	a := &api{arrived: make(map[string]map[string]int)}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

// ServeHTTP stores most requests, and answers only some of those. One that hangs does so
// until the client has had enough of it.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := readBatch(r)
	if err != nil {
		return // the client was killed while it sent
	}
	a.mu.Lock()
	a.requests++
	turn := a.requests % 25
	a.mu.Unlock()
	switch turn {
	case 3, 4:
		w.WriteHeader(http.StatusServiceUnavailable)
	case 7:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case 11:
		panic(http.ErrAbortHandler) // cut, and nothing is stored
	case 14, 15:
		a.store(body)
		panic(http.ErrAbortHandler) // cut, but it is stored
	case 18:
		<-r.Context().Done()
	case 21:
		a.store(body)
		w.WriteHeader(http.StatusBadGateway)
	default:
		a.store(body)
		_, _ = io.WriteString(w, `{"success":true}`)
	}
}

// message is what matters of a call.
type message struct {
	ID         string `json:"messageId"`
	Properties struct {
		Payload string `json:"payload"`
	} `json:"properties"`
}

func readBatch(r *http.Request) ([]message, error) {
	body, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	var batch struct {
		Batch []message `json:"batch"`
	}
	err = json.NewDecoder(body).Decode(&batch)
	return batch.Batch, err
}

func (a *api) store(batch []message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range batch {
		sums := a.arrived[m.ID]
		if sums == nil {
			sums = make(map[string]int)
			a.arrived[m.ID] = sums
		}
		sums[hash(m.Properties.Payload)]++
	}
}

// requireExactly requires that all that was accepted arrived as it was, and that nothing
// else did but what was on its way in when a process was killed: of each caller the one
// call behind its last. It returns how many calls came again.
func (a *api) requireExactly(t *testing.T, lives int, accepted map[string]string) (duplicates int) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	issued := make(map[string]bool, len(accepted)+lives*callers)
	for life := range lives {
		for g := range callers {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d-%d", life, g, n)
				issued[id] = true
				if _, ok := accepted[id]; !ok {
					break
				}
			}
		}
	}
	var lost, strange []string
	for id := range accepted {
		if a.arrived[id] == nil {
			lost = append(lost, id)
		}
	}
	for id, sums := range a.arrived {
		times, whole := sums[hash(payload(id))]
		if !issued[id] || !whole || len(sums) != 1 {
			strange = append(strange, id)
		}
		duplicates += times - 1
	}
	require.Empty(t, lost, "accepted and never delivered: %s", strings.Join(lost, " "))
	require.Empty(t, strange, "delivered, but not as issued")
	return duplicates
}
