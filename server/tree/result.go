package tree

import (
	"zookit/protocol"
)

// Result is what one txn did. It is made for reuse: Apply resets it and keeps
// its slices. Paths alias the txn's strings.
type Result struct {
	Type protocol.OpCode
	Err  protocol.Code // of an error txn; live, every other txn is OK
	Path string        // of the znode, where there is one
	Stat protocol.Stat // after create, create2, createContainer, createTTL, setData, setACL

	// Multi has one entry for each sub-txn, in order. After a failed multi all
	// are of type error: OK before the one that failed, its code, then
	// RuntimeInconsistency.
	Multi []Result

	// Events are in the order in which Apache fires them; sub-txns' are here too.
	Events []Event

	// DigestMismatch: the txn carries a digest and it is not the tree's.
	DigestMismatch bool
}

func (r *Result) reset(op protocol.OpCode) {
	*r = Result{Type: op, Multi: r.Multi[:0], Events: r.Events[:0]}
}

// Event is a change that watches may ask for (the triggerWatch calls of
// DataTree.java, Apache 3.9). ACL is the one that the receiver must be able to read
// under: the znode's, or the deleted znode's, or for ChildrenChanged the
// parent's (CVE-2024-23944). A deletion is one event, though it concerns the
// watches on the data and on the children.
type Event struct {
	Type protocol.EventType
	Path string
	ACL  []protocol.ACL
}

func (r *Result) event(t protocol.EventType, path string, acl []protocol.ACL) {
	r.Events = append(r.Events, Event{t, path, acl})
}
