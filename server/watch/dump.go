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

// PathSessions is one entry of wchp: a path and the sessions that watch it.
type PathSessions struct {
	Path     string
	Sessions []protocol.SessionID
}

// A Listing is the data table for wchc and wchp. The table may have millions of
// watches, and whoever wants to write or to set a watch waits for the locks of
// the Tables; so it is collected in steps, and put in order without them
// (CVE-2017-5637).
type Listing struct {
	watches  []listed
	sessions []protocol.SessionID // that count as in the table
	next     int                  // of the watchers, then of the watches
	all      bool                 // the watchers
}

type listed struct {
	path    string
	session protocol.SessionID
}

// Collect looks at up to n entries more, and tells whether some are left. The
// caller has the locks, which it may give up between two calls: a watch that is
// set or goes meanwhile is listed or not.
func (l *Listing) Collect(t *Tables, n int) (more bool) {
	if !l.all {
		end := min(l.next+n, len(t.watchers))
		for ; l.next < end; l.next++ {
			if e := &t.watchers[l.next]; e.inData {
				l.sessions = append(l.sessions, e.w.Session())
			}
		}
		if l.next >= len(t.watchers) {
			l.all, l.next = true, 0
		}
		return true
	}
	end := min(l.next+n, len(t.watches))
	for ; l.next < end; l.next++ {
		if r := &t.watches[l.next]; r.modes&inData != 0 {
			l.watches = append(l.watches, listed{t.paths[r.path].path, t.watchers[r.watcher].w.Session()})
		}
	}
	return l.next < len(t.watches)
}

// BySession is what was collected by session, all sorted. A session whose watches
// have all fired is there without paths.
func (l *Listing) BySession() []SessionPaths {
	slices.SortFunc(l.watches, func(a, b listed) int {
		return cmp.Or(cmp.Compare(a.session, b.session), cmp.Compare(a.path, b.path))
	})
	l.watches = slices.Compact(l.watches) // one that went and came back can be there twice
	for _, w := range l.watches {
		l.sessions = append(l.sessions, w.session)
	}
	slices.Sort(l.sessions)
	l.sessions = slices.Compact(l.sessions)
	all := make([]SessionPaths, 0, len(l.sessions))
	rest := l.watches
	for _, id := range l.sessions {
		s := SessionPaths{Session: id}
		for ; len(rest) > 0 && rest[0].session == id; rest = rest[1:] {
			s.Paths = append(s.Paths, rest[0].path)
		}
		all = append(all, s)
	}
	return all
}

// ByPath is what was collected by path, all sorted.
func (l *Listing) ByPath() []PathSessions {
	slices.SortFunc(l.watches, func(a, b listed) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.session, b.session))
	})
	l.watches = slices.Compact(l.watches)
	var all []PathSessions
	for rest := l.watches; len(rest) > 0; {
		p := PathSessions{Path: rest[0].path}
		for ; len(rest) > 0 && rest[0].path == p.Path; rest = rest[1:] {
			p.Sessions = append(p.Sessions, rest[0].session)
		}
		all = append(all, p)
	}
	return all
}
