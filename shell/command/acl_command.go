package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"zookit/protocol"
)

var aclCommand = &Command{
	Name:    "acl",
	In:      Own,
	Usage:   Usage{Own: "[path]"},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "tell who this session is, and what it may do on a znode",
	Help: "Without a path it lists the session's identities (servers since 3.7 tell them). With one it says of each permission whether\n" +
		"it is granted, and by which entry of the ACL. To delete a znode takes d on its parent. A server names digest identities by user\n" +
		"alone: what an entry for that user grants is \"likely\" unless reading the znode settles it. \"getAcl\" prints the ACL itself.",
	Example: []string{"acl", "acl /app"},
	Max:     1,
	Run:     runACL,
}

// AccessRecord is what acl yields in the JSON formats.
type AccessRecord struct {
	Identities  []UserRecord       `json:"identities"`
	Path        string             `json:"path,omitempty"`
	Permissions []PermissionRecord `json:"permissions,omitempty"`
}

// PermissionRecord is what is known of one permission.
type PermissionRecord struct {
	Permission string   `json:"permission"`        // create, delete, read, write, admin, or delete-self
	Granted    string   `json:"granted"`           // yes, likely, no, unknown
	Entries    []string `json:"entries,omitempty"` // scheme:id of the entries that grant it; when it is not granted, of those it is granted to
}

// permissions are what a znode's own ACL grants.
var permissions = []struct {
	perm       protocol.Perm
	name, what string
}{
	{protocol.PermRead, "read", "read the data, list the children"},
	{protocol.PermWrite, "write", "write the data"},
	{protocol.PermCreate, "create", "create children"},
	{protocol.PermDelete, "delete", "delete children"},
	{protocol.PermAdmin, "admin", "set the ACL"},
}

func runACL(c *Context) error {
	s, path, err := c.aclTarget()
	if err != nil {
		return err
	}
	ids, err := s.WhoAmI(c)
	tells := true
	if errors.Is(err, protocol.Unimplemented) {
		tells, err = false, nil
	}
	if err != nil {
		return err
	}
	slices.SortFunc(ids, func(a, b protocol.ClientInfo) int { // servers tell them in any order
		return strings.Compare(a.Scheme+":"+a.User, b.Scheme+":"+b.User)
	})
	record := &AccessRecord{Identities: []UserRecord{}, Path: path}
	for _, id := range ids {
		record.Identities = append(record.Identities, UserRecord{id.Scheme, id.User})
	}
	if path != "" {
		if err := fillPermissions(c, s, path, ids, record); err != nil {
			return err
		}
	}
	return c.Emit(record, func() {
		if !tells {
			c.Warn("acl: the server is too old to name this session's identities (3.7 and later do); what the ACL grants to anyone counts")
		} else {
			c.Printf("this session is %s\n", strings.Join(identities(ids), ", "))
		}
		printPermissions(c, record)
	})
}

func (c *Context) aclTarget() (s Session, path string, err error) {
	if len(c.Args) > 0 {
		return c.Target(c.Args[0])
	}
	s, err = c.Session()
	return s, "", err
}

func identities(ids []protocol.ClientInfo) []string {
	var words []string
	for _, id := range ids {
		words = append(words, id.Scheme+":"+id.User)
	}
	if words == nil {
		words = []string{"nobody in particular"}
	}
	return words
}

// fillPermissions judges the znode by its ACL, and its deletion by its
// parent's.
func fillPermissions(c *Context, s Session, path string, ids []protocol.ClientInfo, record *AccessRecord) error {
	a, err := accessTo(c, s, path, ids)
	if err != nil {
		return err
	}
	for _, p := range permissions {
		v, entries := a.may(p.perm)
		record.Permissions = append(record.Permissions, PermissionRecord{p.name, v.String(), entries})
	}
	if path == "/" {
		return nil
	}
	if a, err = accessTo(c, s, protocol.Parent(path), ids); err != nil {
		return err
	}
	v, entries := a.may(protocol.PermDelete)
	record.Permissions = append(record.Permissions, PermissionRecord{"delete-self", v.String(), entries})
	return nil
}

func printPermissions(c *Context, record *AccessRecord) {
	var rows [][]string
	for i, p := range record.Permissions {
		what := "delete it (d on " + protocol.Parent(record.Path) + ")"
		if i < len(permissions) {
			what = permissions[i].what
		}
		rows = append(rows, []string{what, p.Granted, because(p)})
	}
	if c.Tables() && rows != nil {
		if err := c.PrintTable([]string{"to", "may", "entry"}, rows); err == nil {
			return
		}
	}
	for _, r := range rows {
		text := r[0] + ": " + r[1]
		if r[2] != "" {
			text += ", " + r[2]
		}
		c.Printf("%s\n", text)
	}
}

// because says which entries grant it, or to whom it is granted instead.
func because(p PermissionRecord) string {
	entries := strings.Join(p.Entries, " ")
	switch {
	case p.Granted == unknown.String():
		return "the ACL may not be read"
	case p.Granted != denied.String():
		return "by " + entries
	case entries != "":
		return fmt.Sprintf("it is for %s", entries)
	}
	return ""
}
