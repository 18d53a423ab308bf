// Package acl decides who may do what: the authentication schemes, the check
// of an ACL, and what becomes of an ACL that a client sets. It is pure: a Rules
// value never changes after New and may be shared.
//
// Facts are from ZooKeeperServer.checkACL, PrepRequestProcessor.fixupACL,
// DigestAuthenticationProvider, IPAuthenticationProvider,
// SASLAuthenticationProvider, X509AuthenticationProvider, KerberosName,
// ProviderRegistry and AuthUtil of Apache 3.9.5, checked against a running
// 3.8.0. Differs from Apache: getACL masks all of a digest id after its first
// colon; Apache's expression stops at a line end.
//
//	scheme  id                        who adds it to a connection
//	world   anyone                    nobody: it stands in ACLs alone
//	auth    (ignored)                 nobody: it becomes the connection's ids
//	ip      address[/bits]            every connection has its own address
//	digest  user:base64(hash)         an auth packet
//	x509    subject, RFC 2253         the TLS handshake, when configured
//	sasl    Kerberos principal        the SASL exchange, when configured
//	super   (anything)                an auth packet that equals superDigest
package acl

import (
	"slices"

	"zookit/protocol"
)

const (
	schemeWorld  = "world"
	schemeAuth   = "auth"
	schemeIP     = "ip"
	schemeDigest = "digest"
	schemeX509   = "x509"
	schemeSASL   = "sasl"
	schemeSuper  = "super"
)

// Options are the server's settings; the comment names the property.
type Options struct {
	SkipACL        bool   // skipACL=yes: every permission is granted
	SuperDigest    string // DigestAuthenticationProvider.superDigest, "super:<base64>"
	DigestAlg      string // DigestAuthenticationProvider.digestAlg, "" is SHA1
	DigestDisabled bool   // DigestAuthenticationProvider.enabled=false
	X509           bool   // authProvider.x509 is configured
	X509SuperUser  string // X509AuthenticationProvider.superUser
	SASL           bool   // authProvider.sasl is configured
	SASLAnyUser    string // letAnySaslUserDoX: the ACL id that every SASL user matches
}

// Rules is an immutable set of rules.
type Rules struct {
	opt  Options
	hash func([]byte) []byte
}

// New checks the options; the one that can be wrong is the digest algorithm.
func New(opt Options) (*Rules, error) {
	hash, err := hashByName(opt.DigestAlg)
	if err != nil {
		return nil, err
	}
	return &Rules{opt: opt, hash: hash}, nil
}

// Default is the rules of a server without any setting.
func Default() *Rules {
	r, _ := New(Options{})
	return r
}

// Check tells whether ids are granted one of the permissions in want. An empty
// ACL grants everything, and so does an identity of scheme super.
func (r *Rules) Check(acl []protocol.ACL, want protocol.Perm, ids []protocol.ID) bool {
	if r.opt.SkipACL || len(acl) == 0 {
		return true
	}
	for i := range ids {
		if ids[i].Scheme == schemeSuper {
			return true
		}
	}
	for i := range acl {
		e := &acl[i]
		if e.Perms&want == 0 {
			continue
		}
		if e.Scheme == schemeWorld && e.ID == "anyone" {
			return true
		}
		if !r.has(e.Scheme) {
			continue
		}
		for j := range ids {
			if ids[j].Scheme == e.Scheme && r.matches(e.Scheme, ids[j].ID, e.ID) {
				return true
			}
		}
	}
	return false
}

// has tells whether there is a provider for the scheme.
func (r *Rules) has(scheme string) bool {
	switch scheme {
	case schemeIP:
		return true
	case schemeDigest:
		return !r.opt.DigestDisabled
	case schemeX509:
		return r.opt.X509
	case schemeSASL:
		return r.opt.SASL
	}
	return false
}

// matches compares an identity with the id of an ACL entry of its scheme.
func (r *Rules) matches(scheme, id, expr string) bool {
	switch scheme {
	case schemeIP:
		return matchIP(id, expr)
	case schemeX509:
		return id == expr || r.opt.X509SuperUser != "" && id == r.opt.X509SuperUser
	case schemeSASL:
		return id == expr || id == "super" || r.opt.SASLAnyUser != "" && expr == r.opt.SASLAnyUser
	}
	return id == expr
}

