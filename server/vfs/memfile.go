package vfs

import (
	"io"
	"io/fs"
	"math"
)

// pageSize is the unit in which files take memory; a page never written is nil
// and reads as zeros.
const pageSize = 16 << 10

// pages is a file's content.
type pages struct {
	page [][]byte
	size int64
}

func (p *pages) readAt(b []byte, off int64) int {
	if off >= p.size {
		return 0
	}
	if int64(len(b)) > p.size-off {
		b = b[:p.size-off]
	}
	for done := 0; done < len(b); {
		i, in := int((off+int64(done))/pageSize), int((off+int64(done))%pageSize)
		part := b[done:min(len(b), done+pageSize-in)]
		if i < len(p.page) && p.page[i] != nil {
			copy(part, p.page[i][in:])
		} else {
			clear(part)
		}
		done += len(part)
	}
	return len(b)
}

func (p *pages) writeAt(b []byte, off int64) {
	for done := 0; done < len(b); {
		i, in := int((off+int64(done))/pageSize), int((off+int64(done))%pageSize)
		p.grow(i + 1)
		if p.page[i] == nil {
			p.page[i] = make([]byte, pageSize)
		}
		done += copy(p.page[i][in:], b[done:])
	}
	p.size = max(p.size, off+int64(len(b)))
}

func (p *pages) grow(n int) {
	for len(p.page) < n {
		p.page = append(p.page, nil)
	}
}

// truncate sets the size; what is cut off reads as zeros if it comes back.
func (p *pages) truncate(size int64) {
	keep := int((size + pageSize - 1) / pageSize)
	if keep < len(p.page) {
		clear(p.page[keep:])
		p.page = p.page[:keep]
	}
	if in := size % pageSize; in > 0 && keep == len(p.page) && p.page[keep-1] != nil {
		clear(p.page[keep-1][in:])
	}
	p.size = size
}

func (p *pages) clone() pages {
	c := pages{page: make([][]byte, len(p.page)), size: p.size}
	for i, pg := range p.page {
		if pg != nil {
			c.page[i] = append([]byte(nil), pg...)
		}
	}
	return c
}

// memFile is an open file of a Mem.
type memFile struct {
	m        *Mem
	n        *memNode
	name     string
	writable bool
	pos      int64
	closed   bool
}

func (f *memFile) check(op string, write bool) error {
	switch {
	case f.closed:
		return pathError(op, f.name, fs.ErrClosed)
	case write && !f.writable:
		return pathError(op, f.name, fs.ErrPermission)
	}
	return nil
}

func (f *memFile) Name() string { return f.name }

func (f *memFile) Read(b []byte) (int, error) {
	n, err := f.ReadAt(b, f.pos)
	f.pos += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("read", false); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, pathError("read", f.name, fs.ErrInvalid)
	}
	n := f.n.data.readAt(b, off)
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Write(b []byte) (int, error) {
	n, err := f.WriteAt(b, f.pos)
	f.pos += int64(n)
	return n, err
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("write", true); err != nil {
		return 0, err
	}
	if off < 0 || off > math.MaxInt64-int64(len(b)) {
		return 0, pathError("write", f.name, fs.ErrInvalid)
	}
	f.m.do(f.n, memOp{off: off, data: b})
	return len(b), nil
}

func (f *memFile) Truncate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("truncate", true); err != nil {
		return err
	}
	if size < 0 {
		return pathError("truncate", f.name, fs.ErrInvalid)
	}
	f.m.do(f.n, memOp{truncate: true, off: size})
	return nil
}

// Preallocate extends the size; the zeros take no memory.
func (f *memFile) Preallocate(off, size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("preallocate", true); err != nil {
		return err
	}
	if end := off + size; end > f.n.data.size {
		f.m.do(f.n, memOp{truncate: true, off: end})
	}
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("stat", false); err != nil {
		return 0, err
	}
	return f.n.data.size, nil
}

func (f *memFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("sync", false); err != nil {
		return err
	}
	f.n.sync()
	return nil
}

func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.check("close", false); err != nil {
		return err
	}
	f.closed = true
	return nil
}
