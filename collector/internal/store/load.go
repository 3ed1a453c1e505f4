// Loading: calls that were found, with the requests they came in.

package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// loadCalls reads calls with their requests; ids are newest first, and so is the result.
func loadCalls(ctx context.Context, tx *sql.Tx, ids []int64, u *unpacker) ([]Stored, error) {
	calls, places, err := loadRows(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	return calls, loadRequests(ctx, tx, ids, calls, places, u)
}

// loadRows reads the rows of calls.
func loadRows(ctx context.Context, tx *sql.Tx, ids []int64) ([]Stored, []place, error) {
	rows, err := tx.QueryContext(ctx, `SELECT c.id, `+labelText("type")+`, `+labelText("event")+`, `+labelText("version")+`, `+verdictText+`,
		c.step, c.assigned, c.message_id, c.reason, c.start, c.size FROM calls c WHERE c.id IN (`+list(ids)+`) ORDER BY c.id DESC`)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	calls, places := make([]Stored, 0, len(ids)), make([]place, 0, len(ids))
	for rows.Next() {
		var c Call
		var at place
		if err := rows.Scan(&c.ID, &c.Type, &c.Event, &c.Version, &c.Verdict, &c.Step, &c.Assigned, &c.MessageID, &c.Reason, &at.start, &at.size); err != nil {
			return nil, nil, err
		}
		calls, places = append(calls, Stored{Call: c}), append(places, at)
	}
	return calls, places, rows.Err()
}

// labelText is the expression for a column that holds a label or a text.
func labelText(column string) string {
	return strings.ReplaceAll(`CASE typeof(c.X) WHEN 'text' THEN c.X ELSE coalesce((SELECT label FROM labels WHERE id = c.X), '') END`, "X", column)
}

var verdictText = strings.Replace(labelText("verdict"), "''", "'"+OK+"'", 1)

// list writes ids for an IN.
func list(ids []int64) string {
	text := strings.Builder{}
	for i, id := range ids {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprint(&text, id)
	}
	return text.String()
}

// loadRequests reads the requests of calls, newest first, and gives each call
// its own and its raw message. One request's messages are unpacked at a time.
func loadRequests(ctx context.Context, tx *sql.Tx, ids []int64, calls []Stored, places []place, u *unpacker) error {
	rows, err := tx.QueryContext(ctx, `WITH call (id) AS (VALUES (`+strings.ReplaceAll(list(ids), ",", "),(")+`))
		SELECT id, source, received_at, ip, user_agent, context, integrations, sent_at, raws FROM requests
		WHERE id IN (SELECT (SELECT r.id FROM requests r WHERE r.id <= call.id ORDER BY r.id DESC LIMIT 1) FROM call) ORDER BY id DESC`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, received int64
		var raws sql.RawBytes
		r := &Request{}
		if err := rows.Scan(&id, &r.Source, &received, &r.IP, &r.UserAgent, &r.Context, &r.Integrations, &r.SentAt, &raws); err != nil {
			return err
		}
		r.ReceivedAt = time.UnixMilli(received).UTC()
		u.open(id, raws)
		for ; len(calls) > 0 && calls[0].ID >= id; calls, places = calls[1:], places[1:] {
			calls[0].Request, calls[0].Raw = r, bytes.Clone(u.raw(places[0]))
		}
	}
	return rows.Err()
}
