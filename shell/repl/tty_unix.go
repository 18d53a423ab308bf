//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package repl

import (
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// opening keeps those apart who look which descriptors are new.
var opening sync.Mutex

// withoutTTY calls make and closes the descriptors of /dev/tty that it has opened and left open: go-prompt opens one
// for a parser of its own, which is not used here, and would leave it behind, in each program that is started as well.
func withoutTTY(make func()) {
	opening.Lock()
	defer opening.Unlock()
	before := map[int]bool{}
	for _, fd := range ttyDescriptors() {
		before[fd] = true
	}
	make()
	for _, fd := range ttyDescriptors() {
		if !before[fd] {
			_ = unix.Close(fd)
		}
	}
}

// ttyDescriptors are the open descriptors of this process that are /dev/tty itself, not the terminal by its own name;
// none where the system does not list them.
func ttyDescriptors() []int {
	var tty unix.Stat_t
	if err := unix.Stat("/dev/tty", &tty); err != nil {
		return nil
	}
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return nil
	}
	var list []int
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		var st unix.Stat_t
		if err == nil && unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == tty.Rdev {
			list = append(list, fd)
		}
	}
	return list
}
