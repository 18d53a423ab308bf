package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"sync"

	"zookit/protocol"
)

// Change is one that is being written.
type Change struct {
	j *Journal

	mu     sync.Mutex // guards what follows; it is taken before Journal.mu
	f      *os.File   // nil until something had to be written
	at     file       // of f
	buf    []byte     // records that are not in f
	header Header
	size   int64 // of the file, with what is in buf
	err    error // the first failure: nothing more is written
	kept   bool  // it has ended; when f is nil it is the journal's, under Journal.mu
}

// flushBytes is how much of a change waits in memory.
const flushBytes = 64 << 10

// Number is the change's; 0 when it could not be written.
func (c *Change) Number() int {
	c.mu.Lock()
	if !c.kept {
		_ = c.begin()
	}
	waits := c.kept && c.f == nil
	defer c.mu.Unlock()
	if waits {
		_ = c.j.Flush()
		c.j.mu.Lock()
		defer c.j.mu.Unlock()
	}
	return c.header.Number
}

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

// Back forgets what was added since a mark, and that it was too much. The zero
// Mark is the beginning.
func (c *Change) Back(m Mark) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(c.err, ErrFull) {
		c.err = nil
	}
	if c.err != nil {
		return c.err
	}
	c.header.Records, c.header.Lost = m.records, m.lost
	written := c.size - int64(len(c.buf))
	c.size = max(m.size, headerLen)
	if written <= c.size { // all of it is in memory
		c.buf = c.buf[:c.size-written]
		return nil
	}
	c.buf = c.buf[:0]
	if c.err = c.f.Truncate(c.size); c.err == nil {
		_, c.err = c.f.Seek(c.size, io.SeekStart)
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

// Header is what the change is so far, before it is kept.
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

// flush writes what is in memory. A change that was too large keeps what it has.
func (c *Change) flush() error {
	if err := c.begin(); err != nil && !errors.Is(err, ErrFull) {
		return err
	}
	if len(c.buf) == 0 {
		return c.err
	}
	c.j.mu.Lock()
	err := c.j.reserve(int64(len(c.buf)), 0, c.at)
	c.j.mu.Unlock()
	if err == nil {
		_, err = c.f.Write(c.buf)
		c.buf = c.buf[:0]
	}
	if err != nil {
		c.err = err
	}
	return c.err
}

// begin makes the file, unless there is one.
func (c *Change) begin() error {
	if c.f != nil || c.err != nil && !errors.Is(c.err, ErrFull) {
		return c.err
	}
	c.j.mu.Lock()
	f, at, err := c.j.create(1)
	if err == nil {
		err = c.j.reserve(headerLen, 1, at)
	}
	c.j.mu.Unlock()
	if err != nil {
		c.err = err
		return err
	}
	c.f, c.at, c.header.Number = f, at, at.first
	if err := c.writeHeader(); err != nil {
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
	c.header.Ended, c.kept = true, true
	if c.f == nil && (c.err == nil || errors.Is(c.err, ErrFull)) {
		c.mu.Unlock()
		return c.j.wait(c)
	}
	defer c.mu.Unlock()
	if c.f == nil {
		return c.err
	}
	_ = c.flush()
	err := c.writeHeader()
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
	if c.f != nil {
		c.f.Close()
		_ = os.Remove(c.j.path(c.at))
	}
}

func (c *Change) writeHeader() error {
	b, err := c.header.block()
	if err != nil {
		return err
	}
	if _, err = c.f.WriteAt(b, 0); err != nil {
		return err
	}
	if !c.header.Ended {
		_, err = c.f.Seek(headerLen, io.SeekStart)
	}
	return err
}

// alone is the file of a change that is all in memory.
func (c *Change) alone() ([]byte, error) {
	b, err := c.header.block()
	return append(b, c.buf...), err
}

// block is the first headerLen bytes of a change's file.
func (h *Header) block() ([]byte, error) {
	text, err := h.encode()
	b := slices.Repeat([]byte{' '}, headerLen)
	copy(b, magic)
	binary.BigEndian.PutUint32(b[8:], uint32(len(text)))
	copy(b[12:], text)
	return b, err
}

// encode is the header's JSON, short enough for its place.
func (h *Header) encode() ([]byte, error) {
	text, err := json.Marshal(h)
	for err == nil && len(text) > headerLen-12 { // texts of control characters grow sixfold in JSON
		h.Line, h.Servers, h.Reasons = shorten(h.Line, len(h.Line)/2), shorten(h.Servers, len(h.Servers)/2), nil
		text, err = json.Marshal(h)
	}
	return text, err
}
