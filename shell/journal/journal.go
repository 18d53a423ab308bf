// Package journal keeps what a shell changed, so that it can be taken back:
// one file a change in a private directory, bounded in size, the oldest going
// first.
//
// A file NNNNNN.undo (mode 0600) begins with the magic "ZKUNDO1\n" and a
// header of headerLen bytes that is written anew when the change ends; records
// follow as frames (a 4-byte length and the record), in the order in which they
// were added. A file that ends in the middle of a record is one whose writer
// was killed; what is whole counts.
//
//	offset  size  field
//	0       8     magic
//	8       4     length of the header's JSON
//	12      …     JSON of Header, the rest of headerLen filled with blanks
//	4096    …     records
//
// The package neither talks to a server nor prints.
package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"zookit/protocol"
)

const (
	magic     = "ZKUNDO1\n"
	headerLen = 4096
	suffix    = ".undo"

	// DefaultLimit bounds all files of a journal together, in bytes, and
	// maxChanges their number.
	DefaultLimit = 256 << 20
	maxChanges   = 1000

	// Between two looks at the directory a shell writes at most this part of
	// what there is room for, since others may write, too.
	roomPart = 8

	// maxLine and maxReasons keep a header within headerLen.
	maxLine    = 400
	maxReasons = 4
	maxReason  = 200
)

// ErrFull: the change is larger than the journal may be.
var ErrFull = errors.New("it is larger than the journal may be")

// Header says what a change was.
type Header struct {
	Number  int                `json:"number"`
	Time    time.Time          `json:"time"`
	Line    string             `json:"line"` // the command
	Servers string             `json:"servers"`
	Session protocol.SessionID `json:"session"`
	Records int                `json:"records"` // 0 in one whose writer was killed
	Ended   bool               `json:"ended"`
	Lost    int                `json:"lost"`    // changes that were not recorded
	Reasons []string           `json:"reasons"` // why, for the first few
	Bytes   int64              `json:"-"`       // of the file
}

// Journal is a directory of changes. Its methods may be called by several
// goroutines and processes.
type Journal struct {
	dir   string
	limit int64 // bytes
	most  int   // changes

	mu          sync.Mutex // guards what follows
	next        int        // number to try next; 0 before the first look at the directory
	freeBytes   int64      // may be written before the next look
	freeChanges int        // may be begun before it
}

// New is the journal in a directory, which is made with its first change.
// limit is in bytes; 0 means DefaultLimit.
func New(dir string, limit int64) *Journal {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Journal{dir: dir, limit: limit, most: maxChanges}
}

// Limit is how large the journal may be, in bytes.
func (j *Journal) Limit() int64 { return j.limit }

func (j *Journal) file(number int) string {
	return filepath.Join(j.dir, fmt.Sprintf("%06d%s", number, suffix))
}

// Begin opens a change; its number is the next one.
func (j *Journal) Begin(h Header) (*Change, error) {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return nil, err
	}
	f, number, err := j.create()
	if err != nil {
		return nil, err
	}
	h.Number = number
	h.Line = shorten(h.Line, maxLine)
	h.Servers = shorten(h.Servers, maxLine)
	return &Change{j: j, f: f, header: h, size: headerLen}, nil
}

// create makes the file of a new change. The number of one that was taken back
// is not given again.
func (j *Journal) create() (*os.File, int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.next == 0 {
		numbers, err := j.numbers()
		if err != nil {
			return nil, 0, err
		}
		j.next = j.last() + 1
		if len(numbers) > 0 {
			j.next = max(j.next, numbers[len(numbers)-1]+1)
		}
	}
	for {
		number := j.next
		f, err := os.OpenFile(j.file(number), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, 0, err
		}
		j.next++
		if err == nil { // else another shell was first
			return f, number, j.reserve(headerLen, 1, number)
		}
	}
}

// reserve makes room for bytes of a change, or for a new one, sparing it. The
// caller holds mu.
func (j *Journal) reserve(bytes int64, changes, number int) error {
	j.freeBytes -= bytes
	j.freeChanges -= changes
	if j.freeBytes >= 0 && j.freeChanges >= 0 {
		return nil
	}
	return j.makeRoom(bytes, number)
}

