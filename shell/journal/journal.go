// Package journal keeps what a shell changed, so that it can be taken back, in
// a private directory, bounded in size, the oldest going first.
//
// A change has a file NNNNNN.undo (mode 0600). It begins with a magic and a
// header of headerLen bytes that is written anew when the change ends; records
// follow as frames (a 4-byte length and the record), in the order in which they
// were added. A file that ends in the middle of a record is one whose writer
// was killed; what is whole counts.
//
//	offset  size  field
//	0       8     magic, "ZKUNDO1\n"
//	8       4     length of the header's JSON
//	12      …     JSON of Header, the rest of headerLen filled with blanks
//	4096    …     records
//
// A file for each of a script's many small changes would cost more than the
// changes. Those that end before anything of them had to be written wait in
// memory, for a second at most, and go into one file, NNNNNN-MMMMMM.undo, that
// holds the changes of those numbers (pack.go).
//
// The package neither talks to a server nor prints.
package journal

import (
	"errors"
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
// goroutines, and several processes may share the directory.
type Journal struct {
	dir   string
	limit int64 // bytes
	most  int   // changes

	mu          sync.Mutex // guards what follows
	made        bool       // the directory is there
	freeBytes   int64      // may be written before the next look at the directory
	freeChanges int        // may be begun before it

	waiting      []*Change // ended, and not written yet
	waitingBytes int
	timer        *time.Timer // writes them
	err          error       // the first failure to write them that nobody was told
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

// Begin begins a change. Nothing is written before it has grown, is flushed or
// asked for its number, or some time after its end.
func (j *Journal) Begin(h Header) (*Change, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.made {
		if err := os.MkdirAll(j.dir, 0o700); err != nil {
			return nil, err
		}
		j.made = true
	}
	h.Line = shorten(h.Line, maxLine)
	h.Servers = shorten(h.Servers, maxLine)
	return &Change{j: j, header: h, size: headerLen}, nil
}

// reserve makes room for bytes and changes that are written next. The caller
// holds mu.
func (j *Journal) reserve(bytes int64, changes int, spare file) error {
	j.freeBytes -= bytes
	j.freeChanges -= changes
	if j.freeBytes >= 0 && j.freeChanges >= 0 {
		return nil
	}
	return j.makeRoom(bytes, spare)
}

// shorten cuts a text that is too long for a header.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// List is the changes that can be taken back, newest first. A file that is no
// change is passed over.
func (j *Journal) List() ([]Header, error) {
	if err := j.Flush(); err != nil {
		return nil, err
	}
	files, err := j.files()
	if err != nil {
		return nil, err
	}
	var list []Header
	for _, f := range slices.Backward(files) {
		readers, err := j.read(f)
		if err != nil {
			continue
		}
		for _, r := range slices.Backward(readers) {
			if r.Header.Ended || r.end > r.base {
				list = append(list, r.Header)
			}
		}
		readers[0].Close()
	}
	return list, nil
}

// Remove forgets a change. Its number is not given again.
func (j *Journal) Remove(number int) error {
	if err := j.Flush(); err != nil {
		return err
	}
	defer j.lock()()
	if number > j.last() {
		name := filepath.Join(j.dir, lastFile)
		if err := os.WriteFile(name, strconv.AppendInt(nil, int64(number), 10), 0o600); err != nil {
			return err
		}
	}
	f, err := j.fileOf(number)
	if err != nil {
		return err
	}
	if f.first != f.last {
		return j.unpack(f, number)
	}
	return os.Remove(j.path(f))
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

// makeRoom looks at the directory and removes the oldest changes, sparing one
// file, until there is room for size bytes more and for some to come.
func (j *Journal) makeRoom(size int64, spare file) error {
	files, err := j.files()
	if err != nil {
		return err
	}
	total, left := size, 0
	sizes := make([]int64, len(files))
	for i, f := range files {
		left += f.changes()
		if st, err := os.Stat(j.path(f)); err == nil {
			sizes[i] = st.Size()
			total += sizes[i]
		}
	}
	spareBytes, spareChanges := j.limit/roomPart, j.most/roomPart
	for i, f := range files {
		if total+spareBytes <= j.limit && left+spareChanges <= j.most {
			break
		}
		if f != spare && os.Remove(j.path(f)) == nil {
			total -= sizes[i]
			left -= f.changes()
		}
	}
	j.freeBytes, j.freeChanges = max(0, (j.limit-total)/roomPart), spareChanges
	return nil
}
