// The owner of a spool: the one user that may work on it, where files have owners.

//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"syscall"
)

// ownSpool refuses the file of another user, which root could open: a file that is made
// anew, because it shrinks or is damaged, would belong to root, and shut the service out.
func ownSpool(file string, info fs.FileInfo, user int) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != user {
		return fmt.Errorf("%s belongs to user %d, and this is user %d: run the command as the user of the service, as in sudo -u '#%d' headwater spool", file, stat.Uid, user, stat.Uid)
	}
	return nil
}
