package watch

import "strings"

func pair(p, o uint32) uint64 { return uint64(p)<<32 | uint64(o) }

func (t *Tables) newPath(path string) uint32 {
	var p uint32
	if k := len(t.freePath); k > 0 {
		p, t.freePath = t.freePath[k-1], t.freePath[:k-1]
	} else {
		p = uint32(len(t.paths))
		t.paths = append(t.paths, pathEntry{})
	}
	path = strings.Clone(path)
	t.paths[p] = pathEntry{path: path}
	t.byPath[path] = p
	return p
}

func (t *Tables) newWatcher(w Watcher) uint32 {
	var o uint32
	if k := len(t.freeWatcher); k > 0 {
		o, t.freeWatcher = t.freeWatcher[k-1], t.freeWatcher[:k-1]
	} else {
		o = uint32(len(t.watchers))
		t.watchers = append(t.watchers, watcherEntry{})
	}
	t.watchers[o] = watcherEntry{w: w}
	t.byWatcher[w] = o
	return o
}

func (t *Tables) dropWatcher(o uint32) {
	e := &t.watchers[o]
	if e.inData {
		t.dataOwners--
	}
	delete(t.byWatcher, e.w)
	*e = watcherEntry{}
	t.freeWatcher = append(t.freeWatcher, o)
}

// newRecord makes a watch without modes at the end of both lists.
func (t *Tables) newRecord(p, o uint32) uint32 {
	i := t.freeHead
	if i != 0 {
		t.freeHead = t.watches[i].nextOfPath
	} else {
		i = uint32(len(t.watches))
		t.watches = append(t.watches, record{})
	}
	pe, we := &t.paths[p], &t.watchers[o]
	t.watches[i] = record{path: p, watcher: o, prevOfPath: pe.last, prevOfWatcher: we.last}
	if pe.last != 0 {
		t.watches[pe.last].nextOfPath = i
	} else {
		pe.first = i
	}
	pe.last = i
	if we.last != 0 {
		t.watches[we.last].nextOfWatcher = i
	} else {
		we.first = i
	}
	we.last = i
	t.byPair[pair(p, o)] = i
	return i
}

// setModes changes the modes of a watch and keeps the counts; without modes the
// watch is gone, and so is a path without watches. The watcher stays.
func (t *Tables) setModes(i uint32, modes Mode) {
	r := &t.watches[i]
	pe, we := &t.paths[r.path], &t.watchers[r.watcher]
	switch was, is := r.modes&inData != 0, modes&inData != 0; {
	case !was && is:
		t.data++
		pe.data++
		we.data++
		if pe.data == 1 {
			t.dataPaths++
		}
		if !we.inData {
			we.inData = true
			t.dataOwners++
		}
	case was && !is:
		t.data--
		pe.data--
		we.data--
		if pe.data == 0 {
			t.dataPaths--
		}
	}
	switch was, is := r.modes&inChild != 0, modes&inChild != 0; {
	case !was && is:
		t.child++
	case was && !is:
		t.child--
	}
	switch was, is := r.modes&Recursive != 0, modes&Recursive != 0; {
	case !was && is:
		t.recursive++
	case was && !is:
		t.recursive--
	}
	r.modes = modes
	if modes == 0 {
		t.drop(i)
	}
}

// drop takes a watch out of its lists.
func (t *Tables) drop(i uint32) {
	r := t.watches[i]
	pe, we := &t.paths[r.path], &t.watchers[r.watcher]
	if r.prevOfPath != 0 {
		t.watches[r.prevOfPath].nextOfPath = r.nextOfPath
	} else {
		pe.first = r.nextOfPath
	}
	if r.nextOfPath != 0 {
		t.watches[r.nextOfPath].prevOfPath = r.prevOfPath
	} else {
		pe.last = r.prevOfPath
	}
	if r.prevOfWatcher != 0 {
		t.watches[r.prevOfWatcher].nextOfWatcher = r.nextOfWatcher
	} else {
		we.first = r.nextOfWatcher
	}
	if r.nextOfWatcher != 0 {
		t.watches[r.nextOfWatcher].prevOfWatcher = r.prevOfWatcher
	} else {
		we.last = r.prevOfWatcher
	}
	delete(t.byPair, pair(r.path, r.watcher))
	t.watches[i] = record{nextOfPath: t.freeHead}
	t.freeHead = i
	if pe.first == 0 {
		delete(t.byPath, pe.path)
		*pe = pathEntry{}
		t.freePath = append(t.freePath, r.path)
	}
	t.shrink()
}

// shrink gives memory back when everything is gone: the maps of Go keep what
// they once needed.
func (t *Tables) shrink() {
	if len(t.byPair) > 0 || len(t.watches) < 1024 {
		return
	}
	t.watches, t.freeHead = make([]record, 1), 0
	t.byPair = map[uint64]uint32{}
	t.paths, t.freePath = make([]pathEntry, 1), nil
	t.byPath = map[string]uint32{}
}
