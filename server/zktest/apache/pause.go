//go:build linux || darwin

package apache

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Pause sends SIGSTOP to a process and waits until none of its threads runs any
// more: until then one that is on a processor can still answer.
func Pause(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for range 10_000 {
		if stopped(p.Pid) {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("process %d runs on after SIGSTOP", p.Pid)
}

// stopped is true where there is no /proc to tell.
func stopped(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return true
	}
	for _, file := range threads {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended
		}
		// The state follows the name, which is in parentheses (proc(5)).
		if end := bytes.LastIndexByte(text, ')'); end < 0 || !bytes.HasPrefix(text[end:], []byte(") T")) {
			return false
		}
	}
	return true
}
