package protocol

import (
	"errors"

	"zookit/protocol/jute"
)

var errNullPath = errors.New("path is null")

// PathResponse is the reply of create.
type PathResponse struct{ Path string }

func (r *PathResponse) AppendTo(b []byte) []byte { return jute.AppendString(b, r.Path) }
func (r *PathResponse) Decode(d *jute.Decoder) error {
	r.Path = d.String()
	return field("path response", d)
}

// Create2Response is the reply of create2, createContainer and createTTL.
type Create2Response struct {
	Path string
	Stat Stat
}

func (r *Create2Response) AppendTo(b []byte) []byte {
	return r.Stat.AppendTo(jute.AppendString(b, r.Path))
}

func (r *Create2Response) Decode(d *jute.Decoder) error {
	r.Path = d.String()
	_ = r.Stat.Decode(d)
	return field("create2 response", d)
}

// StatResponse is the reply of exists, setData and setACL.
type StatResponse struct{ Stat Stat }

func (r *StatResponse) AppendTo(b []byte) []byte { return r.Stat.AppendTo(b) }
func (r *StatResponse) Decode(d *jute.Decoder) error {
	_ = r.Stat.Decode(d)
	return field("stat response", d)
}

// GetDataResponse is the reply of getData, and of reconfig.
type GetDataResponse struct {
	Data []byte
	Stat Stat
}

func (r *GetDataResponse) AppendTo(b []byte) []byte {
	return r.Stat.AppendTo(jute.AppendBuffer(b, r.Data))
}

func (r *GetDataResponse) Decode(d *jute.Decoder) error {
	r.Data = d.Buffer()
	_ = r.Stat.Decode(d)
	return field("get data response", d)
}

// GetACLResponse is the reply of getACL.
type GetACLResponse struct {
	ACL  []ACL
	Stat Stat
}

func (r *GetACLResponse) AppendTo(b []byte) []byte { return r.Stat.AppendTo(appendACLs(b, r.ACL)) }
func (r *GetACLResponse) Decode(d *jute.Decoder) error {
	r.ACL = DecodeACLs(d)
	_ = r.Stat.Decode(d)
	return field("get acl response", d)
}

// StringsResponse is the reply of getChildren and of getEphemerals.
type StringsResponse struct{ Strings []string }

type (
	GetChildrenResponse   = StringsResponse
	GetEphemeralsResponse = StringsResponse
)

func (r *StringsResponse) AppendTo(b []byte) []byte { return jute.AppendStrings(b, r.Strings) }
func (r *StringsResponse) Decode(d *jute.Decoder) error {
	r.Strings = d.Strings()
	return field("strings response", d)
}

// GetChildren2Response is the reply of getChildren2.
type GetChildren2Response struct {
	Children []string
	Stat     Stat
}

func (r *GetChildren2Response) AppendTo(b []byte) []byte {
	return r.Stat.AppendTo(jute.AppendStrings(b, r.Children))
}

func (r *GetChildren2Response) Decode(d *jute.Decoder) error {
	r.Children = d.Strings()
	_ = r.Stat.Decode(d)
	return field("get children2 response", d)
}

// GetAllChildrenNumberResponse counts the descendants of a znode.
type GetAllChildrenNumberResponse struct{ Total int32 }

func (r *GetAllChildrenNumberResponse) AppendTo(b []byte) []byte {
	return jute.AppendInt(b, r.Total)
}

func (r *GetAllChildrenNumberResponse) Decode(d *jute.Decoder) error {
	r.Total = d.Int()
	return field("get all children number response", d)
}

// ErrorResponse is an error code as a body: the reply of addWatch (0), and the
// record of a failed op in a multi.
type ErrorResponse struct{ Err Code }

func (r *ErrorResponse) AppendTo(b []byte) []byte { return jute.AppendInt(b, int32(r.Err)) }
func (r *ErrorResponse) Decode(d *jute.Decoder) error {
	r.Err = Code(d.Int())
	return field("error response", d)
}

// ClientInfo is one identity of a connection; User stops at the colon of a
// digest id.
type ClientInfo struct{ Scheme, User string }

// WhoAmIResponse is the reply of whoAmI.
type WhoAmIResponse struct{ Infos []ClientInfo }

func (r *WhoAmIResponse) AppendTo(b []byte) []byte {
	if r.Infos == nil {
		return jute.AppendNull(b)
	}
	b = jute.AppendInt(b, int32(len(r.Infos)))
	for _, i := range r.Infos {
		b = jute.AppendString(jute.AppendString(b, i.Scheme), i.User)
	}
	return b
}

func (r *WhoAmIResponse) Decode(d *jute.Decoder) error {
	r.Infos = nil
	if n := d.Vector(8); n >= 0 && d.Err() == nil {
		r.Infos = make([]ClientInfo, 0, n)
		for range n {
			r.Infos = append(r.Infos, ClientInfo{d.String(), d.String()})
			if d.Err() != nil {
				break
			}
		}
	}
	return field("whoami response", d)
}
