// The writer: Go source up to a size, well formed wherever it is cut.

package gocode

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cutNote is how the reader learns that there was more.
const cutNote = "// … the rest is left out"

// maxLine is how many columns a line may have for a block to stand on it, a tab
// being four of them.
const maxLine = 76

// writer writes Go source, indented as gofmt does, until limit is reached. From then
// on it writes no new elements, and closes what is open; so it is bounded in depth
// too, because the closing of every level is reserved when it is opened.
type writer struct {
	b       []byte
	limit   int
	reserve int // bytes that close what is open
	indent  int
	cut     bool
}

// room reports whether n bytes and a note fit; when not, everything after is cut.
func (w *writer) room(n int) bool {
	if !w.cut && len(w.b)+n+w.reserve+w.indent+len(cutNote)+8 > w.limit {
		w.cut = true
		w.b = append(w.b, cutNote...)
		w.newline()
	}
	return !w.cut
}

func (w *writer) text(s string) { w.b = append(w.b, s...) }

func (w *writer) newline() {
	w.b = append(w.b, '\n')
	for range w.indent {
		w.b = append(w.b, '\t')
	}
}

// block writes head{…} with what members writes, each as an element: on one line when
// they fit, head{} when it is nothing.
func (w *writer) block(head string, members func()) {
	w.text(head)
	start := len(w.b)
	column := columns(w.b[bytes.LastIndexByte(w.b, '\n')+1:])
	w.lines(members)
	if block := w.b[start:]; len(block) <= 10*maxLine { // the longest there can be on a line, with its indentation
		if line, ok := joined(string(block)); ok && column+columns([]byte(line+",")) <= maxLine {
			w.b = append(w.b[:start], line...)
		}
	}
}

// lines writes {…} with a line for each element.
func (w *writer) lines(members func()) {
	closing := w.indent + len("\n},")
	w.text("{")
	w.indent++
	w.reserve += closing
	w.newline()
	members()
	w.reserve -= closing
	w.indent--
	w.b = append(w.b[:len(w.b)-1], '}') // the last line break was followed by one tab more
}

// columns is how wide a line is.
func columns(line []byte) int { return utf8.RuneCount(line) + 3*bytes.Count(line, []byte("\t")) }

// joined returns a block of lines as one line, when it has no comments. No literal
// has a line break in it. A block inside that did not fit on a line is written as if
// it did, but then this one does not fit either.
func joined(block string) (string, bool) {
	lines := strings.Split(block, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimLeft(line, "\t")
		if strings.HasPrefix(lines[i], "//") {
			return "", false
		}
	}
	line := strings.TrimSuffix(strings.Join(lines[1:len(lines)-1], " "), ",")
	return "{" + line + "}", true
}

// element writes what write writes, a comma and a line break. size is at least what
// must fit for it to be worth a beginning.
func (w *writer) element(size int, write func()) {
	if !w.room(size + len(",\n")) {
		return
	}
	write()
	w.text(",")
	w.newline()
}

// comment writes a line of its own. What would end the line or the comment is taken
// out of text.
func (w *writer) comment(text string) {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, text)
	if w.room(len("// ") + len(text)) {
		w.text("// " + text)
		w.newline()
	}
}

// string writes a literal of s, and of its beginning only when it does not fit.
func (w *writer) string(s string) {
	literal := quote(s)
	for w.tooLong(literal) {
		s = s[:len(s)/2]
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		literal = quote(s)
		if !w.tooLong(literal) {
			w.text(literal)
			w.text(" /* the rest is left out */")
			return
		}
	}
	w.text(literal)
}

func (w *writer) tooLong(literal string) bool {
	return len(literal) > 2 && len(w.b)+len(literal)+w.reserve+w.indent+2*len(cutNote)+16 > w.limit
}

// quote returns a literal of s: a raw one when that has less to escape.
func quote(s string) string {
	if strings.ContainsAny(s, `"\`) && strconv.CanBackquote(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}
