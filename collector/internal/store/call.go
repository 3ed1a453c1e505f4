// Calls, and the requests they came in.

package store

import (
	"bytes"
	"time"
)

// Step is where a call ended in the pipeline of the Source Overview.
type Step uint8

// The steps. Received is not stored: it is the sum of the others.
const (
	Received Step = iota
	Failed        // failed on ingest
	Filtered      // filtered at source
	Eligible      // flows on
)

// OK is the verdict on a call nothing is wrong with.
const OK = "ok"

// Request is what its calls share.
type Request struct {
	Source     int64
	ReceivedAt time.Time // stored in milliseconds
	IP         string    // filled into the context of calls that want it, "" for none
	UserAgent  string    // likewise

	Context, Integrations, SentAt []byte // of the envelope, as they came; nil when absent

	Calls []Call
}

// Call is one call. Verdict is OK or a code.
type Call struct {
	ID        int64  // set by Add; grows with the order of storing; 0 when it is a duplicate
	Type      string // "" when it is none of the six
	Event     string // of a track, "" otherwise
	Version   string // context.app.version
	MessageID string
	Assigned  bool // the messageId was made here, so that it cannot be a duplicate
	Step      Step
	Verdict   string
	Reason    string
	Raw       []byte // the message as it came
}

// Stored is a call as it is read back, with the request it came in. Raw is nil
// where what is stored of it is damaged; the log says so.
type Stored struct {
	Call
	Request *Request // without Calls; shared by calls of one request
}

// CallFilter says which calls are wanted, newest first.
type CallFilter struct {
	Limit    int       // 0 is 100; at most 1000
	ID       int64     // this one only
	Before   int64     // calls with a smaller ID; 0 for the newest
	Type     string    // "" for all
	Verdict  string    // "" for all
	Step     Step      // Received for all
	Search   string    // text in the raw message, any case; "" for all
	From, To time.Time // received in [From, To); zero for no bound
}

// Matches reports whether a call that has just come would be among those that f
// asks for by Type, Verdict, Step and Search.
func (f *CallFilter) Matches(c *Call) bool {
	return (f.Type == "" || f.Type == c.Type) &&
		(f.Verdict == "" || f.Verdict == c.Verdict) &&
		(f.Step == Received || f.Step == c.Step) &&
		(f.Search == "" || bytes.Contains(bytes.ToLower(c.Raw), bytes.ToLower([]byte(f.Search))))
}
