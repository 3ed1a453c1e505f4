// Dead letters and what Sources tells, through all that can be done with them.

package spool_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/queue/spool"
)

func openSpool(t *testing.T, dir string, options *spool.Options) *spool.Spool {
	t.Helper()
	q, err := spool.Open(dir, options)
	require.NoError(t, err)
	return q
}

// reject appends entries and has the API reject all of them for reasons of their own.
func reject(t *testing.T, q *spool.Spool, source string, from, count int) (entries []analytics.Entry) {
	t.Helper()
	for n := range count {
		entries = append(entries, entryOf(source, from+n, 50))
	}
	require.NoError(t, q.Append(t.Context(), entries, analytics.Drop))
	lease, err := q.Lease(t.Context(), analytics.Limit{Source: source, Events: count, Bytes: 1 << 30})
	require.NoError(t, err)
	require.Len(t, lease.Entries(), count)
	verdicts := make([]analytics.Verdict, count)
	for i := range verdicts {
		verdicts[i] = analytics.Verdict{Outcome: analytics.Rejected, Err: fmt.Errorf("400 Bad Request: field %d", from+i)}
	}
	require.NoError(t, lease.Done(t.Context(), verdicts))
	return entries
}

func dead(t *testing.T, q *spool.Spool, source string) (letters []spool.DeadLetter) {
	t.Helper()
	require.NoError(t, q.Dead(source, func(d spool.DeadLetter) bool {
		letters = append(letters, d)
		return true
	}))
	return letters
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	options := &spool.Options{MaxDead: 5}
	q := openSpool(t, dir, options)
	entries := reject(t, q, "a", 0, 7)
	other := reject(t, q, "b", 100, 2)
	require.NoError(t, q.Close(t.Context()))

	q = openSpool(t, dir, options) // they outlive the process
	letters := dead(t, q, "a")
	require.Len(t, letters, 5, "the oldest made room")
	for i, d := range letters {
		require.Equal(t, entries[i+2], d.Entry)
		require.Equal(t, fmt.Sprintf("400 Bad Request: field %d", i+2), d.Reason)
		require.False(t, d.Died.IsZero())
	}
	require.Len(t, dead(t, q, "b"), 2, "each source has its own")
	require.Equal(t, analytics.QueueStats{Durable: true}, q.Stats(), "they are no part of the budget")
	first := 0
	require.NoError(t, q.Dead("a", func(spool.DeadLetter) bool { first++; return false }))
	require.Equal(t, 1, first, "false ends it")

	require.NoError(t, q.Drop("a", letters[0].Number, letters[3].Number))
	require.Error(t, q.Drop("a", letters[0].Number), "it is gone")
	require.Error(t, q.Drop("a", letters[1].Number, 1<<40))
	require.Error(t, q.Drop("c", 1))
	require.Len(t, dead(t, q, "a"), 3, "a Drop that fails drops nothing")

	require.NoError(t, q.Retry(t.Context(), "a", letters[2].Number, letters[1].Number))
	require.Error(t, q.Retry(t.Context(), "a", letters[1].Number), "it waits again")
	lease, err := q.Lease(ended(), everything("a"))
	require.NoError(t, err)
	require.Equal(t, []analytics.Entry{letters[2].Entry, letters[1].Entry}, lease.Entries(), "in the order asked for")
	require.NoError(t, lease.Done(t.Context(), []analytics.Verdict{{Outcome: analytics.Delivered}, {Outcome: analytics.Rejected, Err: errors.New("again")}}))
	require.NoError(t, q.Close(t.Context()))

	q = openSpool(t, dir, options)
	letters = dead(t, q, "a")
	require.Len(t, letters, 2)
	require.Equal(t, entries[6], letters[0].Entry)
	require.Equal(t, "again", letters[1].Reason)
	require.Equal(t, other, []analytics.Entry{dead(t, q, "b")[0].Entry, dead(t, q, "b")[1].Entry})
	require.NoError(t, q.Close(t.Context()))
}

func TestNoDeadLetters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q := openSpool(t, dir, &spool.Options{MaxDead: -1})
	reject(t, q, "a", 0, 3)
	require.NoError(t, q.Close(t.Context()))
	q = openSpool(t, dir, nil)
	require.Empty(t, dead(t, q, "a"))
	require.Zero(t, q.Stats().Waiting)
	require.NoError(t, q.Close(t.Context()))
}

