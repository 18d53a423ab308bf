package journal

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// Kind is what was done to a znode.
type Kind int32

const (
	Created     Kind = 1 + iota // by itself
	CreatedTree                 // one of many, parents first
	Deleted                     // by itself
	DeletedTree                 // one of many. Recorded parents first, before it was done: it may not have been.
	Set
	SetACL
)

// Record is one changed znode. Fields in the order of the file.
type Record struct {
	Kind   Kind
	Path   string         // without any chroot
	Before protocol.Stat  // of what was deleted or changed
	After  protocol.Stat  // of what was created or changed; zero when the server did not tell
	Data   []byte         // before, of deletes and sets; nil is null
	ACL    []protocol.ACL // before, of deletes and setACLs
}

func (r *Record) AppendTo(b []byte) []byte {
	b = jute.AppendInt(b, int32(r.Kind))
	b = jute.AppendString(b, r.Path)
	b = r.Before.AppendTo(b)
	b = r.After.AppendTo(b)
	b = jute.AppendBuffer(b, r.Data)
	return protocol.AppendACLs(b, r.ACL)
}

func (r *Record) Decode(d *jute.Decoder) error {
	r.Kind, r.Path = Kind(d.Int()), d.String()
	_ = r.Before.Decode(d)
	_ = r.After.Decode(d)
	r.Data, r.ACL = d.Buffer(), protocol.DecodeACLs(d)
	if err := d.Err(); err != nil {
		return fmt.Errorf("journal: record: %w", err)
	}
	if r.Kind < Created || r.Kind > SetACL {
		return fmt.Errorf("journal: record of unknown kind %d", r.Kind)
	}
	return nil
}

// maxRecord bounds a record, in bytes: the largest znode that any server takes,
// and its ACL.
const maxRecord = 256 << 20

// Reader is a change that is being read.
type Reader struct {
	Header Header
	f      *os.File
	base   int64 // where its records begin in the file
	end    int64 // and end
	index  []entry
}

// entry is where a record is.
type entry struct {
	offset int64
	length int32
	kind   Kind
}

// Open opens a change.
func (j *Journal) Open(number int) (*Reader, error) {
	if err := j.Flush(); err != nil {
		return nil, err
	}
	at, err := j.fileOf(number)
	if err != nil {
		return nil, err
	}
	readers, err := j.read(at)
	if err != nil {
		return nil, fmt.Errorf("journal: change %d cannot be read: %w", number, err)
	}
	for _, r := range readers {
		if r.Header.Number == number {
			return r, nil
		}
	}
	readers[0].Close()
	return nil, fmt.Errorf("journal: change %d: %w", number, fs.ErrNotExist)
}

// read finds the changes of a file, one at least; they share what Close closes.
func (j *Journal) read(at file) ([]*Reader, error) {
	f, err := os.Open(j.path(at))
	if err != nil {
		return nil, err
	}
	var list []*Reader
	if at.first != at.last {
		list, err = j.packed(f)
		if err == nil && len(list) == 0 {
			err = errors.New("it holds no whole change")
		}
	} else {
		r := &Reader{f: f, base: headerLen}
		err = r.header()
		r.Header.Number = at.first
		list = []*Reader{r}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return list, nil
}

func (r *Reader) header() error {
	b := make([]byte, headerLen)
	if _, err := io.ReadFull(r.f, b); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(b[8:])
	if string(b[:8]) != magic || n > headerLen-12 {
		return errors.New("it is no change")
	}
	if err := json.Unmarshal(b[12:12+n], &r.Header); err != nil {
		return err
	}
	st, err := r.f.Stat()
	if err != nil {
		return err
	}
	r.Header.Bytes, r.end = st.Size(), st.Size()
	return nil
}

// Close ends the reading.
func (r *Reader) Close() { r.f.Close() }

// Index finds the records and returns how many there are. It takes 16 bytes of
// memory for each.
func (r *Reader) Index() (int, error) {
	r.index = nil
	in := bufio.NewReaderSize(io.NewSectionReader(r.f, r.base, r.end-r.base), 256<<10)
	for offset := r.base; ; {
		var head [8]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return len(r.index), nil
			}
			return 0, err
		}
		n := binary.BigEndian.Uint32(head[:])
		if n < 4 || n > maxRecord {
			return 0, fmt.Errorf("journal: change %d is damaged at byte %d: a record of %d bytes", r.Header.Number, offset, n)
		}
		if left := r.end - offset - 4; int64(n) > left {
			return len(r.index), nil // its writer was killed
		}
		r.index = append(r.index, entry{offset + 4, int32(n), Kind(binary.BigEndian.Uint32(head[4:]))})
		if _, err := in.Discard(int(n) - 4); err != nil {
			return 0, err
		}
		offset += 4 + int64(n)
	}
}

// Kind is that of the record at i.
func (r *Reader) Kind(i int) Kind { return r.index[i].kind }

// Record reads the record at i, counted from 0 in the order of the file.
func (r *Reader) Record(i int) (*Record, error) {
	e := r.index[i]
	b := make([]byte, e.length)
	if _, err := r.f.ReadAt(b, e.offset); err != nil {
		return nil, err
	}
	rec := new(Record)
	if err := rec.Decode(jute.NewDecoder(b)); err != nil {
		return nil, fmt.Errorf("change %d, byte %d: %w", r.Header.Number, e.offset, err)
	}
	return rec, nil
}

// Order lists the records in the order in which they are taken back: first
// what was deleted of a subtree, parents first, then the rest, the last change
// first.
func (r *Reader) Order() []int {
	order := make([]int, 0, len(r.index))
	for i, e := range r.index {
		if e.kind == DeletedTree {
			order = append(order, i)
		}
	}
	for i, e := range slices.Backward(r.index) {
		if e.kind != DeletedTree {
			order = append(order, i)
		}
	}
	return order
}
