// The directory: who may use it, how its file comes to be, and where a damaged one goes.

package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

const (
	fileName = "spool.db"
	// newPattern names a file that is being made. One that is left behind by a process
	// that was killed is removed by the next.
	newPattern = "spool.new-*"
)

// prepare makes the directory if it is not there, and refuses one that others may write
// to or that a link leads to: somebody else could put files in its place.
func prepare(dir string) error {
	if dir == "" {
		return errors.New("spool: no directory is given")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	info, err := os.Lstat(filepath.Clean(dir)) // a slash at its end would follow a link
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("spool: %s is a symbolic link: give the directory it leads to", dir)
	case !info.IsDir():
		return fmt.Errorf("spool: %s is not a directory", dir)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0:
		return fmt.Errorf("spool: %s is writable by everybody (mode %04o): take that away with chmod o-w", dir, info.Mode().Perm())
	}
	return nil
}

// permitted says of an error about permissions what they must be.
func permitted(dir string, err error) error {
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		return err
	}
	return fmt.Errorf("%w: the user that runs this must own and be allowed to write to %s (mode 0700) and to the files in it (mode 0600)", err, dir)
}

// create makes the file if it is not there: under another name first, complete and
// synced, so that there is never half a file under its own. Of two processes that
// create at once one finds that the other was first.
func create(dir string, open opener, maxSize int64) error {
	path := filepath.Join(dir, fileName)
	if _, err := os.Lstat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	blank, err := newFile(dir)
	if err != nil {
		return err
	}
	defer os.Remove(blank)
	d, err := open(blank, maxSize)
	if err != nil {
		return err
	}
	if err := d.close(); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	if err := os.Link(blank, path); err != nil {
		// Another process may have been first, and have removed the blank as litter.
		if _, there := os.Lstat(path); there != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	return syncDir(dir)
}

// newFile makes an empty file to be filled and then given its name.
func newFile(dir string) (string, error) {
	f, err := os.CreateTemp(dir, newPattern) // mode 0600
	if err != nil {
		return "", fmt.Errorf("spool: %w", err)
	}
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("spool: %w", err)
	}
	return f.Name(), nil
}

// tidy removes what a process left behind that was killed while it made a file. It must
// be called by whoever holds the file's lock.
func tidy(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, newPattern)) // the pattern is well formed
	for _, name := range left {
		_ = os.Remove(name)
	}
}

// setAside renames the damaged file and returns its new name. It is never removed: what
// it holds may be worth a look.
func setAside(dir string, now time.Time) (string, error) {
	base := filepath.Join(dir, fileName+".corrupt-"+now.UTC().Format("20060102T150405"))
	name := base
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			break
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
	if err := os.Rename(filepath.Join(dir, fileName), name); err != nil {
		return "", fmt.Errorf("spool: %w", err)
	}
	return name, syncDir(dir)
}

// syncDir makes names of the directory last through a power loss, where the system can.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}
