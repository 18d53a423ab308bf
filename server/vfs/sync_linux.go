package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// dataSync leaves out the file times, which fsync would write to the journal.
func dataSync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return nil
	}
}
