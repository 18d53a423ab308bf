package export

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"unicode/utf8"
)

// Writer writes an export. Znodes are to come in the order of the file.
type Writer struct {
	out   *bufio.Writer
	sum   hash.Hash
	buf   bytes.Buffer
	json  *json.Encoder
	count int64
	last  string // path of the znode before
	root  string
	err   error
}

// NewWriter begins an export of the subtree of root.
func NewWriter(out io.Writer, root string) *Writer {
	w := &Writer{out: bufio.NewWriterSize(out, 64<<10), sum: sha256.New(), root: root}
	w.json = json.NewEncoder(&w.buf)
	w.json.SetEscapeHTML(false)
	w.line(&headLine{headWord, Format, root})
	return w
}

// line writes a line into the file and the sum.
func (w *Writer) line(v any) {
	if w.err != nil {
		return
	}
	w.buf.Reset()
	if w.err = w.json.Encode(v); w.err != nil {
		return
	}
	w.sum.Write(w.buf.Bytes())
	_, w.err = w.out.Write(w.buf.Bytes())
	if w.buf.Cap() > 1<<20 { // one large znode shall not be kept for all
		w.buf = bytes.Buffer{}
	}
}

// ErrOrder: a znode came out of order, or twice.
var ErrOrder = errors.New("not in the order of an export")

// Write adds a znode.
func (w *Writer) Write(e *Entry) error {
	switch {
	case w.err != nil:
		return w.err
	case w.count == 0 && e.Path != w.root, w.count > 0 && !Before(w.last, e.Path):
		return fmt.Errorf("%s behind %s: %w", e.Path, w.last, ErrOrder)
	case !utf8.ValidString(e.Path):
		return fmt.Errorf("%q: the name is not UTF-8 and cannot be written as text", e.Path)
	}
	w.line(e.line())
	w.count, w.last = w.count+1, e.Path
	return w.err
}

// Count is how many znodes were written.
func (w *Writer) Count() int64 { return w.count }

// Close writes the last line, without which the file is not taken for whole.
func (w *Writer) Close() error {
	w.line(&tailLine{w.count, hex.EncodeToString(w.sum.Sum(nil))})
	if w.err == nil {
		w.err = w.out.Flush()
	}
	return w.err
}
