package watch

import (
	"zookit/protocol"
)

// Event is a notification as one or many watchers get it. It never changes.
type Event struct {
	Type  protocol.EventType
	Path  string
	Zxid  protocol.Zxid // of the txn; −1 for what setWatches replays
	frame []byte
}

// NoZxid stands in the notifications that setWatches replays
// (WatchedEvent.NO_ZXID, Apache 3.9).
const NoZxid protocol.Zxid = -1

// newEvent copies the path and encodes the notification once for all.
func newEvent(t protocol.EventType, path string, zxid protocol.Zxid) *Event {
	h := protocol.ReplyHeader{Xid: protocol.XidNotification, Zxid: zxid}
	e := protocol.WatcherEvent{Type: t, State: protocol.StateSyncConnected, Path: path}
	const fixed = 4 + protocol.ReplyHeaderLen + 12
	frame, start := protocol.BeginFrame(make([]byte, 0, fixed+len(path)))
	frame = protocol.EndFrame(e.AppendTo(h.AppendTo(frame)), start)
	return &Event{Type: t, Path: string(frame[fixed:]), Zxid: zxid, frame: frame}
}

// Frame is the whole packet with its length: a reply header of xid −1, then
// int type, int state 3, ustring path. Since 3.9.0 the header carries the zxid
// of the txn (ZOOKEEPER-4655). The bytes are shared: never change them.
func (e *Event) Frame() []byte { return e.frame }
