package server

import (
	"os"
	"syscall"
)

// descriptors counts the open files of the process, and how many it may have.
func descriptors() (open, most int64) {
	open, most = -1, -1
	if d, err := os.Open("/proc/self/fd"); err == nil {
		if names, err := d.Readdirnames(-1); err == nil {
			open = int64(len(names)) - 1 // the directory itself
		}
		d.Close()
	}
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) == nil {
		most = int64(l.Cur)
	}
	return open, most
}
