// Answers: what a client of the ingest is told.

package collector

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/headwater-dev/analytics/collector/internal/store"
	"github.com/headwater-dev/analytics/internal/ingest"
)

// reply is the body of every answer under /v1/ but the pixel's. The API's own
// documentation shows none; clients look at the status.
type reply struct {
	Success bool   `json:"success"`
	Code    string `json:"code,omitempty"`    // of what is wrong
	Message string `json:"message,omitempty"` // the same for a person
	Batch   string `json:"batch,omitempty"`   // in strict mode: the verdict on the batch
}

// judged answers a request that was stored. The API says 200 whatever the
// verdicts; strict mode names the first call that failed.
func (c *Collector) judged(w http.ResponseWriter, req *ingest.Request, rec *store.Request) {
	if c.options.Strict {
		for i, call := range rec.Calls {
			if call.Step != store.Failed {
				continue
			}
			r := reply{Code: call.Verdict, Message: call.Reason}
			if req.Route == ingest.Batch {
				r.Batch = string(req.Verdict)
			}
			if req.Route == ingest.Batch && i < len(req.Calls) { // what comes behind is about the batch
				r.Message = fmt.Sprintf("message %d of %d: %s", i+1, len(req.Calls), call.Reason)
			}
			writeJSON(w, http.StatusBadRequest, r)
			return
		}
	}
	writeJSON(w, http.StatusOK, reply{Success: true})
}

// unwanted answers a request under a key that no source has. The API does not
// tell a client so; strict mode does.
func (c *Collector) unwanted(w http.ResponseWriter) {
	if c.options.Strict {
		writeJSON(w, http.StatusUnauthorized, reply{Code: string(ingest.UnknownSource), Message: "no source has this write key"})
		return
	}
	writeJSON(w, http.StatusOK, reply{Success: true})
}

// disabled answers objects for a source that is off; calls for one are judged.
func (c *Collector) disabled(w http.ResponseWriter) {
	if c.options.Strict {
		writeJSON(w, http.StatusBadRequest, reply{Code: sourceDisabled, Message: "the source is disabled"})
		return
	}
	writeJSON(w, http.StatusOK, reply{Success: true})
}

// busy answers when too many requests are being received.
func (c *Collector) busy(w http.ResponseWriter) {
	later(w.Header(), time.Second)
	writeJSON(w, http.StatusServiceUnavailable, reply{Code: "internal", Message: "too many requests at once; send this one again"})
}

// failed answers a request that could not be stored. The client may send it again.
func (c *Collector) failed(w http.ResponseWriter, err error) {
	c.options.Logger.Error("a request was not stored", "err", err)
	later(w.Header(), 5*time.Second)
	writeJSON(w, http.StatusServiceUnavailable, reply{Code: "internal", Message: "the request could not be stored; send it again"})
}

// writeJSON writes v, which is made of values that always encode.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // a client that left is no failure of ours
}
