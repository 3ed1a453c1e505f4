// Objects: the entities that POST /v1/set brings up to date.

package collector

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/headwater-dev/analytics/collector/internal/store"
	"github.com/headwater-dev/analytics/internal/ingest"
)

// Limits of the Objects API.
const (
	maxObjects    = 10        // a request
	maxObjectID   = 100       // characters
	maxCollection = 100       // characters
	maxValue      = 32 * 1024 // bytes a value
)

// collectionName: lower case letters and underscores, none of these at an end.
// Digits are let in, since clients send them.
var collectionName = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9_]*[a-z0-9])?$`)

// objectsBody is the body of POST /v1/set. objects-go sends its key in it.
type objectsBody struct {
	WriteKey   string `json:"writeKey"`
	SnakeKey   string `json:"write_key"`
	Collection string
	Objects    []struct {
		ID         string
		Properties map[string]json.RawMessage
	}
}

// set answers POST /v1/set. Objects API: 200, and 400 when it is malformed.
func (c *Collector) set(w http.ResponseWriter, r *http.Request) {
	if !c.enter() {
		c.busy(w)
		return
	}
	defer c.leave()
	arrived := arrival{at: c.now(), ip: remoteIP(r), route: "set"}
	req, body, err := c.decodeObjects(r)
	if err != nil {
		writeJSON(w, ingest.Status(err), reply{Code: string(ingest.BadRequest), Message: reasonOf(err)})
		return
	}
	if req.WriteKey == "" {
		c.unknown.Add(1)
		c.unwanted(w)
		return
	}
	src, ok := c.admit(w, r, arrived, req)
	if !ok {
		return
	}
	if src.Disabled {
		c.disabled(w)
		return
	}
	objects := make([]store.Object, len(body.Objects))
	for i, o := range body.Objects {
		properties, _ := json.Marshal(o.Properties) // raw values that were valid still are
		objects[i] = store.Object{ID: o.ID, Properties: properties}
	}
	if err := c.store.SetObjects(r.Context(), src.ID, body.Collection, objects); err != nil {
		c.failed(w, err)
		return
	}
	writeJSON(w, http.StatusOK, reply{Success: true})
}

// decodeObjects reads and checks the body of r.
func (c *Collector) decodeObjects(r *http.Request) (*ingest.Request, *objectsBody, error) {
	plain, err := ingest.ReadBody(r.Header, r.Body, ingest.MaxBatchBytes)
	if err != nil {
		return nil, nil, err
	}
	c.decoding <- struct{}{}
	defer func() { <-c.decoding }()
	var body objectsBody
	if err := json.Unmarshal(plain, &body); err != nil {
		return nil, nil, errors.New("the body is not one JSON object with a collection and objects")
	}
	if err := body.check(); err != nil {
		return nil, nil, err
	}
	return &ingest.Request{WriteKey: cmp.Or(ingest.HeaderKey(r.Header), body.WriteKey, body.SnakeKey)}, &body, nil
}

// check returns what the Objects API would not take.
func (b *objectsBody) check() error {
	switch n := len(b.Objects); {
	case !collectionName.MatchString(b.Collection) || len(b.Collection) > maxCollection:
		return fmt.Errorf("collection must be 1 to %d lower case letters and underscores, and neither begin nor end with one", maxCollection)
	case n == 0 || n > maxObjects:
		return fmt.Errorf("objects must hold 1 to %d of them, and holds %d", maxObjects, n)
	}
	for i, o := range b.Objects {
		switch n := utf8.RuneCountInString(o.ID); {
		case n == 0 || n > maxObjectID:
			return fmt.Errorf("objects[%d].id must be a string of 1 to %d characters", i, maxObjectID)
		case o.Properties == nil:
			return fmt.Errorf("objects[%d].properties is missing", i)
		}
		for name, value := range o.Properties {
			if len(value) > maxValue || bytes.ContainsAny(value[:1], "{[") {
				return fmt.Errorf("objects[%d].properties.%s must be a string, number or boolean of less than %d bytes", i, strings.ToValidUTF8(name, "?"), maxValue)
			}
		}
	}
	return nil
}

// reasonOf is err for the client: the reason alone when it is one of package ingest.
func reasonOf(err error) string {
	if refused := (*ingest.Error)(nil); errors.As(err, &refused) {
		return refused.Reason
	}
	return err.Error()
}
