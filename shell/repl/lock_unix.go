//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package repl

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockFile waits until no other shell writes to f. It gives up after a while: the holder may be stopped, and some
// file systems know no locks. Single appends do not mix even then.
func lockFile(f *os.File) (unlock func(), ok bool) {
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
