package wire

import (
	"fmt"
	"sort"
	"strings"

	"zookit/protocol"
)

// A Znode is all a client can read of one.
type Znode struct {
	Path string
	Data []byte // nil when the znode's data is null
	Stat protocol.Stat
	ACL  []protocol.ACL
}

// Walk reads the whole tree, sorted by path. The session needs the right to read everything: add the super identity.
func Walk(c *Conn) ([]Znode, error) {
	var out []Znode
	pending := []string{"/"}
	for len(pending) > 0 {
		path := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		var data protocol.GetDataResponse
		var acl protocol.GetACLResponse
		var children protocol.GetChildrenResponse
		if err := c.Do(protocol.OpGetData, &protocol.GetDataRequest{Path: path}, &data); err != nil {
			return nil, fmt.Errorf("getData %s: %w", path, err)
		}
		if err := c.Do(protocol.OpGetACL, &protocol.GetACLRequest{Path: path}, &acl); err != nil {
			return nil, fmt.Errorf("getACL %s: %w", path, err)
		}
		if err := c.Do(protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: path}, &children); err != nil {
			return nil, fmt.Errorf("getChildren %s: %w", path, err)
		}
		out = append(out, Znode{Path: path, Data: data.Data, Stat: data.Stat, ACL: acl.ACL})
		for _, name := range children.Strings {
			pending = append(pending, protocol.Join(path, name))
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out, nil
}

// Diff names every difference between two trees, one a line; "" when they are equal.
func Diff(a, b []Znode) string {
	var out strings.Builder
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Path < b[0].Path:
			fmt.Fprintf(&out, "%s: only in the first\n", a[0].Path)
			a = a[1:]
		case len(a) == 0 || b[0].Path < a[0].Path:
			fmt.Fprintf(&out, "%s: only in the second\n", b[0].Path)
			b = b[1:]
		default:
			if x, y := text(a[0]), text(b[0]); x != y {
				fmt.Fprintf(&out, "%s:\n  first  %s\n  second %s\n", a[0].Path, x, y)
			}
			a, b = a[1:], b[1:]
		}
	}
	return out.String()
}

func text(z Znode) string {
	data := "null"
	if z.Data != nil {
		data = fmt.Sprintf("%q", z.Data)
	}
	return fmt.Sprintf("data %s stat %+v acl %v", data, z.Stat, z.ACL)
}
