// Peak resident size, where the kernel counts it in KiB.

package reliability_test

import (
	"os"
	"syscall"
	"testing"
)

func peakResident(t *testing.T, s *os.ProcessState) int64 {
	t.Helper()
	return s.SysUsage().(*syscall.Rusage).Maxrss << 10
}
