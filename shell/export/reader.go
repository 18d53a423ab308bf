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
	"slices"

	"zookit/protocol"
)

// MaxLine is the longest line that is read, in bytes: more than the largest
// znode needs that a server with a generous jute.maxbuffer takes.
const MaxLine = 256 << 20

// Error is a file that is no whole export.
type Error struct {
	Line int // from 1
	Why  string
	Err  error // may be nil
}

func (e *Error) Error() string {
	text := fmt.Sprintf("line %d: %s", e.Line, e.Why)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Reader reads an export and checks everything that can be: the form of each
// line, the order, that no parent is missing, and in the end the sum.
type Reader struct {
	in    *bufio.Reader
	sum   hash.Hash
	at    int // number of the line read last
	root  string
	last  string
	count int64
	done  bool

	acl     []protocol.ACL // of the znode before, which most others share
	aclText []string
}

// NewReader reads the first line.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{in: bufio.NewReaderSize(in, 64<<10), sum: sha256.New()}
	b, err := r.line()
	if errors.Is(err, io.EOF) {
		return nil, r.fail("the file is empty", nil)
	}
	if err != nil {
		return nil, err
	}
	var head headLine
	if err := json.Unmarshal(b, &head); err != nil || head.Export != headWord {
		return nil, r.fail("this is not the beginning of an export", nil)
	}
	if head.Format != Format {
		return nil, r.fail(fmt.Sprintf("it is of format %d, and this program reads format %d: use a newer zkcli", head.Format, Format), nil)
	}
	if err := protocol.ValidatePath(head.Root); err != nil {
		return nil, r.fail("the root", err)
	}
	r.root = head.Root
	r.sum.Write(b)
	return r, nil
}

// Root is the path whose subtree was exported.
func (r *Reader) Root() string { return r.root }

// Count is how many znodes were read.
func (r *Reader) Count() int64 { return r.count }

// Next is the next znode; its ACL is shared with others. Its error is io.EOF when the file ended as a whole
// one does, and an *Error for any other; what was read before is not to be
// relied on then.
func (r *Reader) Next() (*Entry, error) {
	if r.done {
		return nil, io.EOF
	}
	b, err := r.line()
	switch {
	case errors.Is(err, io.EOF):
		return nil, r.fail("the file ends without its last line, the count and checksum: it was cut short, or its export was interrupted; export it again", nil)
	case err != nil:
		return nil, err
	case bytes.HasPrefix(b, []byte(`{"count":`)):
		return nil, r.tail(b)
	}
	r.sum.Write(b)
	var l entryLine
	if err := json.Unmarshal(b, &l); err != nil {
		return nil, r.fail("this is no line of an export", err)
	}
	e, err := l.entry()
	if err == nil {
		e.ACL, err = r.parseACL(l.ACL)
	}
	if err != nil {
		return nil, r.fail("this is no znode", err)
	}
	if why := r.misplaced(e.Path); why != "" {
		return nil, r.fail(why, nil)
	}
	r.count, r.last = r.count+1, e.Path
	return e, nil
}

func (r *Reader) parseACL(texts []string) ([]protocol.ACL, error) {
	if r.aclText == nil || !slices.Equal(texts, r.aclText) {
		acl, err := ParseACL(texts)
		if err != nil {
			return nil, err
		}
		r.acl, r.aclText = acl, texts
	}
	return r.acl, nil
}

// misplaced says why a path cannot stand here; "" when it can. All that are
// above the path before it are there, so a parent must be one of those or it.
func (r *Reader) misplaced(path string) string {
	switch parent := protocol.Parent(path); {
	case r.count == 0 && path != r.root:
		return fmt.Sprintf("the first znode is %s and not the root, %s", path, r.root)
	case r.count == 0:
		return ""
	case !Under(path, r.root):
		return fmt.Sprintf("%s is not below %s", path, r.root)
	case !Before(r.last, path):
		return fmt.Sprintf("%s comes behind %s: the lines are not in their order", path, r.last)
	case r.last != parent && !Under(r.last, parent):
		return fmt.Sprintf("%s comes without its parent", path)
	}
	return ""
}

// tail checks the last line.
func (r *Reader) tail(b []byte) error {
	var t tailLine
	if err := json.Unmarshal(b, &t); err != nil {
		return r.fail("this is no last line of an export", err)
	}
	if t.Count != r.count {
		return r.fail(fmt.Sprintf("the file holds %d znodes and was written with %d: lines were added or lost; export it again", r.count, t.Count), nil)
	}
	if got := hex.EncodeToString(r.sum.Sum(nil)); got != t.SHA256 {
		return r.fail("the checksum does not match: the file was changed after it was exported; export it again", nil)
	}
	if r.count == 0 {
		return r.fail("it holds no znode", nil)
	}
	if _, err := r.in.ReadByte(); err == nil {
		return r.fail("something follows the last line", nil)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	r.done = true
	return io.EOF
}

func (r *Reader) fail(why string, err error) error { return &Error{r.at, why, err} }

// line reads a line with its end; io.EOF when there is none, or only a part.
func (r *Reader) line() ([]byte, error) {
	r.at++
	var whole []byte
	for {
		b, err := r.in.ReadSlice('\n')
		if err == nil && whole == nil {
			return b, nil
		}
		if whole = append(whole, b...); err == nil {
			return whole, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if len(whole) > MaxLine {
			return nil, r.fail(fmt.Sprintf("it is longer than %d bytes", MaxLine), nil)
		}
	}
}
