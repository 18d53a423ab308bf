package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"sync"
)

// Op names a kind of call for a Fault and in a Trace.
type Op string

const (
	OpAny         Op = "" // any of those below
	OpOpen        Op = "open"
	OpCreate      Op = "create" // an Open with O_CREATE
	OpRead        Op = "read"
	OpWrite       Op = "write"
	OpSync        Op = "sync"
	OpTruncate    Op = "truncate"
	OpPreallocate Op = "preallocate"
	OpRename      Op = "rename"
	OpRemove      Op = "remove"
	OpMkdir       Op = "mkdir"
	OpReadDir     Op = "readdir"
	OpSyncDir     Op = "syncdir"
)

// Fault makes the Nth call (from 1) of a kind fail with Err. With Sticky the
// later ones fail as well. With Short a failing write first writes half of its
// bytes.
type Fault struct {
	Op     Op
	Match  func(name string) bool // nil: every file
	N      int
	Sticky bool
	Short  bool
	Err    error
}

// Faulty passes calls on to another FS, makes some fail and records all of
// them. It may be used by several goroutines.
type Faulty struct {
	FS
	mu     sync.Mutex
	faults []*fault
	trace  []Call
	count  map[Op]int
}

type fault struct {
	Fault
	seen int
}

// Call is one recorded call.
type Call struct {
	Op   Op
	Name string
}

func (c Call) String() string { return fmt.Sprintf("%s %s", c.Op, c.Name) }

// NewFaulty wraps fsys.
func NewFaulty(fsys FS, faults ...Fault) *Faulty {
	f := &Faulty{FS: fsys, count: make(map[Op]int)}
	for _, x := range faults {
		f.Add(x)
	}
	return f
}

// Add adds a fault; its N counts from now.
func (f *Faulty) Add(x Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, &fault{Fault: x})
}

// Trace is every call so far, reads left out.
func (f *Faulty) Trace() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Call(nil), f.trace...)
}

// Count is the number of calls of a kind so far.
func (f *Faulty) Count(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[op]
}

// call records a call and returns the fault it meets, or nil.
func (f *Faulty) call(op Op, name string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[op]++
	f.count[OpAny]++
	if op != OpRead {
		f.trace = append(f.trace, Call{op, name})
	}
	var hit *Fault
	for _, x := range f.faults {
		if (x.Op != OpAny && x.Op != op) || (x.Match != nil && !x.Match(name)) {
			continue
		}
		x.seen++
		if hit == nil && (x.seen == x.N || x.Sticky && x.seen > x.N) {
			hit = &x.Fault
		}
	}
	return hit
}

func (f *Faulty) fail(op Op, name string) error {
	if x := f.call(op, name); x != nil {
		return pathError(string(op), name, x.Err)
	}
	return nil
}

func (f *Faulty) Open(name string, flag int, perm fs.FileMode) (File, error) {
	op := OpOpen
	if flag&os.O_CREATE != 0 {
		op = OpCreate
	}
	if err := f.fail(op, name); err != nil {
		return nil, err
	}
	file, err := f.FS.Open(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f}, nil
}

func (f *Faulty) Rename(oldname, newname string) error {
	if err := f.fail(OpRename, newname); err != nil {
		return err
	}
	return f.FS.Rename(oldname, newname)
}

func (f *Faulty) Remove(name string) error {
	if err := f.fail(OpRemove, name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *Faulty) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.fail(OpReadDir, name); err != nil {
		return nil, err
	}
	return f.FS.ReadDir(name)
}

func (f *Faulty) MkdirAll(name string, perm fs.FileMode) error {
	if err := f.fail(OpMkdir, name); err != nil {
		return err
	}
	return f.FS.MkdirAll(name, perm)
}

func (f *Faulty) SyncDir(name string) error {
	if err := f.fail(OpSyncDir, name); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

type faultyFile struct {
	File
	f *Faulty
}

func (x *faultyFile) Read(b []byte) (int, error) {
	if err := x.f.fail(OpRead, x.Name()); err != nil {
		return 0, err
	}
	return x.File.Read(b)
}

func (x *faultyFile) ReadAt(b []byte, off int64) (int, error) {
	if err := x.f.fail(OpRead, x.Name()); err != nil {
		return 0, err
	}
	return x.File.ReadAt(b, off)
}

func (x *faultyFile) Write(b []byte) (int, error) {
	return x.write(b, x.File.Write)
}

func (x *faultyFile) WriteAt(b []byte, off int64) (int, error) {
	return x.write(b, func(b []byte) (int, error) { return x.File.WriteAt(b, off) })
}

func (x *faultyFile) write(b []byte, write func([]byte) (int, error)) (int, error) {
	hit := x.f.call(OpWrite, x.Name())
	if hit == nil {
		return write(b)
	}
	n := 0
	if hit.Short {
		n, _ = write(b[:len(b)/2])
	}
	err := hit.Err
	if err == nil {
		err = io.ErrShortWrite
	}
	return n, pathError("write", x.Name(), err)
}

func (x *faultyFile) Sync() error {
	if err := x.f.fail(OpSync, x.Name()); err != nil {
		return err
	}
	return x.File.Sync()
}

func (x *faultyFile) Truncate(size int64) error {
	if err := x.f.fail(OpTruncate, x.Name()); err != nil {
		return err
	}
	return x.File.Truncate(size)
}

func (x *faultyFile) Preallocate(off, size int64) error {
	if err := x.f.fail(OpPreallocate, x.Name()); err != nil {
		return err
	}
	return x.File.Preallocate(off, size)
}

func sortedNames(m map[string]*memNode) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
