package peer

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"zookit/protocol/certs"
	"zookit/protocol/quorum"
	"zookit/protocol/sasl"
)

// A SASL is Apache's login between servers (SaslQuorumAuthLearner.java,
// SaslQuorumAuthServer.java), by DIGEST-MD5. It says that the other side is a
// server of the ensemble, not which.
//
//	dialer   AuthPacket in progress, empty token
//	called   AuthPacket in progress, challenge
//	dialer   AuthPacket in progress, response
//	called   AuthPacket success, its own proof; or error
type SASL struct {
	// LogsIn: this server logs in where it dials (quorum.auth.learnerRequireSasl),
	// as User.
	LogsIn   bool
	User     string
	Password certs.Secret
	// Required: callers must log in (quorum.auth.serverRequireSasl) as one of
	// Users. Otherwise they are let in whatever comes of it, as a step on the way.
	Required bool
	Users    map[string]certs.Secret
}

// quorumService is SASL's name of the ports between servers (QuorumAuth.java).
var quorumService = sasl.Service{Protocol: "zookeeper-quorum", Name: "zk-quorum-sasl-md5"}

// logIn proves to a server that was dialed who this one is.
func (s *Security) logIn(ctx context.Context, conn net.Conn) error {
	if s == nil || s.SASL == nil || !s.SASL.LogsIn {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(s.timeout()))
	err := s.SASL.logIn(conn)
	_ = conn.SetDeadline(time.Time{})
	if err != nil {
		return fmt.Errorf("%w login as %q: %w", errSASL, s.SASL.User, err)
	}
	return nil
}

func (s *SASL) logIn(conn net.Conn) error {
	login := sasl.NewClient(quorumService, s.User, string(s.Password), nonce())
	in, err := exchange(conn, []byte{})
	if err != nil {
		return err
	}
	response, err := login.Respond(in.Token)
	if err != nil {
		return err
	}
	if in, err = exchange(conn, response); err != nil {
		return err
	}
	if in.Status != quorum.AuthSuccess {
		return fmt.Errorf("the other server answers with status %d, not with success", in.Status)
	}
	return login.Check(in.Token)
}

// exchange sends a token and returns the answer.
func exchange(conn net.Conn, token []byte) (in quorum.AuthPacket, err error) {
	out := quorum.AuthPacket{Status: quorum.AuthInProgress, Token: token}
	if _, err = conn.Write(out.AppendTo(nil)); err != nil {
		return in, err
	}
	if err = in.Read(conn); err != nil {
		return in, err
	}
	if in.Status != quorum.AuthInProgress && in.Status != quorum.AuthSuccess {
		return in, errors.New("the other server refuses it: are user and password in its JAAS file, as user_NAME=\"PASSWORD\" of the server's section?")
	}
	return in, nil
}

// nonce cannot be guessed and does not repeat.
func nonce() string {
	var b [30]byte
	_, _ = rand.Read(b[:]) // it never fails, nor returns less
	return base64.StdEncoding.EncodeToString(b[:])
}

// authenticate lets a caller log in, and returns what is read from then on. note
// is why a caller is let in although it has not.
func (s *Security) authenticate(conn net.Conn) (wire net.Conn, note, err error) {
	if s == nil || s.SASL == nil {
		return conn, nil, nil
	}
	_ = conn.SetDeadline(time.Now().Add(s.timeout()))
	peeked := newPeeked(conn)
	err = s.SASL.authenticate(peeked)
	_ = conn.SetDeadline(time.Time{})
	switch {
	case err == nil:
		return peeked, nil, nil
	case s.SASL.Required:
		return nil, nil, fmt.Errorf("%w: %w", errSASL, err)
	}
	return peeked, err, nil
}

// letIn is what the log says of a caller that has not proved who it is.
const letIn = "a server is let in without a login, since quorum.auth.serverRequireSasl is not set"

var errNoLogin = errors.New("the caller does not log in, and quorum.auth.serverRequireSasl=true asks for it: set quorum.auth.learnerRequireSasl=true there")

func (s *SASL) authenticate(conn *peeked) error {
	first, err := conn.in.Peek(8)
	if err != nil {
		return err
	}
	if int64(binary.BigEndian.Uint64(first)) != quorum.AuthMagic {
		return errNoLogin
	}
	err = s.serveLogin(conn)
	if err != nil {
		refusal := quorum.AuthPacket{Status: quorum.AuthError, Token: []byte{}}
		_, _ = conn.Write(refusal.AppendTo(nil))
	}
	return err
}

func (s *SASL) serveLogin(conn *peeked) error {
	var in quorum.AuthPacket
	if err := in.Read(conn); err != nil {
		return err
	}
	login := sasl.NewServer(quorumService, nonce(), func(user string) (string, bool) {
		password, known := s.Users[user]
		return string(password), known
	})
	out := quorum.AuthPacket{Status: quorum.AuthInProgress, Token: login.Challenge()}
	if _, err := conn.Write(out.AppendTo(nil)); err != nil {
		return err
	}
	if err := in.Read(conn); err != nil {
		return err
	}
	_, last, err := login.Answer(in.Token)
	if err != nil {
		return err
	}
	out = quorum.AuthPacket{Status: quorum.AuthSuccess, Token: last}
	_, err = conn.Write(out.AppendTo(nil))
	return err
}
