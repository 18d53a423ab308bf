package sim

import (
	"errors"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"zookit/server/replica"
	"zookit/server/storage"
	"zookit/server/vfs"
)

// rot flips single bits of a disk at rest, after an orderly stop: the server
// then refuses to start, or it starts with everything. (While it runs, or after
// a power cut, a bit flipped in the very last batch cannot be told from a batch
// that was never finished.)
func (w *world) rot() {
	for _, p := range w.processes {
		if w.plan.Options.Flips == 0 {
			return
		}
		rest := p.mem.Crash(nil)
		if _, err := w.open(rest); err != nil {
			w.violated("recovery never refuses", "%v: at the end, and after it lost what was not synced: %v", p, err)
			return
		}
		for range w.plan.Options.Flips {
			w.rotOne(p, rest.Crash(rand.New(rand.NewSource(w.rng.Int64()))))
		}
	}
}

func (w *world) rotOne(p *process, mem *vfs.Mem) {
	name, bit := w.flip(mem)
	if name == "" {
		return
	}
	rep, err := w.open(mem)
	var damage *storage.DamageError
	switch {
	case errors.As(err, &damage):
		w.reached("damage refused")
		return
	case err != nil:
		w.reached("damage refused otherwise")
		return
	}
	w.reached("damage survived")
	if z := rep.State().Zxid(); int(z) != len(w.history.log) {
		w.violated("damage is never taken for an end", "%v: with bit %d of %s flipped it starts at %v, and the history ends at 0x%x", p, bit, name, z, len(w.history.log))
		return
	}
	t := rep.State().Tree()
	for _, path := range slices.Sorted(maps.Keys(w.final.nodes)) {
		want := w.final.nodes[path]
		n, ok := t.Lookup(path)
		if path == "/" {
			continue
		}
		if !ok || string(n.Data()) != string(want.data) || n.Stat() != want.clientStat() {
			w.violated("damage is never taken for an end", "%v: with bit %d of %s flipped it starts with another %s", p, bit, name, path)
			return
		}
	}
}

// open recovers a data directory and stops again.
func (w *world) open(mem *vfs.Mem) (*replica.Replica, error) {
	p := &process{w: w, id: 1, mem: mem, disk: &disk{mem: mem, w: w}}
	_, err := p.recover()
	if p.store != nil {
		err = errors.Join(err, p.store.Close())
	}
	return p.rep, err
}

// flip turns one bit in a log or a snapshot, and tells where.
func (w *world) flip(mem *vfs.Mem) (name string, bit int64) {
	dir := filepath.Join(dataDir, "version-2")
	entries, err := mem.ReadDir(dir)
	if err != nil {
		return "", 0
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool {
		info, err := e.Info()
		return err != nil || info.Size() == 0 || !strings.HasPrefix(e.Name(), "log.") && !strings.HasPrefix(e.Name(), "snapshot.")
	})
	if len(entries) == 0 {
		return "", 0
	}
	e := entries[w.rng.IntN(len(entries))]
	f, err := mem.Open(filepath.Join(dir, e.Name()), os.O_RDWR, 0)
	if err != nil {
		return "", 0
	}
	defer f.Close()
	size, _ := f.Size()
	bit = w.rng.Int64N(8 * size)
	var b [1]byte
	_, _ = f.ReadAt(b[:], bit/8)
	b[0] ^= 1 << (bit % 8)
	_, _ = f.WriteAt(b[:], bit/8)
	_ = f.Sync()
	return e.Name(), bit
}
