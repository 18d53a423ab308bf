package filelock

import (
	"os"

	"golang.org/x/sys/windows"
)

// Lock waits until no other process holds f.
func Lock(f *os.File) (unlock func(), ok bool) {
	h, at := windows.Handle(f.Fd()), new(windows.Overlapped)
	at.OffsetHigh = 1 << 30 // a byte nobody reads or writes
	if err := windows.LockFileEx(h, windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, at); err != nil {
		return nil, false
	}
	return func() { _ = windows.UnlockFileEx(h, 0, 1, 0, at) }, true
}
