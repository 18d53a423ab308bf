package vfs

// A Durable is a file of a tracked Mem as a power cut would leave it that loses
// everything that was not synced.
type Durable struct {
	m *Mem
	n *memNode
}

// EachDurable calls f for the files in a directory whose entries are durable,
// in the order of their names.
func (m *Mem) EachDurable(dir string, f func(name string, file Durable)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.root
	for _, name := range elements(dir) {
		if d = d.durable[name]; d == nil {
			return
		}
	}
	for _, name := range sortedNames(d.durable) {
		if n := d.durable[name]; !n.mode.IsDir() {
			f(name, Durable{m, n})
		}
	}
}

// ReadAt reads what is durable; it is shorter than b at the end alone. It must
// not be called by the f of EachDurable.
func (d Durable) ReadAt(b []byte, off int64) int {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	return d.n.synced.readAt(b, off)
}

// Size is the durable size.
func (d Durable) Size() int64 {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	return d.n.synced.size
}

// Shrunk counts how often the durable content was cut short: what was read of
// it before may be void when it has grown.
func (d Durable) Shrunk() int {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	return d.n.shrunk
}
