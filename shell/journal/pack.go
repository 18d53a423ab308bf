package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"
)

// A pack holds several changes, one behind the other:
//
//	offset  size  field
//	0       8     magic, "ZKUNDOP\n"
//	then for each change:
//	0       4     length of the header's JSON
//	4       4     length of the records, in bytes
//	8       …     JSON of Header
//	…       …     records
const (
	packMagic = "ZKUNDOP\n"
	packHead  = 8 // bytes in front of a header

	// waitLimit is how long a change that has ended may wait in memory.
	waitLimit = time.Second
	// waitBytes bounds what waits there.
	waitBytes = 1 << 20
)

// wait takes a change that ended before anything of it was written. An error is
// that of changes which waited before it.
func (j *Journal) wait(c *Change) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting = append(j.waiting, c)
	j.waitingBytes += len(c.buf)
	if len(j.waiting) >= max(1, j.most/roomPart) || j.waitingBytes >= min(waitBytes, int(j.limit/roomPart)) {
		j.writeWaiting()
	} else if j.timer == nil {
		j.timer = time.AfterFunc(waitLimit, func() {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.writeWaiting()
		})
	}
	err := j.err
	j.err = nil
	return err
}

// Flush writes the changes that have ended. To be called when the shell waits
// for a person, and when it ends.
func (j *Journal) Flush() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writeWaiting()
	err := j.err
	j.err = nil
	return err
}

// writeWaiting writes what waits; mu is held. What cannot be written is lost.
func (j *Journal) writeWaiting() {
	if j.timer != nil {
		j.timer.Stop()
		j.timer = nil
	}
	waiting := j.waiting
	j.waiting, j.waitingBytes = nil, 0
	if len(waiting) == 0 {
		return
	}
	if err := j.write(waiting); err != nil && j.err == nil {
		j.err = err
	}
}

// write writes changes into a file; one change into one of its own.
func (j *Journal) write(changes []*Change) error {
	f, at, err := j.create(len(changes))
	if err != nil {
		return err
	}
	b := []byte(packMagic)
	for i, c := range changes {
		c.header.Number = at.first + i
		if at.first == at.last {
			b, err = c.alone()
		} else {
			b, err = appendPacked(b, &c.header, c.buf)
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		if err = j.reserve(int64(len(b)), len(changes), at); err == nil {
			_, err = f.Write(b)
		}
	}
	return errors.Join(err, f.Close())
}

func appendPacked(b []byte, h *Header, records []byte) ([]byte, error) {
	text, err := h.encode()
	if err != nil {
		return nil, err
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(records)))
	return append(append(b, text...), records...), nil
}

// packed finds the changes of a pack. The end of one whose writer was killed is
// left out.
func (j *Journal) packed(f *os.File) ([]*Reader, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	head := make([]byte, packHead)
	if _, err := f.ReadAt(head, 0); err != nil || string(head) != packMagic {
		return nil, errors.New("it is no pack of changes")
	}
	var list []*Reader
	for at := int64(packHead); ; {
		if _, err := f.ReadAt(head, at); err != nil {
			return list, ignoreEOF(err)
		}
		text, records := int64(binary.BigEndian.Uint32(head)), int64(binary.BigEndian.Uint32(head[4:]))
		base := at + packHead + text
		if text > headerLen || base+records > st.Size() {
			return list, nil
		}
		b := make([]byte, text)
		if _, err := f.ReadAt(b, at+packHead); err != nil {
			return list, ignoreEOF(err)
		}
		r := &Reader{f: f, base: base, end: base + records}
		if err := json.Unmarshal(b, &r.Header); err != nil {
			return list, nil
		}
		r.Header.Bytes = r.end - at
		list = append(list, r)
		at = r.end
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// unpack writes a pack anew without one of its changes.
func (j *Journal) unpack(at file, number int) error {
	readers, err := j.read(at)
	if err != nil {
		return err
	}
	b, left, err := repack(readers, number)
	readers[0].Close() // Windows replaces no open file
	if err != nil {
		return err
	}
	if left == 0 {
		return os.Remove(j.path(at))
	}
	next := j.path(at) + ".new"
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return err
	}
	return os.Rename(next, j.path(at))
}

// repack is a pack of the changes but one, and how many those are.
func repack(readers []*Reader, without int) (b []byte, changes int, err error) {
	b = []byte(packMagic)
	for _, r := range readers {
		if r.Header.Number == without {
			continue
		}
		records := make([]byte, r.end-r.base)
		if _, err := r.f.ReadAt(records, r.base); err != nil {
			return nil, 0, err
		}
		if b, err = appendPacked(b, &r.Header, records); err != nil {
			return nil, 0, err
		}
		changes++
	}
	return b, changes, nil
}
