// Package sasl is the mechanism DIGEST-MD5 (RFC 2831), both sides, as far as
// servers of an ensemble use it: quality of protection auth, one realm, one
// exchange, UTF-8. The peculiarities are those of Java's
// com.sun.security.sasl.digest, which Apache's servers run. It reads no clock and
// no source of randomness: nonces are given to it.
//
// The mechanism is old. It shows that the other side knows a password, and
// protects nothing that is said afterwards.
package sasl

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"
)

// A Service is what is logged in to. Both sides have it from the protocol, not
// from each other.
type Service struct {
	Protocol string // "zookeeper-quorum"
	Name     string // the server's name, which is the realm too: "zk-quorum-sasl-md5"
}

func (s Service) uri() string { return s.Protocol + "/" + s.Name }

// MaxToken bounds a challenge or response, in bytes (RFC 2831, 2.1.1 and 2.1.2:
// 2048 and 4096).
const MaxToken = 4096

// ErrDenied is a login that failed, in the words of the side that refused it.
var ErrDenied = errors.New("authentication denied")

func denied(why string) error { return fmt.Errorf("%w: %s", ErrDenied, why) }

// A Server is one login from the side that is logged in to.
type Server struct {
	service  Service
	password func(user string) (string, bool)
	nonce    string
}

// NewServer begins a login; password knows the users. The nonce must never have
// been used, nor be guessable; it has no quotation marks and backslashes.
func NewServer(s Service, nonce string, password func(user string) (string, bool)) *Server {
	return &Server{service: s, password: password, nonce: nonce}
}

// Challenge is the first token.
func (s *Server) Challenge() []byte {
	return []byte(`realm="` + s.service.Name + `",nonce="` + s.nonce + `",charset=utf-8,algorithm=md5-sess`)
}

// Answer checks the response to the challenge, and returns who has logged in and
// the last token. What is missing in the response, or stands in it twice, denies.
func (s *Server) Answer(response []byte) (user string, last []byte, err error) {
	d, err := parse(response)
	if err != nil {
		return "", nil, denied(err.Error())
	}
	for _, name := range []string{"username", "nonce", "cnonce", "nc", "digest-uri", "response"} {
		if d[name] == "" {
			return "", nil, denied("the response has no " + name)
		}
	}
	user = d["username"]
	authzid, given := d["authzid"]
	switch {
	case d["realm"] != s.service.Name:
		return "", nil, denied("it is for another realm")
	case d["nonce"] != s.nonce || d["nc"] != "00000001":
		return "", nil, denied("it answers another challenge")
	case d["digest-uri"] != s.service.uri():
		return "", nil, denied("it is for another service")
	case d["qop"] != "" && d["qop"] != "auth":
		return "", nil, denied("it asks for protection of what follows")
	case d["charset"] != "" && d["charset"] != "utf-8" || !utf8.Valid(response):
		return "", nil, denied("it is not in UTF-8")
	case given && authzid != user:
		return "", nil, denied("the user may act for nobody else")
	}
	password, known := s.password(user)
	known = known && password != ""
	p := proof{user: user, realm: s.service.Name, password: password, nonce: s.nonce, cnonce: d["cnonce"], uri: d["digest-uri"], authzid: authzid, hasAuthzid: given}
	same := subtle.ConstantTimeCompare([]byte(p.response("AUTHENTICATE")), []byte(d["response"])) == 1
	if !known || !same {
		return "", nil, denied("the user or the password is wrong")
	}
	return user, []byte("rspauth=" + p.response("")), nil
}

// A Client is one login from the side that logs in.
type Client struct {
	service        Service
	user, password string
	cnonce         string
	proof          proof
}

// NewClient begins a login; cnonce is as a server's nonce.
func NewClient(s Service, user, password, cnonce string) *Client {
	return &Client{service: s, user: user, password: password, cnonce: cnonce}
}

// Respond answers the server's challenge.
func (c *Client) Respond(challenge []byte) ([]byte, error) {
	d, err := parse(challenge)
	if err != nil {
		return nil, fmt.Errorf("challenge: %w", err)
	}
	realm, given := d["realm"]
	if !given {
		realm = c.service.Name
	}
	switch {
	case d["nonce"] == "":
		return nil, errors.New("challenge: there is no nonce in it")
	case d["algorithm"] != "md5-sess":
		return nil, fmt.Errorf("challenge: the algorithm %q is not md5-sess", d["algorithm"])
	case d["charset"] != "" && d["charset"] != "utf-8":
		return nil, fmt.Errorf("challenge: the charset %q is not utf-8", d["charset"])
	case d["qop"] != "" && !listed(d["qop"], "auth"):
		return nil, fmt.Errorf("challenge: the server asks for %q, not for authentication alone", d["qop"])
	}
	c.proof = proof{user: c.user, realm: realm, password: c.password, nonce: d["nonce"], cnonce: c.cnonce, uri: c.service.uri()}
	return []byte(`charset=utf-8,username=` + quote(c.user) + `,realm=` + quote(realm) + `,nonce=` + quote(d["nonce"]) + `,nc=00000001,cnonce=` + quote(c.cnonce) +
		`,digest-uri=` + quote(c.service.uri()) + `,maxbuf=65536,response=` + c.proof.response("AUTHENTICATE") + `,qop=auth`), nil
}

// Check checks the server's last token: it must know the password too. It is
// called after Respond.
func (c *Client) Check(last []byte) error {
	d, err := parse(last)
	if err != nil {
		return fmt.Errorf("the server's proof: %w", err)
	}
	if c.proof.nonce == "" || subtle.ConstantTimeCompare([]byte(c.proof.response("")), []byte(d["rspauth"])) != 1 {
		return errors.New("the server does not know the password itself")
	}
	return nil
}

// A proof is what both sides compute (RFC 2831, 2.1.2.1).
type proof struct {
	user, realm, password, nonce, cnonce, uri string
	authzid                                   string
	hasAuthzid                                bool
}

// response is the hexadecimal digest of the client, whose method is
// AUTHENTICATE, or of the server, whose method is empty.
func (p *proof) response(method string) string {
	secret := md5.Sum([]byte(latin1(p.user) + ":" + latin1(p.realm) + ":" + latin1(p.password)))
	a1 := string(secret[:]) + ":" + p.nonce + ":" + p.cnonce
	if p.hasAuthzid {
		a1 += ":" + p.authzid
	}
	return hash(hash(a1) + ":" + p.nonce + ":00000001:" + p.cnonce + ":auth:" + hash(method+":"+p.uri))
}

func hash(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// latin1 is a text in ISO 8859-1 where all of it has a place there.
func latin1(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return s
		}
		b = append(b, byte(r))
	}
	return string(b)
}
