package session

import (
	"fmt"

	"zookit/protocol"
)

// The words of Event.State (Watcher.Event.KeeperState in Apache 3.9).
const (
	SyncConnected     = "SyncConnected"
	ConnectedReadOnly = "ConnectedReadOnly"
	Disconnected      = "Disconnected"
	Expired           = "Expired"
	AuthFailed        = "AuthFailed"
	Closed            = "Closed"
)

// Event is something the session tells without being asked: a watch that
// fired or was removed, a change of the connection, or a note.
type Event struct {
	Type  protocol.EventType // EventNone for changes of the connection and for notes
	State string             // SyncConnected and so on; "" in a note
	Path  string             // of the watched znode, without the chroot; "" for EventNone
	Zxid  protocol.Zxid      // of the change that fired the watch; −1 when not known (servers before 3.9)

	Session        protocol.SessionID // for EventNone: the session that State is about
	LostEphemerals []string           // Expired: znodes of the session that ended, sorted
	LostWatches    []Watch            // Expired: watches that ended with it, sorted

	// Note is a sentence for the user: what may have been missed, or what the
	// session had to give up. An event with a Note has nothing else.
	Note string
}

// WatchKind is what a watch was set for.
type WatchKind int

const (
	WatchData       WatchKind = iota + 1 // by get, or by exists on a znode that was there
	WatchExist                           // by exists on a znode that was missing
	WatchChildren                        // by ls
	WatchPersistent                      // by addWatch
	WatchRecursive                       // by addWatch, for the subtree
)

func (k WatchKind) String() string {
	switch k {
	case WatchData:
		return "data"
	case WatchExist:
		return "exist"
	case WatchChildren:
		return "children"
	case WatchPersistent:
		return "persistent"
	case WatchRecursive:
		return "recursive"
	}
	return fmt.Sprintf("WatchKind(%d)", int(k))
}

// Watch is a watch the session holds.
type Watch struct {
	Path string // without the chroot
	Kind WatchKind
}

func (w Watch) String() string { return w.Path + " (" + w.Kind.String() + ")" }
