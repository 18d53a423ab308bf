// Package vfs is the few file operations a ZooKeeper server needs: the
// operating system's (OS), an in-memory file system that can be crashed as a
// power cut would crash a disk (NewMem, NewTrackedMem), and a wrapper that
// makes chosen calls fail (NewFaulty).
//
// It is not a general file system layer: no links, no permissions beyond the
// mode given at creation, no directory handles.
package vfs

import (
	"errors"
	"io"
	"io/fs"
)

// ErrLocked: another process, or another server in this one, holds the lock.
var ErrLocked = errors.New("locked by another process")

// FS is a file system. Names are host paths, with the separators of the host.
// Errors are those of package os and satisfy errors.Is with fs.ErrNotExist and
// its kin.
type FS interface {
	// Open takes the flags of os.OpenFile except O_APPEND. A file that Open
	// creates survives a power cut once its directory was synced.
	Open(name string, flag int, perm fs.FileMode) (File, error)
	// Rename replaces newname if it exists.
	Rename(oldname, newname string) error
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// ReadDir lists a directory in the order of names.
	ReadDir(name string) ([]fs.DirEntry, error)
	MkdirAll(name string, perm fs.FileMode) error
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the creations, renames and removals in a directory
	// durable. On Windows, where directories cannot be synced, it does nothing.
	SyncDir(name string) error
	// Lock takes an advisory lock on the file name, which it creates if need
	// be, without waiting: ErrLocked when somebody else holds it. The lock ends
	// with Close of what it returns, or with the process.
	Lock(name string) (io.Closer, error)
}

// File is an open file. Read and Write share a position that starts at 0;
// ReadAt and WriteAt do not touch it.
type File interface {
	io.Reader
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes the bytes and the size durable (fdatasync where there is one).
	Sync() error
	// Truncate sets the size.
	Truncate(size int64) error
	// Preallocate makes [off, off+size) part of the file, reading as zeros, so
	// that writing there later changes nothing but data. The range must lie at
	// or behind everything written so far.
	Preallocate(off, size int64) error
	Size() (int64, error)
	Name() string
}
