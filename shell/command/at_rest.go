package command

import (
	"context"

	"zookit/protocol"
)

// AtRest is a Session over data that lies in files, which tell more than a
// server tells a client.
type AtRest interface {
	Session
	// Root is the path below which the data lie: an export's own, else "/".
	Root(ctx context.Context) (string, error)
	// Owner is the stored owner of a znode: a session, or the mark of a
	// container or TTL znode; 0 for any other, and when there is none.
	Owner(ctx context.Context, path string) (protocol.SessionID, error)
	// History calls f for the changes of a znode, and with below of those below
	// it, that the txn logs hold, the oldest first. notes say what is missing.
	History(ctx context.Context, path string, below bool, f func(*Change) error) (notes []string, err error)
}

// Change is what one transaction did to one znode.
type Change struct {
	Zxid    protocol.Zxid
	TimeMs  int64              // when the leader took it in
	Session protocol.SessionID // whose request it was; 0: the server's own
	Op      string             // create, setData, setACL, delete; closeSession: an ephemeral went with it
	Path    string
	Multi   bool // one of several that were done together

	Kind    string         // of a created znode: "", ephemeral, container, ttl
	TTLMs   int64          // of a created TTL znode
	Data    []byte         // after create and setData; nil for null
	Old     []byte         // before setData, delete and closeSession
	OldSeen bool           // Old is known: the logs or the oldest snapshot hold it
	ACL     []protocol.ACL // after create and setACL
	Version int32          // of the data after create and setData, of the ACL after setACL
}

// atRest is the session when it is one over files.
func atRest(s Session) (AtRest, bool) {
	if w, ok := s.(writing); ok {
		s = w.Session
	}
	r, ok := s.(AtRest)
	return r, ok
}
