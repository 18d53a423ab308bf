//go:build linux

package chaos

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"zookit/server/storage"
	"zookit/server/vfs"
)

// empty gives back what fill took.
func (n *node) empty() { _ = os.Remove(n.filler()) }

func (n *node) version() string { return filepath.Join(n.data(), "version-2") }

// levelPatience bounds the wait for the others before a disk is taken away.
const levelPatience = 4 * time.Second

// replace ends a server and changes its disk by f. Without its disk there may be
// no quorum that has everything which was acknowledged, and no server can know
// of a disk that is merely old; so the others must all serve at that moment,
// which takes a leader with everything, and followers that are level with it.
func (m *nemesis) replace(n *node, f func() error) error {
	var refused error
	err := n.holding(func() error {
		if refused = m.e.awaitServing(levelPatience, n); refused != nil {
			return nil
		}
		if err := m.e.keepLog(n); err != nil {
			return err
		}
		return f()
	})
	return errors.Join(err, refused, n.start())
}

// keepLog keeps what is in the logs of a server for the reference.
func (e *ensemble) keepLog(n *node) error {
	l, err := n.log()
	if err != nil {
		return fmt.Errorf("%v: %w", n, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.saved = append(e.saved, l)
	return nil
}

// wipe empties a disk. Ours finds that others have a history, and has no vote
// until it has it as well; Apache's may make it up anew.
func (m *nemesis) wipe(n *node) error {
	empty := func() error { return os.RemoveAll(n.version()) }
	if n.apache {
		return m.replace(n, empty)
	}
	if err := m.e.mayDamage(); err != nil {
		return err
	}
	m.e.damaged = n
	return errors.Join(n.holding(func() error { return errors.Join(m.e.keepLog(n), empty()) }), n.start())
}

// mayDamage tells whether the server that was damaged last has a whole history
// again: what is promised is that one damaged disk loses nothing.
func (e *ensemble) mayDamage() error {
	if e.damaged != nil && e.damaged.mode() == "" {
		return fmt.Errorf("%v has not come back from the last damage", e.damaged)
	}
	return nil
}

// stale gives a server an old image of its own disk.
func (m *nemesis) stale(n *node, d time.Duration) error {
	backup := filepath.Join(n.home, fmt.Sprintf("backup-%d", time.Now().UnixNano()))
	defer os.RemoveAll(backup)
	if err := n.holding(func() error { return copyDir(backup, n.version()) }); err != nil {
		return errors.Join(err, n.start())
	}
	if err := n.start(); err != nil {
		return err
	}
	rest(m.ctx, time.Second+d)
	return m.replace(n, func() error { return copyDir(n.version(), backup) })
}

// swap gives two servers each other's disk. Every txn is on as many as before.
func (m *nemesis) swap(a, b *node) error {
	if a.apache != b.apache {
		return nil
	}
	aside := filepath.Join(a.home, "aside")
	defer os.RemoveAll(aside)
	return errors.Join(a.holding(func() error {
		return b.holding(func() error {
			return errors.Join(copyDir(aside, a.version()), copyDir(a.version(), b.version()), copyDir(b.version(), aside))
		})
	}), a.start(), b.start())
}

// copyDir replaces to by a copy of from, which may be on another disk, or not be
// there.
func copyDir(to, from string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	err := os.CopyFS(to, os.DirFS(from))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// flip inverts a bit of a log of a server that is down. It finds the damage and
// comes back when it has the history from the others.
func (m *nemesis) flip(n *node) error {
	if n.apache {
		return nil // loses what it has acknowledged by one bit, as is known
	}
	if err := m.e.mayDamage(); err != nil {
		return err
	}
	flipped := false
	err := n.holding(func() (err error) {
		if err = m.e.keepLog(n); err == nil {
			flipped, err = m.flipBit(n)
		}
		return err
	})
	if err != nil || !flipped {
		return errors.Join(err, n.start())
	}
	m.e.damaged = n
	return n.start()
}

// flipBit changes a log where no torn batch of a crash can be: a good way before
// its end.
func (m *nemesis) flipBit(n *node) (bool, error) {
	names, err := filepath.Glob(filepath.Join(n.version(), "log.*"))
	if err != nil || len(names) == 0 {
		return false, err
	}
	name := names[m.rng.IntN(len(names))]
	r, err := storage.OpenLog(vfs.OS(), name)
	if err != nil {
		return false, err
	}
	end := int64(0)
	for r.Next() {
		end = r.Offset()
	}
	_ = r.Close()
	const tail = 32 << 10
	if end < tail+1024 {
		return false, nil
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	at := 16 + m.rng.Int64N(end-tail-16)
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		return false, err
	}
	bit := m.rng.IntN(8)
	b[0] ^= 1 << bit
	m.e.log.printf("%v: bit %d of byte %d of %s is flipped", n, bit, at, filepath.Base(name))
	_, err = f.WriteAt(b, at)
	return true, err
}

// failPatience bounds the time in which a server whose sync has failed ends.
const failPatience = 5 * time.Second

// failingSyncs: the server must end by itself when a sync fails, and nothing it
// has acknowledged may depend on that sync.
func (m *nemesis) failingSyncs(n *node, d time.Duration) error {
	if n.apache {
		return nil // goes on with what it could not make durable
	}
	failed, err := n.inject("error=EIO", true, d)
	if err != nil {
		return err
	}
	until := time.Now().Add(failPatience)
	for failed && n.isFailing() && time.Now().Before(until) {
		rest(m.ctx, 20*time.Millisecond)
	}
	if failed && n.isFailing() && m.ctx.Err() == nil {
		m.e.fail(violation("a failed sync ends the server", "%v goes on %v after fdatasync returned EIO", n, failPatience))
		n.end(syscall.SIGKILL)
	}
	return n.start()
}

// isFailing tells that the process is still the one whose disk was made to fail.
func (n *node) isFailing() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cmd != nil && n.failing
}