// valid tells whether an id can stand in an ACL under its scheme.
func (r *Rules) valid(scheme, id string) bool {
	if !r.has(scheme) {
		return false
	}
	switch scheme {
	case schemeIP:
		_, _, ok := parseIPExpr(id)
		return ok
	case schemeDigest:
		return validDigestID(id)
	case schemeX509:
		return validDN(id)
	}
	return validPrincipal(id)
}

// FixUp makes the ACL that is stored from the one a client sends: duplicates go,
// "auth" becomes the connection's authenticated ids, and every id is valid under
// a scheme the server knows. Anything else is InvalidACL. A result of more than
// limit bytes on the wire is BadArguments: each "auth" stands for all the ids.
// The result is new; its strings are those of the arguments.
func (r *Rules) FixUp(acl []protocol.ACL, ids []protocol.ID, limit int) ([]protocol.ACL, protocol.Code) {
	if len(acl) == 0 {
		return nil, protocol.InvalidACL
	}
	fixed := make([]protocol.ACL, 0, len(acl))
	size := protocol.ACLsLen(nil)
	repeated := repeats(acl)
	for i, e := range acl {
		if repeated(i) {
			continue
		}
		from := len(fixed)
		switch {
		case e.Scheme == schemeWorld && e.ID == "anyone":
			fixed = append(fixed, e)
		case e.Scheme == schemeAuth:
			for _, id := range ids {
				if id.Scheme != schemeIP && r.has(id.Scheme) {
					fixed = append(fixed, protocol.ACL{Perms: e.Perms, Scheme: id.Scheme, ID: id.ID})
				}
			}
			if len(fixed) == from {
				return nil, protocol.InvalidACL
			}
		case r.valid(e.Scheme, e.ID):
			fixed = append(fixed, e)
		default:
			return nil, protocol.InvalidACL
		}
		if size += protocol.ACLsLen(fixed[from:]) - protocol.ACLsLen(nil); size > limit {
			return nil, protocol.BadArguments
		}
	}
	return fixed, protocol.OK
}

// repeats tells of each entry whether an equal one stands before it.
func repeats(acl []protocol.ACL) func(i int) bool {
	const few = 32
	if len(acl) <= few {
		return func(i int) bool { return slices.Contains(acl[:i], acl[i]) }
	}
	seen := make(map[protocol.ACL]bool, len(acl))
	return func(i int) bool {
		before := seen[acl[i]]
		seen[acl[i]] = true
		return before
	}
}

// Authenticate answers an auth packet: the ids that it adds to the connection,
// or AuthFailed, after which the connection is closed. ip is the connection's
// own identity (IPIdentity), which scheme ip adds again.
func (r *Rules) Authenticate(scheme string, auth []byte, ip protocol.ID) ([]protocol.ID, protocol.Code) {
	switch {
	case scheme == schemeIP:
		return []protocol.ID{ip}, protocol.OK
	case scheme == schemeDigest && r.has(schemeDigest):
		id := r.digestID(string(auth))
		if r.opt.SuperDigest != "" && id == r.opt.SuperDigest {
			return []protocol.ID{{Scheme: schemeSuper}, {Scheme: schemeDigest, ID: id}}, protocol.OK
		}
		return []protocol.ID{{Scheme: schemeDigest, ID: id}}, protocol.OK
	}
	// x509 and sasl ids come from the handshake, never from this packet.
	return nil, protocol.AuthFailed
}

// Mask is an ACL as getACL shows it to those without ADMIN: the hashes of digest
// ids are replaced by x.
func Mask(acl []protocol.ACL) []protocol.ACL {
	masked := slices.Clone(acl)
	for i := range masked {
		if e := &masked[i]; e.Scheme == schemeDigest {
			e.ID = maskDigestID(e.ID)
		}
	}
	return masked
}

// WhoAmI lists the identities as whoAmI shows them: of a digest id the user
// alone, and no name for a scheme without a provider, such as super.
func (r *Rules) WhoAmI(ids []protocol.ID) []protocol.ClientInfo {
	infos := make([]protocol.ClientInfo, len(ids))
	for i, id := range ids {
		infos[i].Scheme = id.Scheme
		switch {
		case !r.has(id.Scheme):
		case id.Scheme == schemeDigest:
			infos[i].User = digestUser(id.ID)
		default:
			infos[i].User = id.ID
		}
	}
	return infos
}
