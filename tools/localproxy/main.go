// The local module proxy: packs the working tree as the modules its next release will be, for go commands to fetch.
//
//	localproxy DIR
//
// Every module that go.work lists is written to DIR in the layout of a GOPROXY, at the one version the modules require
// of each other, which is then printed. Files that git ignores stay out, as they would in a tagged release.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const house = "github.com/headwater-dev/analytics"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: localproxy DIR")
		os.Exit(2)
	}
	version, err := publish(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "localproxy:", err)
		os.Exit(1)
	}
	fmt.Println(version)
}

// publish packs every module of the workspace into out and returns the version they all got.
func publish(out string) (string, error) {
	dirs, err := workspace()
	if err != nil {
		return "", err
	}
	mods := make(map[string]*modfile.File, len(dirs))
	for _, dir := range dirs {
		if mods[dir], err = readMod(dir); err != nil {
			return "", err
		}
	}
	version, err := commonVersion(mods)
	if err != nil {
		return "", err
	}
	for dir, mod := range mods {
		if err := writeModule(out, dir, module.Version{Path: mod.Module.Mod.Path, Version: version}); err != nil {
			return "", fmt.Errorf("%s: %w", dir, err)
		}
	}
	return version, nil
}

// workspace lists the directories that go.work uses.
func workspace() ([]string, error) {
	data, err := os.ReadFile("go.work")
	if err != nil {
		return nil, err
	}
	work, err := modfile.ParseWork("go.work", data, nil)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, use := range work.Use {
		dirs = append(dirs, filepath.Clean(use.Path))
	}
	return dirs, nil
}

// readMod parses a go.mod and refuses what `go install MODULE@VERSION` would refuse.
func readMod(dir string) (*modfile.File, error) {
	name := filepath.Join(dir, "go.mod")
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	mod, err := modfile.Parse(name, data, nil)
	if err != nil {
		return nil, err
	}
	if mod.Module == nil {
		return nil, fmt.Errorf("%s: no module line", name)
	}
	if len(mod.Replace) > 0 || len(mod.Exclude) > 0 {
		return nil, fmt.Errorf("%s: replace and exclude lines keep `go install` from working; go.work is the place for them", name)
	}
	return mod, nil
}

// commonVersion finds the version at which our modules require each other, and refuses a second one.
func commonVersion(mods map[string]*modfile.File) (string, error) {
	var version, from string
	for dir, mod := range mods {
		for _, r := range mod.Require {
			if r.Mod.Path != house && !strings.HasPrefix(r.Mod.Path, house+"/") {
				continue
			}
			if version != "" && r.Mod.Version != version {
				return "", fmt.Errorf("%s requires %s, but %s requires our modules at %s: run make requires", dir, r.Mod, from, version)
			}
			version, from = r.Mod.Version, dir
		}
	}
	if version == "" {
		return "", errors.New("no module requires another of ours: there is no version to publish")
	}
	return version, nil
}

// writeModule writes the four files by which a proxy answers for one version.
func writeModule(out, dir string, mod module.Version) error {
	escaped, err := module.EscapePath(mod.Path)
	if err != nil {
		return err
	}
	base := filepath.Join(out, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	goMod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return err
	}
	info, err := json.Marshal(map[string]any{"Version": mod.Version, "Time": time.Unix(0, 0).UTC()})
	if err != nil {
		return err
	}
	files, err := files(dir)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	if err := zip.Create(&archive, mod, files); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(base, "list"), []byte(mod.Version+"\n"), 0o644),
		os.WriteFile(filepath.Join(base, mod.Version+".info"), info, 0o644),
		os.WriteFile(filepath.Join(base, mod.Version+".mod"), goMod, 0o644),
		os.WriteFile(filepath.Join(base, mod.Version+".zip"), archive.Bytes(), 0o644),
	)
}

// files lists what the module holds: the files of its directory that git knows or would add, less those of modules
// nested in it.
func files(dir string) ([]zip.File, error) {
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	list, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	var files []zip.File
	for name := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		onDisk := filepath.Join(dir, filepath.FromSlash(name))
		if _, err := os.Lstat(onDisk); errors.Is(err, os.ErrNotExist) {
			continue // deleted, and the deletion not yet committed
		}
		if !nested(dir, name) {
			files = append(files, treeFile{name: name, onDisk: onDisk})
		}
	}
	return files, nil
}

// nested reports whether a directory between dir and the file is a module of its own.
func nested(dir, name string) bool {
	parts := strings.Split(name, "/")
	for i := 1; i < len(parts); i++ {
		if _, err := os.Stat(filepath.Join(dir, filepath.Join(parts[:i]...), "go.mod")); err == nil {
			return true
		}
	}
	return false
}

// treeFile is a file of the working tree under its name in the archive.
type treeFile struct{ name, onDisk string }

func (f treeFile) Path() string                 { return f.name }
func (f treeFile) Lstat() (os.FileInfo, error)  { return os.Lstat(f.onDisk) }
func (f treeFile) Open() (io.ReadCloser, error) { return os.Open(f.onDisk) }
