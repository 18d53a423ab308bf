package chaos

import (
	"fmt"
	"slices"
	"time"

	"zookit/protocol"
)

// An Op is one request of a client and what it was told.
type Op struct {
	Conn    *Conn
	Xid     int32
	Type    protocol.OpCode
	Request protocol.Record
	Sent    time.Duration // since the round began

	// What follows is of the reply. An op without one may have been done or not.
	Answered bool
	Done     time.Duration
	Zxid     protocol.Zxid
	Code     protocol.Code
	Reply    protocol.Record // nil when it has no body
}

// A Conn is one connection as its client saw it.
type Conn struct {
	Client   int
	Server   int  // id of the server
	Apache   bool // the server is Apache's
	Session  protocol.SessionID
	Relative protocol.Zxid // the newest zxid that the session had been shown before
	Rearmed  []Watch       // what was set again at the beginning (setWatches)
	Packets  []Packet      // in the order in which they came
}

// A Packet is a reply or an event.
type Packet struct {
	Op    *Op // nil: an event
	Event protocol.WatcherEvent
	At    time.Duration
}

// WatchKind tells which changes of a znode a watch is for.
type WatchKind int

const (
	WatchData     WatchKind = iota // set by getData, and by exists of a znode that is there
	WatchExist                     // set by exists of a znode that is not there
	WatchChildren                  // set by getChildren
)

// A Watch is a one-shot watch of a client.
type Watch struct {
	Kind WatchKind
	Path string
}

// A History is what all clients of a round were told.
type History struct {
	Ops   []*Op // of all clients; each client's are in the order sent
	Conns []*Conn

	Expired []protocol.SessionID // what clients were told is gone
	Seen    []Violation          // what clients found wrong at once
}

func (o *Op) String() string {
	text := fmt.Sprintf("client %d, server %d, session %v, xid %d: %v %s, sent at %s", o.Conn.Client, o.Conn.Server, o.Conn.Session, o.Xid, o.Type, requestText(o.Request), clock(o.Sent))
	if !o.Answered {
		return text + ", never answered"
	}
	return fmt.Sprintf("%s, answered at %s: zxid %v, %s%s", text, clock(o.Done), o.Zxid, codeText(o.Code), replyText(o.Reply))
}

func codeText(c protocol.Code) string {
	if c == protocol.OK {
		return "OK"
	}
	return c.Name()
}

func clock(d time.Duration) string { return fmt.Sprintf("%.6fs", d.Seconds()) }

func requestText(r protocol.Record) string {
	switch r := r.(type) {
	case nil:
		return ""
	case *protocol.CreateRequest:
		return fmt.Sprintf("%s %q flags %d", r.Path, r.Data, r.Flags)
	case *protocol.SetDataRequest:
		return fmt.Sprintf("%s %q if version %d", r.Path, r.Data, r.Version)
	case *protocol.MultiRequest:
		text := ""
		for _, op := range r.Ops {
			text += fmt.Sprintf("[%v %s]", op.Type, requestText(op.Record))
		}
		return text
	}
	return fmt.Sprintf("%+v", r)
}

func replyText(r protocol.Record) string {
	switch r := r.(type) {
	case nil:
		return ""
	case *protocol.GetDataResponse:
		return fmt.Sprintf(" %q %+v", r.Data, r.Stat)
	}
	return fmt.Sprintf(" %+v", r)
}

// paths are those that an op is about.
func (o *Op) paths() []string { return requestPaths(o.Request) }

func requestPaths(r protocol.Record) (list []string) {
	switch r := r.(type) {
	case *protocol.CreateRequest:
		list = append(list, r.Path)
	case *protocol.DeleteRequest:
		list = append(list, r.Path)
	case *protocol.SetDataRequest:
		list = append(list, r.Path)
	case *protocol.CheckVersionRequest:
		list = append(list, r.Path)
	case *protocol.PathWatchRequest:
		list = append(list, r.Path)
	case *protocol.MultiRequest:
		for _, op := range r.Ops {
			list = append(list, requestPaths(op.Record)...)
		}
	}
	return list
}

// about is the part of a history that concerns a path, one line an op or event,
// for whoever reads a violation.
func (h *History) about(path string) (lines []string) {
	type line struct {
		at   time.Duration
		text string
	}
	var all []line
	for _, o := range h.Ops {
		if slices.Contains(o.paths(), path) {
			all = append(all, line{o.Sent, o.String()})
		}
	}
	for _, c := range h.Conns {
		for _, p := range c.Packets {
			if p.Op == nil && p.Event.Path == path {
				all = append(all, line{p.At, fmt.Sprintf("client %d, server %d: event %v %s at %s", c.Client, c.Server, p.Event.Type, path, clock(p.At))})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b line) int { return int(a.at - b.at) })
	for _, l := range all {
		lines = append(lines, l.text)
	}
	return lines
}

// writes tells whether an op is ordered by a txn of its own.
func writes(op protocol.OpCode) bool {
	switch op {
	case protocol.OpCreate, protocol.OpCreate2, protocol.OpDelete, protocol.OpSetData, protocol.OpMulti, protocol.OpCloseSession:
		return true
	}
	return false
}
