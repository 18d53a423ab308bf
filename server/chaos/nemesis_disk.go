//go:build linux

package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// empty gives back what fill took.
func (n *node) empty() { _ = os.Remove(n.filler()) }

// levelPatience bounds the wait for the others before a disk is wiped.
const levelPatience = 4 * time.Second

// wipe replaces the disk of a server by an empty one. That is safe by itself
// only where all others have everything: they must all serve, which takes a
// leader with everything that was acknowledged, and none of them may have been
// started since without it.
func (m *nemesis) wipe(n *node) error {
	var err error
	held := n.holding(func() error {
		if err = m.e.awaitServing(levelPatience, n); err != nil {
			return nil // without it there may be no quorum: its disk stays
		}
		return m.e.takeDisk(n)
	})
	if held != nil {
		return held
	}
	if err != nil {
		m.e.log.printf("wiped disk: not done: %v", err)
	}
	return n.start()
}

// takeDisk removes all that a server has written, and keeps what is in its logs
// for the reference.
func (e *ensemble) takeDisk(n *node) error {
	records, err := ReadLog(n.data())
	if err != nil {
		return fmt.Errorf("%v: %w", n, err)
	}
	e.mu.Lock()
	e.saved = append(e.saved, Log{Server: n.sid, Apache: n.apache, Records: records})
	e.mu.Unlock()
	return os.RemoveAll(filepath.Join(n.data(), "version-2"))
}
