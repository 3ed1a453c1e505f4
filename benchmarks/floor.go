// The floor: the least that any client must do for this one event. Encode, compress, POST, read the answer.

package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"
)

// floor is a loop that an honest engineer would write when nothing may ever go
// wrong: no queue, no retries, no limits, no receipts, no second type of event.
// It serves one goroutine.
type floor struct {
	endpoint string
	http     http.Client
	header   http.Header
	zip      *gzip.Writer // nil for plain bodies
	zipped   bytes.Buffer
	batch    []byte
	events   int
}

// openFloor returns how to open the floor.
func openFloor(zip bool) opener {
	return func(endpoint string) (client, error) {
		f := &floor{
			endpoint: endpoint + "/v1/batch",
			http:     http.Client{Transport: &http.Transport{DisableCompression: true}},
			header: http.Header{
				"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(writeKey+":"))},
				"Content-Type":  {"application/json"},
			},
		}
		if zip {
			f.zip, _ = gzip.NewWriterLevel(&f.zipped, gzip.BestSpeed) // the level exists
			f.header.Set("Content-Encoding", "gzip")
		}
		return calls[*event]{itself, f.send, f.close}, nil
	}
}

// itself is the event as its own message.
func itself(e *event) *event { return e }

func (f *floor) send(e *event) error {
	if f.events == 0 {
		f.batch = append(f.batch[:0], `{"batch":[`...)
	} else {
		f.batch = append(f.batch, ',')
	}
	f.batch = appendEvent(f.batch, e)
	f.events++
	if f.events < batchSize {
		return nil
	}
	return f.post()
}

func (f *floor) close() error {
	if f.events == 0 {
		return nil
	}
	return f.post()
}

func (f *floor) post() error {
	f.batch = append(f.batch, `],"sentAt":"`...)
	f.batch = time.Now().UTC().AppendFormat(f.batch, time.RFC3339Nano)
	f.batch = append(f.batch, `"}`...)
	f.events = 0
	body := f.batch
	if f.zip != nil {
		f.zipped.Reset()
		f.zip.Reset(&f.zipped)
		_, _ = f.zip.Write(f.batch) // into a buffer, which never fails
		_ = f.zip.Close()
		body = f.zipped.Bytes()
	}
	req, err := http.NewRequest(http.MethodPost, f.endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = f.header
	resp, err := f.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("floor: status %d", resp.StatusCode)
	}
	return err
}

// appendEvent is an encoder for exactly this type, in a fixed order.
func appendEvent(b []byte, e *event) []byte {
	b = append(b, `{"type":"track","messageId":"`...)
	b = appendID(b)
	b = append(b, `","timestamp":"`...)
	b = time.Now().UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","userId":`...)
	b = appendQuoted(b, e.userID)
	b = append(b, `,"event":"`+eventName+`","properties":{"order_id":`...)
	b = appendQuoted(b, e.orderID)
	b = append(b, `,"affiliation":`...)
	b = appendQuoted(b, e.affiliation)
	b = append(b, `,"total":`...)
	b = strconv.AppendFloat(b, e.total, 'f', -1, 64)
	b = append(b, `,"revenue":`...)
	b = strconv.AppendFloat(b, e.revenue, 'f', -1, 64)
	b = append(b, `,"shipping":`...)
	b = strconv.AppendFloat(b, e.shipping, 'f', -1, 64)
	b = append(b, `,"tax":`...)
	b = strconv.AppendFloat(b, e.tax, 'f', -1, 64)
	b = append(b, `,"discount":`...)
	b = strconv.AppendFloat(b, e.discount, 'f', -1, 64)
	b = append(b, `,"coupon":`...)
	b = appendQuoted(b, e.coupon)
	b = append(b, `,"currency":`...)
	b = appendQuoted(b, e.currency)
	b = append(b, `,"skus":[`...)
	for i, sku := range e.skus {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, sku)
	}
	b = append(b, `],"payment":{"method":`...)
	b = appendQuoted(b, e.method)
	b = append(b, `,"installments":`...)
	b = strconv.AppendInt(b, int64(e.installments), 10)
	b = append(b, `},"gift":`...)
	b = strconv.AppendBool(b, e.gift)
	return appendFloorContext(append(b, '}'), e)
}

func appendFloorContext(b []byte, e *event) []byte {
	b = append(b, `,"context":{"ip":`...)
	b = appendQuoted(b, e.ip)
	b = append(b, `,"userAgent":`...)
	b = appendQuoted(b, e.userAgent)
	b = append(b, `,"locale":`...)
	b = appendQuoted(b, e.locale)
	b = append(b, `,"campaign":{"name":`...)
	b = appendQuoted(b, e.campaign.name)
	b = append(b, `,"source":`...)
	b = appendQuoted(b, e.campaign.source)
	b = append(b, `,"medium":`...)
	b = appendQuoted(b, e.campaign.medium)
	b = append(b, `},"page":{"path":`...)
	b = appendQuoted(b, e.page.path)
	b = append(b, `,"url":`...)
	b = appendQuoted(b, e.page.url)
	return append(b, `},"library":{"name":"floor","version":"0.1.0"}}}`...)
}

// appendID appends a random UUID without an allocation.
func appendID(b []byte) []byte {
	var id uuid.UUID
	_, _ = rand.Read(id[:]) // never fails
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	text, _ := id.MarshalText() // never fails
	return append(b, text...)
}

// appendQuoted copies a string that needs no escape, as nearly all do.
func appendQuoted(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == '"' || s[i] == '\\' || s[i] >= 0x7f {
			quoted, _ := json.Marshal(s) // a string never fails
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
