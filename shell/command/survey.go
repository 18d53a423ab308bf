package command

import (
	"context"
	"errors"
	"fmt"

	"zookit/protocol"
	"zookit/shell/walk"
)

// allFlag goes into giant parents; the commands that look at subtrees have it.
var allFlag = Flag{Name: "a", Help: "go into parents of more than 10,000 children as well", In: Own}

// survey walks a subtree for a command that looks at it. It names on stderr
// what may not be read, for which the command fails in the end, and the giant
// parents below root that it does not go into unless -a was given; it tells how
// far it is, and ends when nobody reads the results any more. Refused nodes are
// visited, too.
func (c *Context) survey(s Session, root string, o walk.Options, visit func(*walk.Node) error) error {
	if !c.Has("a") {
		o.Giant = walk.GiantParent
	}
	o.Progress = func(done, pending int) {
		c.Progress(fmt.Sprintf("%s seen, %s known of", grouped(done), grouped(done+pending)))
	}
	return walk.Walk(c, s, root, o, func(n *walk.Node) error {
		switch {
		case c.Shell.Out.Broken():
			return walk.Stop
		case n.Err != nil:
			c.refuse(n.Path, n.Err)
		case n.Giant:
			c.Shell.Out.Note(fmt.Sprintf("%s has %s children, which are left out (-a goes in)", n.Path, grouped(int(n.Stat.NumChildren))))
		}
		return visit(n)
	})
}

// rootOf is the session and the path of the argument at i, or where the shell
// is when there is none.
func (c *Context) rootOf(i int) (Session, string, error) {
	if len(c.Args) <= i && c.Shell.relative() {
		c.Args = append(c.Args, ".")
	}
	if len(c.Args) <= i {
		return nil, "", errUsage
	}
	return c.Target(c.Args[i])
}

// eachRoot calls f for each znode that the arguments from i on name, or for
// the one where the shell is. What one may not be read for keeps nobody from
// the others.
func (c *Context) eachRoot(i int, f func(s Session, root string) error) error {
	if len(c.Args) <= i {
		s, root, err := c.rootOf(i)
		if err != nil {
			return err
		}
		return f(s, root)
	}
	for ; i < len(c.Args); i++ {
		if !c.isPattern(c.Args[i]) {
			s, root, err := c.Target(c.Args[i])
			if err == nil {
				err = f(s, root)
			}
			if err = c.goOn(c.Args[i], i == len(c.Args)-1, err); err != nil {
				return err
			}
			continue
		}
		paths, err := c.Paths(i)
		if err != nil {
			return err
		}
		for _, path := range paths {
			s, root, err := c.Target(path)
			if err != nil {
				return err
			}
			if err := c.goOn(path, false, f(s, root)); err != nil {
				return err
			}
		}
	}
	return nil
}

// goOn is nil when a command may go on with its next znode behind an error of
// this one, which is named then.
func (c *Context) goOn(path string, last bool, err error) error {
	switch {
	case errors.Is(err, errQueued):
		return nil
	case err != nil && isCode(err) && !last && c.Err() == nil:
		c.refuse(path, err)
		return nil
	}
	return err
}

// Znode is one znode in the results of ls, find and tree. What was not asked
// for is left out.
type Znode struct {
	Path        string `json:"path"`
	Type        string `json:"type,omitempty"`       // persistent, ephemeral; container and ttl in data of stopped servers alone
	Sequential  bool   `json:"sequential,omitempty"` // the name ends in a sequence number
	Size        int32  `json:"size"`                 // of the data, in bytes
	Children    int32  `json:"children"`
	Version     int32  `json:"version"` // of the data
	Cversion    int32  `json:"cversion"`
	Aversion    int32  `json:"aversion"`
	Owner       string `json:"owner,omitempty"` // session of an ephemeral znode, 0x…
	Created     int64  `json:"ctimeMs"`         // since 1970
	Modified    int64  `json:"mtimeMs"`         // since 1970
	Czxid       string `json:"czxid,omitempty"` // 0x…
	Mzxid       string `json:"mzxid,omitempty"`
	Pzxid       string `json:"pzxid,omitempty"`
	NotReadable bool   `json:"notReadable,omitempty"` // the server refused it or a part of it
	NotGoneInto bool   `json:"notGoneInto,omitempty"` // a giant parent whose children were left out
}

// newZnode is the record of a node that was walked to with its Stat.
func newZnode(n *walk.Node, owner protocol.SessionID) *Znode {
	z := &Znode{Path: n.Path, NotReadable: n.Err != nil, NotGoneInto: n.Giant, Sequential: isSequential(n.Path)}
	st := n.Stat
	if st == nil {
		return z
	}
	z.Type = typeOf(owner)
	z.Size, z.Children, z.Version, z.Cversion, z.Aversion = st.DataLength, st.NumChildren, st.Version, st.Cversion, st.Aversion
	z.Created, z.Modified = st.Ctime, st.Mtime
	z.Czxid, z.Mzxid, z.Pzxid = st.Czxid.String(), st.Mzxid.String(), st.Pzxid.String()
	if session := protocol.EphemeralSession(owner, true); session != 0 {
		z.Owner = session.String()
	}
	return z
}

// ownerOf is the owner that tells a znode's type: that of its Stat, which on a
// server is a session or 0, and in data of stopped servers the stored one.
func ownerOf(ctx context.Context, s Session, n *walk.Node) (protocol.SessionID, error) {
	if n.Stat == nil {
		return 0, nil
	}
	if rest, ok := atRest(s); ok {
		owner, err := rest.Owner(ctx, n.Path)
		if errors.Is(err, protocol.NoNode) {
			return n.Stat.EphemeralOwner, nil
		}
		return owner, err
	}
	return n.Stat.EphemeralOwner, nil
}

// typeOf is the type that an owner tells.
func typeOf(owner protocol.SessionID) string {
	switch {
	case owner == 0:
		return "persistent"
	case owner == protocol.ContainerOwner:
		return "container"
	case protocol.TTLOf(owner, true) != 0:
		return "ttl"
	}
	return "ephemeral"
}

// sequenceDigits is how many digits a server appends to the name of a
// sequential znode.
const sequenceDigits = 10

// isSequential tells whether a name ends as a sequential znode's does. Nothing
// else tells.
func isSequential(path string) bool {
	name := protocol.Base(path)
	if len(name) < sequenceDigits {
		return false
	}
	for _, digit := range name[len(name)-sequenceDigits:] {
		if digit < '0' || digit > '9' {
			return false
		}
	}
	return true
}
