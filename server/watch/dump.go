package watch

import (
	"cmp"
	"slices"

	"zookit/protocol"
)

// Counts is what wchs prints. Like Apache it knows the data table alone, and
// counts a connection from its first watch there to its end, even when its
// one-shot watches have fired (WatchManager.getWatchesSummary).
type Counts struct {
	Connections, Paths, Watches int
}

// Counts counts the data table.
func (t *Tables) Counts() Counts { return Counts{t.dataOwners, t.dataPaths, t.data} }

// Count is the number of watches in both tables, as mntr's watch_count has it: a
// persistent watch is in each.
func (t *Tables) Count() int { return t.data + t.child }

// SessionPaths is one entry of wchc: a session and what it watches.
type SessionPaths struct {
	Session protocol.SessionID
	Paths   []string
}

// BySession lists the data table by session, all sorted.
func (t *Tables) BySession() []SessionPaths {
	var all []SessionPaths
	for _, e := range t.watchers {
		if !e.inData {
			continue
		}
		s := SessionPaths{Session: e.w.Session()}
		for i := e.first; i != 0; i = t.watches[i].nextOfWatcher {
			if t.watches[i].modes&inData != 0 {
				s.Paths = append(s.Paths, t.paths[t.watches[i].path].path)
			}
		}
		slices.Sort(s.Paths)
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b SessionPaths) int { return cmp.Compare(a.Session, b.Session) })
	return all
}

// PathSessions is one entry of wchp: a path and the sessions that watch it.
type PathSessions struct {
	Path     string
	Sessions []protocol.SessionID
}

// ByPath lists the data table by path, all sorted.
func (t *Tables) ByPath() []PathSessions {
	var all []PathSessions
	for _, e := range t.paths {
		if e.data == 0 {
			continue
		}
		p := PathSessions{Path: e.path}
		for i := e.first; i != 0; i = t.watches[i].nextOfPath {
			if t.watches[i].modes&inData != 0 {
				p.Sessions = append(p.Sessions, t.watchers[t.watches[i].watcher].w.Session())
			}
		}
		slices.Sort(p.Sessions)
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b PathSessions) int { return cmp.Compare(a.Path, b.Path) })
	return all
}