// TestDeadLettersAreBoundedInBytes rejects a hundred times what there is room for.
func TestDeadLettersAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q := openSpool(t, dir, &spool.Options{MaxBytes: 1 << 20})
	for n := range 40 {
		reject(t, q, "a", n*100, 100)
	}
	require.NoError(t, q.Close(t.Context()))
	q = openSpool(t, dir, nil)
	letters := dead(t, q, "a")
	require.NotEmpty(t, letters)
	size := 0
	for _, d := range letters {
		size += len(d.Body) + len(d.ID) + len(d.Key) + len(d.Reason)
	}
	require.LessOrEqual(t, size, 1<<20/16)
	require.Equal(t, "400 Bad Request: field 3999", letters[len(letters)-1].Reason, "the last is kept")
	require.NoError(t, q.Close(t.Context()))
}

// TestAReasonIsCutOff keeps a reason that is longer than it need be.
func TestAReasonIsCutOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q := openSpool(t, dir, nil)
	require.NoError(t, q.Append(t.Context(), []analytics.Entry{entryOf("a", 1, 50), entryOf("a", 2, 50)}, analytics.Drop))
	lease, err := q.Lease(t.Context(), everything("a"))
	require.NoError(t, err)
	require.NoError(t, lease.Done(t.Context(), []analytics.Verdict{
		{Outcome: analytics.Rejected, Err: errors.New(string(make([]byte, 1<<20)))}, {Outcome: analytics.Rejected},
	}))
	require.NoError(t, q.Close(t.Context()))
	q = openSpool(t, dir, nil)
	letters := dead(t, q, "a")
	require.Len(t, letters, 2)
	require.Len(t, letters[0].Reason, 1<<10)
	require.Equal(t, "rejected", letters[1].Reason)
	require.NoError(t, q.Close(t.Context()))
}

// TestSources counts what waits, what is dead and what is damaged, by source.
func TestSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q := openSpool(t, dir, nil)
	sources, err := q.Sources(t.Context())
	require.NoError(t, err)
	require.Empty(t, sources)
	reject(t, q, "a", 0, 2)
	var waiting []analytics.Entry
	for n := range 4 {
		waiting = append(waiting, entryOf("b", 10+n, 100))
	}
	require.NoError(t, q.Append(t.Context(), waiting, analytics.Drop))
	bytes := q.Stats().Bytes
	require.NoError(t, q.Close(t.Context()))
	damageRecord(t, dir, "b", 1)

	q = openSpool(t, dir, nil)
	lease, err := q.Lease(ended(), everything("b"))
	require.NoError(t, err)
	require.Equal(t, []analytics.Entry{waiting[0], waiting[2], waiting[3]}, lease.Entries())
	var corrupt *spool.CorruptError
	require.ErrorAs(t, q.Stats().Err, &corrupt)
	require.Equal(t, 1, corrupt.Records)
	require.Empty(t, corrupt.Path)
	require.Equal(t, analytics.QueueStats{Durable: true, Leased: 3, Bytes: bytes / 4 * 3, Err: corrupt}, q.Stats())
	require.NoError(t, q.Close(t.Context()))

	q = openSpool(t, dir, nil)
	sources, err = q.Sources(t.Context())
	require.NoError(t, err)
	got := map[string]spool.Source{}
	for _, s := range sources {
		got[s.Name] = s
	}
	require.Equal(t, map[string]spool.Source{
		"a": {Name: "a", Dead: 2},
		"b": {Name: "b", Waiting: 3, Bytes: bytes / 4 * 3, Oldest: got["b"].Oldest, Damaged: 1},
	}, got)
	require.True(t, waiting[0].Time.Equal(got["b"].Oldest))
	require.NoError(t, q.Close(t.Context()))
}

// damageRecord turns over a bit in the record at a place in the line of a source.
func damageRecord(t *testing.T, dir, source string, place int) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, "spool.db"), 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte("waiting/" + source))
		cursor := bucket.Cursor()
		key, value := cursor.First()
		for range place {
			key, value = cursor.Next()
		}
		changed := append([]byte(nil), value...)
		changed[len(changed)-1] ^= 1
		return bucket.Put(append([]byte(nil), key...), changed)
	}))
	require.NoError(t, db.Close())
}
