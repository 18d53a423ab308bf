package protocol

import "zookit/protocol/jute"

// CreateRequest is the body of create, create2 and createContainer.
type CreateRequest struct {
	Path  string
	Data  []byte // null stays null
	ACL   []ACL
	Flags CreateFlag
}

func (r *CreateRequest) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, r.Path)
	b = jute.AppendBuffer(b, r.Data)
	b = appendACLs(b, r.ACL)
	return jute.AppendInt(b, int32(r.Flags))
}

func (r *CreateRequest) Decode(d *jute.Decoder) error {
	r.Path, r.Data, r.ACL = pathField(d), d.Buffer(), DecodeACLs(d)
	r.Flags = CreateFlag(d.Int())
	return field("create request", d)
}

// CreateTTLRequest is the body of createTTL; TTL in ms.
type CreateTTLRequest struct {
	Path  string
	Data  []byte
	ACL   []ACL
	Flags CreateFlag
	TTL   int64
}

func (r *CreateTTLRequest) AppendTo(b []byte) []byte {
	c := CreateRequest{r.Path, r.Data, r.ACL, r.Flags}
	return jute.AppendLong(c.AppendTo(b), r.TTL)
}

func (r *CreateTTLRequest) Decode(d *jute.Decoder) error {
	r.Path, r.Data, r.ACL = pathField(d), d.Buffer(), DecodeACLs(d)
	r.Flags, r.TTL = CreateFlag(d.Int()), d.Long()
	return field("create ttl request", d)
}

// DeleteRequest removes a childless znode; version −1 is any.
type DeleteRequest struct {
	Path    string
	Version int32
}

func (r *DeleteRequest) AppendTo(b []byte) []byte {
	return jute.AppendInt(jute.AppendString(b, r.Path), r.Version)
}

func (r *DeleteRequest) Decode(d *jute.Decoder) error {
	r.Path, r.Version = pathField(d), d.Int()
	return field("delete request", d)
}

// CheckVersionRequest is the check op of a multi.
type CheckVersionRequest struct {
	Path    string
	Version int32
}

func (r *CheckVersionRequest) AppendTo(b []byte) []byte {
	return jute.AppendInt(jute.AppendString(b, r.Path), r.Version)
}

func (r *CheckVersionRequest) Decode(d *jute.Decoder) error {
	r.Path, r.Version = pathField(d), d.Int()
	return field("check request", d)
}

// SetDataRequest replaces a znode's data; version −1 is any.
type SetDataRequest struct {
	Path    string
	Data    []byte
	Version int32
}

func (r *SetDataRequest) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, r.Path)
	b = jute.AppendBuffer(b, r.Data)
	return jute.AppendInt(b, r.Version)
}

func (r *SetDataRequest) Decode(d *jute.Decoder) error {
	r.Path, r.Data, r.Version = d.String(), d.Buffer(), d.Int()
	return field("set data request", d)
}

// SetACLRequest replaces a znode's ACL; version is that of the ACL, −1 any.
type SetACLRequest struct {
	Path    string
	ACL     []ACL
	Version int32
}

func (r *SetACLRequest) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, r.Path)
	b = appendACLs(b, r.ACL)
	return jute.AppendInt(b, r.Version)
}

func (r *SetACLRequest) Decode(d *jute.Decoder) error {
	r.Path, r.ACL, r.Version = d.String(), DecodeACLs(d), d.Int()
	return field("set acl request", d)
}

// PathRequest is a path alone: getACL, sync, getAllChildrenNumber, and the
// body of deleteContainer in 3.9.
type PathRequest struct{ Path string }

func (r *PathRequest) AppendTo(b []byte) []byte { return jute.AppendString(b, r.Path) }
func (r *PathRequest) Decode(d *jute.Decoder) error {
	r.Path = pathField(d)
	return field("path request", d)
}

// PathWatchRequest is a path and whether to watch it: exists, getData,
// getChildren and getChildren2.
type PathWatchRequest struct {
	Path  string
	Watch bool
}

func (r *PathWatchRequest) AppendTo(b []byte) []byte {
	return jute.AppendBool(jute.AppendString(b, r.Path), r.Watch)
}

func (r *PathWatchRequest) Decode(d *jute.Decoder) error {
	r.Path, r.Watch = pathField(d), d.Bool()
	return field("path and watch request", d)
}

// The records that share a shape keep the names of zookeeper.jute.
type (
	GetACLRequest               = PathRequest
	SyncRequest                 = PathRequest
	SyncResponse                = PathRequest
	GetAllChildrenNumberRequest = PathRequest
	ExistsRequest               = PathWatchRequest
	GetDataRequest              = PathWatchRequest
	GetChildrenRequest          = PathWatchRequest
	GetChildren2Request         = PathWatchRequest
)

