//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

// Package filelock lets one shell at a time write to a file that several share.
package filelock

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Lock waits until no other process holds f. It gives up after a while: the
// holder may be stopped, and some file systems know no locks.
func Lock(f *os.File) (unlock func(), ok bool) {
	fd := int(f.Fd())
	for range 50 {
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = unix.Flock(fd, unix.LOCK_UN) }, true
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, false
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil, false
}
