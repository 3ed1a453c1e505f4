// Assets: styles, scripts and pictures, embedded and cached by their content.

package pages

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// assets are the embedded files and the hash of each.
type assets struct {
	files http.Handler
	hash  map[string]string
}

func loadAssets() *assets {
	dir, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		panic(err) // the name is constant
	}
	a := &assets{files: http.FileServerFS(dir), hash: map[string]string{}}
	walk := func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(dir, name)
		sum := sha256.Sum256(content)
		a.hash[name] = hex.EncodeToString(sum[:6])
		return err
	}
	if err := fs.WalkDir(dir, ".", walk); err != nil {
		panic(err) // embedded files can always be read
	}
	return a
}

// address is that of a file, below the list of sources, with its hash.
func (a *assets) address(name string) string {
	return "assets/" + name + "?v=" + a.hash[name]
}

// serve answers with a file. Asked for with its hash it may be kept for ever.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	hash, ok := a.hash[name]
	if !ok {
		http.Error(w, "There is no such file.", http.StatusNotFound)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == hash {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	w.Header().Set("ETag", `"`+hash+`"`)
	if strings.HasSuffix(name, ".js") { // Windows' registry may say otherwise
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	}
	http.StripPrefix("/assets", a.files).ServeHTTP(w, r)
}
