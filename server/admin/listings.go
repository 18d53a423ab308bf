package admin

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"zookit/server/cnxn"
)

// connection prints one line of stat (brief) or cons.
func connection(b *strings.Builder, c cnxn.Info, brief bool) {
	ops := 0
	if c.Reading && c.Session != 0 {
		ops = 1 // SelectionKey.OP_READ
	}
	fmt.Fprintf(b, " /%s[%d](queued=%d,recved=%d,sent=%d", c.Remote, ops, c.Queued, c.Received, c.Sent)
	if !brief && c.Session != 0 {
		fmt.Fprintf(b, ",sid=%s,lop=%s,est=%d,to=%d", c.Session, c.LastOp, c.Established.UnixMilli(), c.TimeoutMs)
		if c.LastCxid >= 0 {
			fmt.Fprintf(b, ",lcxid=0x%x", c.LastCxid)
		}
		fmt.Fprintf(b, ",lzxid=%s,lresp=%d,llat=%d,minlat=%d,avglat=%d,maxlat=%d",
			c.LastZxid, c.LastReply, c.LastMs, c.MinMs, c.AvgMs, c.MaxMs)
	}
	b.WriteString(")\n")
}

func (w *Words) cons(b *strings.Builder) {
	for _, c := range w.Source.Conns() {
		connection(b, c, false)
	}
	b.WriteString("\n")
}

// date prints a time as java.util.Date.toString does.
func date(t time.Time) string { return t.Format("Mon Jan 02 15:04:05 MST 2006") }

func (w *Words) dump(b *strings.Builder, st Status) {
	b.WriteString("SessionTracker dump:\n")
	local, ok := w.Source.LocalExpiries()
	if ok {
		b.WriteString("Local ")
		sessionSets(b, local)
	}
	if st.Ensemble != nil && st.Ensemble.Leader == nil {
		w.globalSessions(b)
	} else {
		if ok {
			b.WriteString("Global ")
		}
		sessionSets(b, w.Source.Expiries())
	}
	ephemerals := w.Source.Ephemerals()
	fmt.Fprintf(b, "ephemeral nodes dump:\nSessions with Ephemerals (%d):\n", len(ephemerals))
	for _, id := range slices.Sorted(maps.Keys(ephemerals)) {
		fmt.Fprintf(b, "%s:\n", id)
		for _, path := range ephemerals[id] {
			fmt.Fprintf(b, "\t%s\n", path)
		}
	}
	w.connectionSets(b)
}

// sessionSets lists sessions by their expiry, which a leader or a server alone
// knows, and each server for its local ones.
func sessionSets(b *strings.Builder, expiries []Expiry) {
	total := 0
	for _, e := range expiries {
		total += len(e.Sessions)
	}
	fmt.Fprintf(b, "Session Sets (%d)/(%d):\n", len(expiries), total)
	for _, e := range expiries {
		fmt.Fprintf(b, "%d expire at %s:\n", len(e.Sessions), date(e.At))
		for _, id := range e.Sessions {
			fmt.Fprintf(b, "\t%s\n", id)
		}
	}
}

// globalSessions lists the sessions of the ensemble as a learner does
// (LearnerSessionTracker.dumpSessions).
func (w *Words) globalSessions(b *strings.Builder) {
	sessions := w.Source.Sessions()
	fmt.Fprintf(b, "Global Sessions(%d):\n", len(sessions))
	for _, s := range sessions {
		fmt.Fprintf(b, "%s\t%dms\n", s.ID, s.TimeoutMs)
	}
}

// connectionTick is the width of the buckets in which Apache's
// NIOServerCnxnFactory keeps connections by their expiry.
const connectionTick = 10 * time.Second

func (w *Words) connectionSets(b *strings.Builder) {
	conns := w.Source.Conns()
	sets := map[time.Time][]cnxn.Info{}
	for _, c := range conns {
		at := c.Ends.Truncate(connectionTick).Add(connectionTick)
		sets[at] = append(sets[at], c)
	}
	fmt.Fprintf(b, "Connections dump:\nConnections Sets (%d)/(%d):\n", len(sets), len(conns))
	for _, at := range slices.SortedFunc(maps.Keys(sets), time.Time.Compare) {
		fmt.Fprintf(b, "%d expire at %s:\n", len(sets[at]), date(at))
		for _, c := range sets[at] {
			fmt.Fprintf(b, "\tip: /%s sessionId: %s\n", c.Remote, c.Session)
		}
	}
}

func (w *Words) watchesBySession(b *strings.Builder) {
	for _, s := range w.Source.Watches().BySession() {
		fmt.Fprintf(b, "%s\n", s.Session)
		for _, path := range s.Paths {
			fmt.Fprintf(b, "\t%s\n", oneLine(path))
		}
	}
	b.WriteString("\n")
}

func (w *Words) watchesByPath(b *strings.Builder) {
	for _, p := range w.Source.Watches().ByPath() {
		fmt.Fprintf(b, "%s\n", oneLine(p.Path))
		for _, id := range p.Sessions {
			fmt.Fprintf(b, "\t%s\n", id)
		}
	}
	b.WriteString("\n")
}

// oneLine is the path of a watch as text. A znode's path has no control
// characters, but a client may watch for any, and must not write lines of its own
// into the answer, or to the terminal of who reads it (ZOOKEEPER-5058).
func oneLine(path string) string {
	if strings.ContainsFunc(path, unicode.IsControl) || !utf8.ValidString(path) {
		quoted := strconv.Quote(path)
		return quoted[1 : len(quoted)-1]
	}
	return path
}
