package sim

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"zookit/server/replica"
	"zookit/server/storage"
	"zookit/server/tree"
	"zookit/server/vfs"
)

// atRest looks at the disks when all is over. Each, with what was not synced
// lost, holds the tree that the server had and that the checkers' model has, and
// so does every other; then single bits are flipped.
func (w *world) atRest() {
	trees := map[string]*process{} // by the zxid they stand at
	for _, p := range w.processes {
		rest := p.mem.Crash(nil)
		rep, err := w.open(p, rest)
		if err != nil && p.spoilt {
			continue
		}
		if err != nil {
			w.violated("D4 recovery never refuses", "%v: at the end, and after it lost what was not synced: %v", p, err)
			return
		}
		t := rep.State().Tree()
		if !w.judge.found(w.judge.recovered(p, t)) {
			return
		}
		text := dump(t)
		z := t.LastZxid().String()
		if o := trees[z]; o != nil && dump(o.final) != text {
			w.violated("I14 determinism", "%v and %v at %v, read from their disks:\n%s\n%s", o, p, z, dump(o.final), text)
			return
		}
		trees[z], p.final = p, t
		if live := p.rep.State().Tree(); p.up && p.serving && live.LastZxid() == t.LastZxid() && dump(live) != text {
			w.violated("I14 determinism", "%v at %v, in memory and read from its disk:\n%s\n%s", p, z, dump(live), text)
			return
		}
		for range w.plan.Options.Flips {
			w.rotOne(p, text, rest.Crash(rand.New(rand.NewSource(w.rng.Int64()))))
		}
	}
}

// rotOne flips a bit of a disk at rest, after an orderly stop: the server then
// refuses to start, or it starts with everything. (While it runs, or after a
// power cut, a bit flipped in the very last batch cannot be told from a batch
// that was never finished.)
func (w *world) rotOne(p *process, whole string, mem *vfs.Mem) {
	name, bit := w.flip(mem)
	if name == "" {
		return
	}
	rep, err := w.open(p, mem)
	var damage *storage.DamageError
	switch {
	case errors.As(err, &damage), errors.Is(err, errQuarantined):
		w.reached("damage refused")
		return
	case err != nil:
		w.reached("damage refused otherwise")
		return
	}
	w.reached("damage survived")
	if got := dump(rep.State().Tree()); got != whole {
		w.violated("I13 damage is never taken for an end", "%v: with bit %d of %s flipped it starts with\n%s\nwhere there was\n%s", p, bit, name, got, whole)
	}
}

// dump is everything in a tree in words.
func dump(t *tree.Tree) string {
	var b strings.Builder
	fmt.Fprintf(&b, "zxid %v\n", t.LastZxid())
	for _, id := range t.Sessions() {
		ms, _ := t.SessionTimeout(id)
		fmt.Fprintf(&b, "session %v %d\n", id, ms)
	}
	var walk func(path string)
	walk = func(path string) {
		if path == "/zookeeper" {
			return // of each server
		}
		n, _ := t.Lookup(path)
		st := n.StatPersisted()
		fmt.Fprintf(&b, "%s %.20q %+v %v\n", path, n.Data(), st, n.ACL())
		var names []string
		n.Children(func(name string) bool { names = append(names, name); return true })
		slices.Sort(names)
		for _, name := range names {
			if path == "/" {
				walk("/" + name)
			} else {
				walk(path + "/" + name)
			}
		}
	}
	walk("/")
	return b.String()
}

// open recovers a data directory and stops again.
func (w *world) open(p *process, mem *vfs.Mem) (*replica.Replica, error) {
	q := &process{w: w, id: p.id, rate: p.rate, mem: mem, disk: &disk{mem: mem, w: w}}
	if w.ensemble != nil {
		q.seat = w.ensemble.seat(q)
	}
	_, err := q.recover()
	if err == nil && q.store.Quarantined() != nil {
		err = errQuarantined
	}
	if q.store != nil {
		err = errors.Join(err, q.store.Close())
	}
	return q.rep, err
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
