package sim

import (
	"errors"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"syscall"

	"zookit/server/vfs"
)

var (
	errPower = errors.New("the power is off")
	errDisk  = errors.New("input/output error")
)

// disk is a file system as one run of a process sees it. It counts the effects
// (what changes the disk, and syncs), ends all of them when the power fails or
// the process dies, and makes chosen ones fail.
type disk struct {
	mem     *vfs.Mem
	w       *world
	machine *process // nil: of no machine

	dead   bool // nothing reaches the disk any more
	cutIn  int  // > 0: the power fails before so many effects (cutOp) from now
	cutOp  vfs.Op
	failIn int // > 0: so many effects from now, one fails
	fail   failure
	lie    *lie
	failed bool // an injected failure was met

	locks []io.Closer
	// yield, while a fiber runs, lets the rest of the world go on; calm: not at
	// effects.
	yield func()
	calm  bool
}

// enter says whose fiber runs now, nil: none.
func (d *disk) enter(f *fiber, yield func()) { d.yield, d.calm = yield, f != nil && f.calm }

// failure says which effects may fail, and how.
type failure struct {
	op    vfs.Op // "": any
	short bool   // a failing write leaves half of its bytes
	clean bool   // what a failing sync did not bring to the disk counts as clean
}

// effect is called before every effect.
func (d *disk) effect(op vfs.Op, name string) error {
	if d.yield != nil && !d.calm && !d.dead {
		d.yield()
	}
	if d.dead {
		return errPower
	}
	if d.cutIn > 0 && (d.cutOp == vfs.OpAny || d.cutOp == op) {
		if d.cutIn--; d.cutIn == 0 {
			d.w.reached("power cut before " + string(op))
			d.w.tracef("power fails before %s %s", op, filepath.Base(name))
			d.dead = true
			return errPower
		}
	}
	if d.failIn > 0 && (d.fail.op == vfs.OpAny || d.fail.op == op) {
		if d.failIn--; d.failIn == 0 {
			d.w.reached("failed " + string(op))
			d.w.tracef("disk fails %s %s", op, filepath.Base(name))
			d.failed = true
			return &fs.PathError{Op: string(op), Path: name, Err: errDisk}
		}
	}
	return nil
}

// release ends the locks as the death of the process does.
func (d *disk) release() {
	d.dead = true
	for _, l := range d.locks {
		l.Close()
	}
	d.locks = nil
}

func (d *disk) Open(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	if flag&os.O_CREATE != 0 {
		if err := d.effect(vfs.OpCreate, name); err != nil {
			return nil, err
		}
	} else if d.dead {
		return nil, errPower
	}
	f, err := d.mem.Open(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &diskFile{f, d}, nil
}

func (d *disk) Rename(oldname, newname string) error {
	if err := d.effect(vfs.OpRename, newname); err != nil {
		return err
	}
	return d.mem.Rename(oldname, newname)
}

func (d *disk) Remove(name string) error {
	if err := d.effect(vfs.OpRemove, name); err != nil {
		return err
	}
	return d.mem.Remove(name)
}

func (d *disk) MkdirAll(name string, perm fs.FileMode) error {
	if err := d.effect(vfs.OpMkdir, name); err != nil {
		return err
	}
	if _, err := d.mem.Stat(name); err != nil && d.full() {
		return d.outOfSpace(vfs.OpMkdir, name)
	}
	return d.mem.MkdirAll(name, perm)
}

func (d *disk) SyncDir(name string) error {
	if err := d.effect(vfs.OpSyncDir, name); err != nil {
		return err
	}
	return d.mem.SyncDir(name)
}

func (d *disk) ReadDir(name string) ([]fs.DirEntry, error) {
	if d.dead {
		return nil, errPower
	}
	return d.mem.ReadDir(name)
}

func (d *disk) Stat(name string) (fs.FileInfo, error) {
	if d.dead {
		return nil, errPower
	}
	return d.mem.Stat(name)
}

func (d *disk) Lock(name string) (io.Closer, error) {
	if err := d.effect(vfs.OpCreate, name); err != nil {
		return nil, err
	}
	l, err := d.mem.Lock(name)
	if err == nil {
		d.locks = append(d.locks, l)
	}
	return l, err
}

type diskFile struct {
	vfs.File
	d *disk
}

func (f *diskFile) Read(b []byte) (int, error) {
	if f.d.dead {
		return 0, errPower
	}
	return f.File.Read(b)
}

func (f *diskFile) ReadAt(b []byte, off int64) (int, error) {
	if f.d.dead {
		return 0, errPower
	}
	return f.File.ReadAt(b, off)
}

func (f *diskFile) Write(b []byte) (int, error) {
	return f.write(b, func(b []byte) (int, error) {
		if f.d.full() {
			return f.noSpace(b, len(b)/2, f.File.Write)
		}
		return f.File.Write(b)
	})
}

func (f *diskFile) WriteAt(b []byte, off int64) (int, error) {
	if f.d.lies(f, b, off) {
		return len(b), nil
	}
	at := func(b []byte) (int, error) { return f.File.WriteAt(b, off) }
	return f.write(b, func(b []byte) (int, error) {
		if size, err := f.Size(); err == nil && off+int64(len(b)) > size && f.d.full() {
			return f.noSpace(b, int(max(size-off, 0)), at)
		}
		return at(b)
	})
}

// full tells that nothing grows on the disk now: files are made and written
// over, renamed and removed, but no byte is added.
func (d *disk) full() bool { return d.machine != nil && d.w.now < d.machine.fullUntil }

// noSpace writes what fits, or nothing of it.
func (f *diskFile) noSpace(b []byte, fits int, write func([]byte) (int, error)) (n int, err error) {
	if f.d.machine.fullShort {
		n, _ = write(b[:fits])
	}
	return n, f.d.outOfSpace(vfs.OpWrite, f.Name())
}

func (d *disk) outOfSpace(op vfs.Op, name string) error {
	d.w.reached("no space for " + string(op))
	d.w.tracef("no space for %s %s", op, filepath.Base(name))
	d.failed = true
	return &fs.PathError{Op: string(op), Path: name, Err: syscall.ENOSPC}
}

func (f *diskFile) write(b []byte, write func([]byte) (int, error)) (int, error) {
	err := f.d.effect(vfs.OpWrite, f.Name())
	if err == nil {
		return write(b)
	}
	n := 0
	if errors.Is(err, errDisk) && f.d.fail.short {
		n, _ = write(b[:len(b)/2])
	}
	return n, err
}

func (f *diskFile) Sync() error {
	if err := f.d.effect(vfs.OpSync, f.Name()); err != nil {
		if errors.Is(err, errDisk) && f.d.fail.clean {
			f.d.mem.FailSync(f.Name(), rand.New(rand.NewSource(f.d.w.rng.Int64())))
		}
		return err
	}
	return f.File.Sync()
}

func (f *diskFile) Truncate(size int64) error {
	if err := f.d.effect(vfs.OpTruncate, f.Name()); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *diskFile) Preallocate(off, size int64) error {
	if err := f.d.effect(vfs.OpPreallocate, f.Name()); err != nil {
		return err
	}
	if now, err := f.Size(); err == nil && off+size > now && f.d.full() {
		return f.d.outOfSpace(vfs.OpPreallocate, f.Name())
	}
	return f.File.Preallocate(off, size)
}
