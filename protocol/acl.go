package protocol

import (
	"crypto/sha1"
	"encoding/base64"
	"strings"

	"zookit/protocol/jute"
)

// Perm is a set of permission bits (ZooDefs.Perms).
type Perm int32

const (
	PermRead   Perm = 1
	PermWrite  Perm = 2
	PermCreate Perm = 4
	PermDelete Perm = 8
	PermAdmin  Perm = 16
	PermAll    Perm = 31
)

// ID is an identity: a scheme and the id within it. An empty string read from
// the wire may have been null; ZooKeeper refuses both where an ACL is set.
type ID struct{ Scheme, ID string }

// ACL grants permissions to an identity.
type ACL struct {
	Perms  Perm
	Scheme string
	ID     string
}

// OpenACL grants everything to everybody, ReadACL reading alone
// (ZooDefs.Ids.OPEN_ACL_UNSAFE and READ_ACL_UNSAFE). Both are shared: never
// change them.
var (
	OpenACL = []ACL{{PermAll, "world", "anyone"}}
	ReadACL = []ACL{{PermRead, "world", "anyone"}}
)

func appendACLs(b []byte, v []ACL) []byte {
	if v == nil {
		return jute.AppendNull(b)
	}
	b = jute.AppendInt(b, int32(len(v)))
	for i := range v {
		b = jute.AppendInt(b, int32(v[i].Perms))
		b = jute.AppendString(b, v[i].Scheme)
		b = jute.AppendString(b, v[i].ID)
	}
	return b
}

// AppendACLs appends a vector of ACLs; nil becomes the null vector.
func AppendACLs(b []byte, v []ACL) []byte { return appendACLs(b, v) }

// ACLsLen is the number of bytes that AppendACLs appends.
func ACLsLen(v []ACL) int {
	n := 4
	for i := range v {
		n += 12 + len(v[i].Scheme) + len(v[i].ID)
	}
	return n
}

// DecodeACLs reads a vector of ACLs; null reads as nil.
func DecodeACLs(d *jute.Decoder) []ACL {
	n := d.Vector(12)
	if n < 0 || d.Err() != nil {
		return nil
	}
	v := make([]ACL, 0, n)
	for range n {
		v = append(v, ACL{Perms: Perm(d.Int()), Scheme: d.String(), ID: d.String()})
		if d.Err() != nil {
			return nil
		}
	}
	return v
}

// DigestID is the digest scheme's id of "user:password":
// user:base64(SHA-1("user:password")), the user being the text before the
// first colon (DigestAuthenticationProvider.generateDigest).
func DigestID(userPassword string) string {
	user, _, _ := strings.Cut(userPassword, ":")
	sum := sha1.Sum([]byte(userPassword))
	return user + ":" + base64.StdEncoding.EncodeToString(sum[:])
}
