// The machine's own sync and the name of its file system, on Linux.

package spool_test

import (
	"fmt"
	"os"
	"syscall"
)

func datasync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// fileSystem names what a directory lies on. The numbers are those of statfs(2).
func fileSystem(dir string) string {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return err.Error()
	}
	names := map[uint32]string{
		0xEF53: "ext4", 0x58465342: "xfs", 0x9123683E: "btrfs", 0x2FC12FC1: "zfs",
		0x01021994: "tmpfs, which syncs nothing", 0x794C7630: "overlay", 0x6969: "nfs",
	}
	if name, ok := names[uint32(s.Type)]; ok {
		return name
	}
	return fmt.Sprintf("%#x", uint32(s.Type))
}
