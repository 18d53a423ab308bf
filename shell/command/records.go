package command

import (
	"zookit/protocol"
	"zookit/shell/render"
)

// StatRecord is a Stat. Zxids and sessions are texts, since a JSON number does
// not hold 64 bits everywhere.
type StatRecord struct {
	Czxid    string `json:"czxid"`           // 0x…, of the creation
	Created  int64  `json:"ctimeMs"`         // ms since 1970
	Mzxid    string `json:"mzxid"`           // 0x…, of the last change of the data
	Modified int64  `json:"mtimeMs"`         // ms since 1970
	Pzxid    string `json:"pzxid"`           // 0x…, of the last change of the list of children
	Cversion int32  `json:"cversion"`        // changes of the list of children
	Version  int32  `json:"version"`         // changes of the data
	Aversion int32  `json:"aversion"`        // changes of the ACL
	Owner    string `json:"owner,omitempty"` // 0x…, the ephemeralOwner: the session of an ephemeral znode, or a mark of containers and TTLs
	Size     int32  `json:"size"`            // of the data, in bytes
	Children int32  `json:"children"`        // number
}

func statRecord(st *protocol.Stat) StatRecord {
	r := StatRecord{
		Czxid: st.Czxid.String(), Mzxid: st.Mzxid.String(), Pzxid: st.Pzxid.String(),
		Created: st.Ctime, Modified: st.Mtime,
		Cversion: st.Cversion, Version: st.Version, Aversion: st.Aversion,
		Size: st.DataLength, Children: st.NumChildren,
	}
	if st.EphemeralOwner != 0 {
		r.Owner = st.EphemeralOwner.String()
	}
	return r
}

// statOf is the record of a Stat where it was asked for, else nil.
func statOf(st *protocol.Stat, asked bool) *StatRecord {
	if st == nil || !asked {
		return nil
	}
	r := statRecord(st)
	return &r
}

// ZnodeStat is what stat prints.
type ZnodeStat struct {
	Path string `json:"path"`
	StatRecord
}

// Changed is what set, setAcl and create print: the znode, and with -s its Stat.
type Changed struct {
	Path string      `json:"path"` // of a sequential znode with its number
	Stat *StatRecord `json:"stat,omitempty"`
}

// changed prints what set and setAcl print: in text nothing but the Stat that
// was asked for.
func (c *Context) changed(path string, st *protocol.Stat) error {
	return c.Emit(Changed{path, statOf(st, c.Has("s"))}, func() {
		if c.Has("s") || c.Compat.StatAlways {
			c.PrintStat(st)
		}
	})
}

// ACLRecord is an entry of an ACL.
type ACLRecord struct {
	Scheme string `json:"scheme"`
	ID     string `json:"id"`
	Perms  string `json:"permissions"` // letters of cdrwa
}

// ZnodeACL is what getAcl prints.
type ZnodeACL struct {
	Path string      `json:"path"`
	ACL  []ACLRecord `json:"acl"`
	Stat *StatRecord `json:"stat,omitempty"` // with -s
}

func aclRecords(acl []protocol.ACL) []ACLRecord {
	list := make([]ACLRecord, len(acl))
	for i, a := range acl {
		list[i] = ACLRecord{Scheme: a.Scheme, ID: a.ID, Perms: render.Perms(a.Perms)}
	}
	return list
}

// PathRecord is a line of what lists paths alone, and the znode that a command
// worked on.
type PathRecord struct {
	Path string `json:"path"`
}

// UserRecord is an identity of the session, of whoami.
type UserRecord struct {
	Scheme string `json:"scheme"`
	User   string `json:"user"`
}

// CountRecord is what getAllChildrenNumber prints.
type CountRecord struct {
	Path  string `json:"path"`
	Count int    `json:"count"` // znodes below it
}

// ConfigRecord is what config and reconfig print.
type ConfigRecord struct {
	Text    string      `json:"text,omitempty"`    // the lines of the configuration
	Servers string      `json:"servers,omitempty"` // with -c: the connect string for clients
	Version string      `json:"version,omitempty"` // with -c: 0x…
	Stat    *StatRecord `json:"stat,omitempty"`    // with -s
}

// VersionRecord is what version prints.
type VersionRecord struct {
	Program string `json:"program"`
	Version string `json:"version"`
	Built   string `json:"built,omitempty"`
}

// HistoryRecord is a line of history.
type HistoryRecord struct {
	Number int    `json:"number"`
	Line   string `json:"line"`
}

// SwitchRecord is what printwatches prints.
type SwitchRecord struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
}

// HelpRecord is a line of help.
type HelpRecord struct {
	Name    string `json:"name"`
	Syntax  string `json:"syntax"`
	Summary string `json:"summary"`
}