// shorten cuts a text that is too long for a header.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// numbers lists the changes there are, ascending.
func (j *Journal) numbers() ([]int, error) {
	entries, err := os.ReadDir(j.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []int
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if n, err := strconv.Atoi(name); ok && err == nil && n > 0 {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list, nil
}

// List is the changes that can be taken back, newest first. A file that is no
// change is passed over.
func (j *Journal) List() ([]Header, error) {
	numbers, err := j.numbers()
	if err != nil {
		return nil, err
	}
	var list []Header
	for _, n := range slices.Backward(numbers) {
		r, err := j.Open(n)
		if err != nil {
			continue
		}
		r.Close()
		if r.Header.Ended || r.Header.Bytes > headerLen {
			list = append(list, r.Header)
		}
	}
	return list, nil
}

// Remove forgets a change.
func (j *Journal) Remove(number int) error {
	if number > j.last() {
		name := filepath.Join(j.dir, lastFile)
		if err := os.WriteFile(name, strconv.AppendInt(nil, int64(number), 10), 0o600); err != nil {
			return err
		}
	}
	return os.Remove(j.file(number))
}

// lastFile holds the highest number of a change that was removed.
const lastFile = "last"

func (j *Journal) last() int {
	text, err := os.ReadFile(filepath.Join(j.dir, lastFile))
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// makeRoom looks at the directory and removes the oldest changes, sparing one,
// until there is room for size bytes more and for some to come.
func (j *Journal) makeRoom(size int64, spare int) error {
	numbers, err := j.numbers()
	if err != nil {
		return err
	}
	total, left := size, len(numbers)
	sizes := make([]int64, len(numbers))
	for i, n := range numbers {
		if st, err := os.Stat(j.file(n)); err == nil {
			sizes[i] = st.Size()
			total += sizes[i]
		}
	}
	spareBytes, spareChanges := j.limit/roomPart, j.most/roomPart
	for i, n := range numbers {
		if total+spareBytes <= j.limit && left+spareChanges <= j.most {
			break
		}
		if n != spare && os.Remove(j.file(n)) == nil {
			total -= sizes[i]
			left--
		}
	}
	j.freeBytes, j.freeChanges = max(0, (j.limit-total)/roomPart), spareChanges
	return nil
}

// Change is one that is being written.
type Change struct {
	j *Journal

	mu     sync.Mutex // guards what follows
	f      *os.File
	buf    []byte
	begun  bool // the header was written
	header Header
	size   int64 // of the file, with what is in buf
	err    error // the first failure: nothing more is written
}

// flushBytes is how much of a change waits in memory.
const flushBytes = 64 << 10

// Number is the change's.
func (c *Change) Number() int { return c.header.Number }

// Add appends a record. After an error, ErrFull among them, the change holds
// what was added before it.
func (c *Change) Add(r *Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	before := len(c.buf)
	c.buf = protocol.AppendFrame(c.buf, r)
	n := int64(len(c.buf) - before)
	if c.size+n > c.j.limit {
		c.buf = c.buf[:before]
		c.err = ErrFull
		return c.err
	}
	c.size += n
	c.header.Records++
	c.j.mu.Lock()
	c.err = c.j.reserve(n, 0, c.header.Number)
	c.j.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if len(c.buf) >= flushBytes {
		return c.flush()
	}
	return nil
}

// A Mark is how far a change is.
type Mark struct {
	size          int64
	records, lost int
}

// Mark is how far the change is now.
func (c *Change) Mark() Mark {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Mark{c.size, c.header.Records, c.header.Lost}
}

// Back forgets what was added since a mark, and that it was too much.
func (c *Change) Back(m Mark) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(c.err, ErrFull) {
		c.err = nil
	}
	if err := c.flush(); err != nil {
		return err
	}
	c.size, c.header.Records, c.header.Lost = m.size, m.records, m.lost
	if c.err = c.f.Truncate(m.size); c.err == nil {
		_, c.err = c.f.Seek(m.size, io.SeekStart)
	}
	return c.err
}

// Missed notes a change that is not recorded, and why.
func (c *Change) Missed(n int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.header.Lost += n
	if len(c.header.Reasons) < maxReasons {
		c.header.Reasons = append(c.header.Reasons, shorten(reason, maxReason))
	}
}

// Header is what the change is so far.
func (c *Change) Header() Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.header
}

// Flush writes out what was added: to be called before the server is asked to
// do what the records are the other half of.
func (c *Change) Flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.flush(); !errors.Is(err, ErrFull) {
		return err
	}
	return nil
}

// flush writes what waits. A change that was too large keeps what it has.
func (c *Change) flush() error {
	if c.err != nil && !errors.Is(c.err, ErrFull) {
		return c.err
	}
	var err error
	if !c.begun {
		c.begun = true
		err = c.writeHeader()
	}
	if err == nil && len(c.buf) > 0 {
		_, err = c.f.Write(c.buf)
		c.buf = c.buf[:0]
	}
	if err != nil {
		c.err = err
	}
	return c.err
}

// Keep ends the change. One without records and without losses is dropped.
func (c *Change) Keep() error {
	c.mu.Lock()
	if c.header.Records == 0 && c.header.Lost == 0 {
		c.mu.Unlock()
		c.Drop()
		return nil
	}
	defer c.mu.Unlock()
	if c.begun {
		_ = c.flush()
	}
	c.header.Ended = true
	err := c.writeHeader() // with all records, when they are few
	if closing := c.f.Close(); err == nil {
		err = closing
	}
	if err == nil && !errors.Is(c.err, ErrFull) {
		err = c.err
	}
	return err
}

// Drop forgets the change.
func (c *Change) Drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.f.Close()
	_ = os.Remove(c.j.file(c.header.Number))
}

func (c *Change) writeHeader() error {
	text, err := json.Marshal(c.header)
	if err != nil {
		return err
	}
	for len(text) > headerLen-12 { // texts of control characters grow sixfold in JSON
		h := &c.header
		h.Line, h.Servers, h.Reasons = shorten(h.Line, len(h.Line)/2), shorten(h.Servers, len(h.Servers)/2), nil
		if text, err = json.Marshal(c.header); err != nil {
			return err
		}
	}
	b := slices.Repeat([]byte{' '}, headerLen)
	copy(b, magic)
	binary.BigEndian.PutUint32(b[8:], uint32(len(text)))
	copy(b[12:], text)
	if !c.begun {
		b = append(b, c.buf...)
	}
	if _, err = c.f.WriteAt(b, 0); err != nil {
		return err
	}
	if !c.header.Ended {
		_, err = c.f.Seek(headerLen, io.SeekStart)
	}
	return err
}
