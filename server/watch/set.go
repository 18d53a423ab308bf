package watch

import (
	"zookit/protocol"
	"zookit/server/defect"
)

// View is what setWatches compares with: tree.Tree has it.
type View interface {
	// Zxids tells when the data and the children of a znode changed last; ok is
	// false when there is no such znode.
	Zxids(path string) (mzxid, pzxid protocol.Zxid, ok bool)
}

// SetWatches sets a client's watches again after a reconnect. What it has
// missed since RelativeZxid is told at once, in the order of the lists, and the
// rest is armed. tell is not the watcher's queue: these events belong between
// the replies that the caller is writing.
//
//	list                 znode missing  changed after RelativeZxid   else
//	Data                 Deleted        mzxid: DataChanged           armed
//	Exist                armed          Created, whenever it was     –
//	Child                Deleted        pzxid: ChildrenChanged       armed
//	Persistent           armed          armed                        armed
//	PersistentRecursive  armed          armed                        armed
//
// No ACL is asked (DataTree.setWatches, Apache 3.9.5).
func (t *Tables) SetWatches(r *protocol.SetWatches2Request, w Watcher, view View, tell func(*Event)) {
	fire := func(e protocol.EventType, path string) { tell(newEvent(e, path, NoZxid)) }
	for _, path := range r.Data {
		switch mzxid, _, ok := view.Zxids(path); {
		case !ok:
			fire(protocol.EventNodeDeleted, path)
		case mzxid > r.RelativeZxid && (!defect.Planted(defect.ChangeLostOnReconnect) || mzxid > r.RelativeZxid+1):
			fire(protocol.EventNodeDataChanged, path)
		case !defect.Planted(defect.WatchLostOnReconnect):
			t.Add(path, w, DataOneShot)
		}
	}
	for _, path := range r.Exist {
		if _, _, ok := view.Zxids(path); ok {
			fire(protocol.EventNodeCreated, path)
		} else {
			t.Add(path, w, DataOneShot)
		}
	}
	for _, path := range r.Child {
		switch _, pzxid, ok := view.Zxids(path); {
		case !ok:
			fire(protocol.EventNodeDeleted, path)
		case pzxid > r.RelativeZxid:
			fire(protocol.EventNodeChildrenChanged, path)
		default:
			t.Add(path, w, ChildOneShot)
		}
	}
	for _, path := range r.Persistent {
		t.Add(path, w, Persistent)
	}
	for _, path := range r.PersistentRecursive {
		t.Add(path, w, Recursive)
	}
}
