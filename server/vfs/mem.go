package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"
)

// Mem is a file system in memory. Zero ranges that were never written take no
// memory. A Mem from NewTrackedMem also knows what was synced, at the price of
// a second copy of the data, and can be crashed.
//
// A Mem may be used by several goroutines.
type Mem struct {
	mu      sync.Mutex // guards everything below and all nodes
	root    *memNode
	tracked bool
	pending []*dirOp // tracked: directory changes not yet synced, oldest first
	locks   map[string]bool
}

// memNode is a file or a directory.
type memNode struct {
	mode    fs.FileMode
	modTime time.Time

	entries map[string]*memNode // directory: as every caller sees it
	durable map[string]*memNode // directory, tracked: as synced

	data   pages   // file
	synced pages   // file, tracked: as of the last Sync
	writes []memOp // file, tracked: since then, oldest first
	shrunk int     // file, tracked: how often a Sync has cut it
}

// NewMem returns an empty file system that cannot be crashed.
func NewMem() *Mem { return newMem(false) }

// NewTrackedMem returns an empty file system for Crash.
func NewTrackedMem() *Mem { return newMem(true) }

func newMem(tracked bool) *Mem {
	m := &Mem{tracked: tracked, locks: make(map[string]bool)}
	m.root = m.newDir(0o777)
	return m
}

func (m *Mem) newDir(perm fs.FileMode) *memNode {
	n := &memNode{mode: fs.ModeDir | perm, entries: make(map[string]*memNode)}
	if m.tracked {
		n.durable = make(map[string]*memNode)
	}
	return n
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// elements splits a name into the names on the way from the root.
func elements(name string) []string {
	clean := filepath.ToSlash(filepath.Clean(name))
	return strings.FieldsFunc(clean, func(r rune) bool { return r == '/' })
}

// lookup finds a node; nil if it is not there.
func (m *Mem) lookup(name string) *memNode {
	n := m.root
	for _, e := range elements(name) {
		if n = n.entries[e]; n == nil {
			return nil
		}
	}
	return n
}

// parent finds the directory a name lies in, and its last element.
func (m *Mem) parent(op, name string) (*memNode, string, error) {
	el := elements(name)
	if len(el) == 0 {
		return nil, "", pathError(op, name, fs.ErrInvalid)
	}
	dir := m.root
	for _, e := range el[:len(el)-1] {
		if dir = dir.entries[e]; dir == nil || !dir.mode.IsDir() {
			return nil, "", pathError(op, name, fs.ErrNotExist)
		}
	}
	return dir, el[len(el)-1], nil
}

// change applies directory changes and, if tracked, remembers them as one op.
func (m *Mem) change(changes ...dirChange) {
	for _, c := range changes {
		c.apply(c.dir.entries)
	}
	if m.tracked {
		m.pending = append(m.pending, &dirOp{changes})
	}
}

func (m *Mem) Open(name string, flag int, perm fs.FileMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("open", name)
	if err != nil {
		return nil, err
	}
	n := dir.entries[base]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, pathError("open", name, fs.ErrNotExist)
	case n == nil:
		n = &memNode{mode: perm.Perm(), modTime: time.Now()}
		m.change(dirChange{dir, base, n})
	case flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return nil, pathError("open", name, fs.ErrExist)
	case n.mode.IsDir():
		return nil, pathError("open", name, fmt.Errorf("is a directory: %w", fs.ErrInvalid))
	}
	if flag&os.O_TRUNC != 0 {
		m.do(n, memOp{truncate: true})
	}
	return &memFile{m: m, n: n, name: name, writable: flag&(os.O_WRONLY|os.O_RDWR) != 0}, nil
}

func (m *Mem) Rename(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, oldBase, err := m.parent("rename", oldname)
	if err != nil {
		return err
	}
	to, newBase, err := m.parent("rename", newname)
	if err != nil {
		return err
	}
	n := from.entries[oldBase]
	if n == nil {
		return pathError("rename", oldname, fs.ErrNotExist)
	}
	if old := to.entries[newBase]; old != nil && old.mode.IsDir() {
		return pathError("rename", newname, fs.ErrExist)
	}
	m.change(dirChange{from, oldBase, nil}, dirChange{to, newBase, n})
	return nil
}

func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("remove", name)
	if err != nil {
		return err
	}
	n := dir.entries[base]
	if n == nil {
		return pathError("remove", name, fs.ErrNotExist)
	}
	if len(n.entries) > 0 {
		return pathError("remove", name, fmt.Errorf("directory not empty: %w", fs.ErrExist))
	}
	m.change(dirChange{dir, base, nil})
	return nil
}

func (m *Mem) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookup(name)
	if n == nil || !n.mode.IsDir() {
		return nil, pathError("open", name, fs.ErrNotExist)
	}
	list := make([]fs.DirEntry, 0, len(n.entries))
	for base, c := range n.entries {
		list = append(list, fs.FileInfoToDirEntry(c.info(base)))
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
	return list, nil
}

func (m *Mem) MkdirAll(name string, perm fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.root
	for _, e := range elements(name) {
		c := n.entries[e]
		if c == nil {
			c = m.newDir(perm.Perm())
			c.modTime = time.Now()
			m.change(dirChange{n, e, c})
		} else if !c.mode.IsDir() {
			return pathError("mkdir", name, fmt.Errorf("not a directory: %w", fs.ErrExist))
		}
		n = c
	}
	return nil
}

func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookup(name)
	if n == nil {
		return nil, pathError("stat", name, fs.ErrNotExist)
	}
	return n.info(filepath.Base(name)), nil
}

func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookup(name)
	if n == nil || !n.mode.IsDir() {
		return pathError("open", name, fs.ErrNotExist)
	}
	m.syncDir(n)
	return nil
}

func (m *Mem) Lock(name string) (io.Closer, error) {
	f, err := m.Open(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	f.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	key := filepath.Clean(name)
	if m.locks[key] {
		return nil, fmt.Errorf("lock %s: %w", name, ErrLocked)
	}
	m.locks[key] = true
	return &memLock{m: m, key: key}, nil
}

type memLock struct {
	m    *Mem
	key  string
	once sync.Once
}

func (l *memLock) Close() error {
	l.once.Do(func() {
		l.m.mu.Lock()
		defer l.m.mu.Unlock()
		delete(l.m.locks, l.key)
	})
	return nil
}

type memInfo struct {
	name    string
	size    int64
	mode    fs.FileMode
	modTime time.Time
}

func (n *memNode) info(base string) fs.FileInfo {
	return memInfo{base, n.data.size, n.mode, n.modTime}
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return i.mode }
func (i memInfo) ModTime() time.Time { return i.modTime }
func (i memInfo) IsDir() bool        { return i.mode.IsDir() }
func (i memInfo) Sys() any           { return nil }