// GetEphemeralsRequest lists the session's own ephemerals whose path begins
// with the prefix; "", "/" and null mean all.
type GetEphemeralsRequest struct{ Prefix string }

func (r *GetEphemeralsRequest) AppendTo(b []byte) []byte { return jute.AppendString(b, r.Prefix) }
func (r *GetEphemeralsRequest) Decode(d *jute.Decoder) error {
	r.Prefix = d.String()
	return field("get ephemerals request", d)
}

// AddWatchRequest sets a persistent or recursive watch.
type AddWatchRequest struct {
	Path string
	Mode AddWatchMode
}

func (r *AddWatchRequest) AppendTo(b []byte) []byte {
	return jute.AppendInt(jute.AppendString(b, r.Path), int32(r.Mode))
}

func (r *AddWatchRequest) Decode(d *jute.Decoder) error {
	r.Path, r.Mode = pathField(d), AddWatchMode(d.Int())
	return field("add watch request", d)
}

// WatchesRequest is the body of checkWatches and removeWatches.
type WatchesRequest struct {
	Path string
	Type WatcherType
}

type (
	CheckWatchesRequest  = WatchesRequest
	RemoveWatchesRequest = WatchesRequest
)

func (r *WatchesRequest) AppendTo(b []byte) []byte {
	return jute.AppendInt(jute.AppendString(b, r.Path), int32(r.Type))
}

func (r *WatchesRequest) Decode(d *jute.Decoder) error {
	r.Path, r.Type = pathField(d), WatcherType(d.Int())
	return field("watches request", d)
}

// SetWatches2Request re-arms a client's watches after a reconnect. setWatches
// carries the first three lists alone; see SetWatchesRequest.
type SetWatches2Request struct {
	RelativeZxid        Zxid // the last zxid the client has seen
	Data                []string
	Exist               []string
	Child               []string
	Persistent          []string
	PersistentRecursive []string
}

func (r *SetWatches2Request) AppendTo(b []byte) []byte {
	w := SetWatchesRequest{r.RelativeZxid, r.Data, r.Exist, r.Child}
	b = w.AppendTo(b)
	b = jute.AppendStrings(b, r.Persistent)
	return jute.AppendStrings(b, r.PersistentRecursive)
}

func (r *SetWatches2Request) Decode(d *jute.Decoder) error {
	r.RelativeZxid = Zxid(d.Long())
	r.Data, r.Exist, r.Child = d.Strings(), d.Strings(), d.Strings()
	r.Persistent, r.PersistentRecursive = d.Strings(), d.Strings()
	return field("set watches2 request", d)
}

// SetWatchesRequest is the form before 3.6.
type SetWatchesRequest struct {
	RelativeZxid Zxid
	Data         []string
	Exist        []string
	Child        []string
}

func (r *SetWatchesRequest) AppendTo(b []byte) []byte {
	b = jute.AppendLong(b, int64(r.RelativeZxid))
	b = jute.AppendStrings(b, r.Data)
	b = jute.AppendStrings(b, r.Exist)
	return jute.AppendStrings(b, r.Child)
}

func (r *SetWatchesRequest) Decode(d *jute.Decoder) error {
	r.RelativeZxid = Zxid(d.Long())
	r.Data, r.Exist, r.Child = d.Strings(), d.Strings(), d.Strings()
	return field("set watches request", d)
}

// ReconfigRequest changes the ensemble: either Joining and Leaving, or
// NewMembers whole. Each may be null, which is not the empty string.
type ReconfigRequest struct {
	Joining, Leaving, NewMembers *string
	CurConfigID                  int64 // −1 is any
}

func (r *ReconfigRequest) AppendTo(b []byte) []byte {
	for _, s := range []*string{r.Joining, r.Leaving, r.NewMembers} {
		if s == nil {
			b = jute.AppendNull(b)
		} else {
			b = jute.AppendString(b, *s)
		}
	}
	return jute.AppendLong(b, r.CurConfigID)
}

func (r *ReconfigRequest) Decode(d *jute.Decoder) error {
	for _, p := range []**string{&r.Joining, &r.Leaving, &r.NewMembers} {
		*p = nil
		if s, null := d.NullString(); !null {
			*p = &s
		}
	}
	r.CurConfigID = d.Long()
	return field("reconfig request", d)
}

// pathField reads a path. Apache answers MarshallingError to a null one, so
// null is a decoding error here. The requests that do not use it are those
// whose null path Apache refuses later, as it does "".
func pathField(d *jute.Decoder) string {
	s, null := d.NullString()
	if null {
		d.Fail(errNullPath)
	}
	return s
}
