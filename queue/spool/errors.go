// The errors of a spool, beside those of analytics.Queue.

package spool

import (
	"errors"
	"fmt"
)

var (
	// ErrInUse is returned by Open when another process, or another Spool of this one,
	// has the directory open.
	ErrInUse = errors.New("spool: in use by another process")

	// ErrStorage is wrapped by what Append returns when the disk did not take the
	// entries: it is full, fails, or is read-only. They are not accepted.
	ErrStorage = errors.New("spool: the disk failed")
)

// CorruptError says that a file could not be read and was set aside, or that records in
// it were damaged. It is what Stats.Err gives from then on, and is logged once.
type CorruptError struct {
	Path    string // where the file is now; empty when only records were damaged
	Records int    // damaged, and set aside in the file
	Err     error  // what was found
}

// Error reads "spool: set aside as /var/spool/x/spool.db.corrupt-20261124T171842: …".
func (e *CorruptError) Error() string {
	switch {
	case e.Path == "" && e.Records == 0:
		return fmt.Sprintf("spool: damaged: %v", e.Err)
	case e.Path == "":
		return fmt.Sprintf("spool: %d damaged records are set aside: %v", e.Records, e.Err)
	}
	return fmt.Sprintf("spool: set aside as %s: %v", e.Path, e.Err)
}

// Unwrap returns Err.
func (e *CorruptError) Unwrap() error { return e.Err }
