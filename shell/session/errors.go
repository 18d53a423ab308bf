package session

import (
	"errors"
	"fmt"
	"strings"

	"zookit/protocol"
)

// ErrClosed: the session was closed, so there is nothing to send a request on.
var ErrClosed = errors.New("not connected")

// OpError is an operation that failed with an error code. It unwraps to the
// code, so errors.Is(err, protocol.NoNode) works.
type OpError struct {
	Op   protocol.OpCode
	Path string // as the caller gave it, without the chroot; "" for operations without a path
	Code protocol.Code
}

func (e *OpError) Error() string { return keeperText(e.Code, e.Path) }
func (e *OpError) Unwrap() error { return e.Code }

// ConnectionLossError is an operation without an outcome because the
// connection was lost. It unwraps to protocol.ConnectionLoss and to Reason.
type ConnectionLossError struct {
	Op     protocol.OpCode
	Path   string
	Sent   bool  // the request may have reached the server
	Reason error // why: a *ConnectError when no server could be reached
}

func (e *ConnectionLossError) Error() string {
	what := "nothing was sent"
	switch {
	case e.OutcomeUnknown():
		what = "the outcome is unknown"
	case e.Sent:
		what = "the request only reads"
	}
	text := keeperText(protocol.ConnectionLoss, e.Path) + " (" + what
	if e.Reason != nil {
		text += ": " + e.Reason.Error()
	}
	return text + ")"
}

// OutcomeUnknown tells whether the request may have changed something.
func (e *ConnectionLossError) OutcomeUnknown() bool { return e.Sent && writes(e.Op) }

func (e *ConnectionLossError) Unwrap() []error { return unwrapPair(protocol.ConnectionLoss, e.Reason) }

// CanceledError is an operation whose context ended before its reply came. The
// session stays. It unwraps to the context's error.
type CanceledError struct {
	Op    protocol.OpCode
	Path  string
	Sent  bool // the request may have been executed
	Cause error
}

func (e *CanceledError) Error() string {
	what := "nothing was sent"
	switch {
	case e.OutcomeUnknown():
		what = "the request was sent, its outcome is unknown"
	case e.Sent:
		what = "the request only reads"
	}
	if e.Path == "" {
		return fmt.Sprintf("%s: %v (%s)", e.Op, e.Cause, what)
	}
	return fmt.Sprintf("%s %s: %v (%s)", e.Op, e.Path, e.Cause, what)
}

// OutcomeUnknown tells whether the request may have changed something.
func (e *CanceledError) OutcomeUnknown() bool { return e.Sent && writes(e.Op) }

func (e *CanceledError) Unwrap() error { return e.Cause }

// TooLargeError is a request that no server with this jute.maxbuffer accepts.
// Nothing was sent: a server drops the connection of whoever sends one.
type TooLargeError struct {
	Op    protocol.OpCode
	Path  string
	Size  int // of the packet, in bytes
	Limit int // jute.maxbuffer, in bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s: the request has %d bytes, more than the %d of jute.maxbuffer; nothing was sent",
		strings.TrimSpace(e.Op.String()+" "+e.Path), e.Size, e.Limit)
}

// FrozenError is a request that would change something, in a session that was
// opened to change nothing. It was not sent.
type FrozenError struct {
	Op   protocol.OpCode
	Path string // "" for operations without one
}

func (e *FrozenError) Error() string {
	return strings.TrimSpace(e.Op.String()+" "+e.Path) + ": this session changes nothing; nothing was sent"
}

// ReplyError is a reply that cannot be decoded.
type ReplyError struct {
	Op   protocol.OpCode
	Path string
	Err  error
}

func (e *ReplyError) Error() string {
	return fmt.Sprintf("%s %s: the server's reply cannot be read: %v", e.Op, e.Path, e.Err)
}

func (e *ReplyError) Unwrap() error { return e.Err }

// ConnectError tells why no server of the list could be used.
type ConnectError struct {
	Hosts []HostError // in the order of the list
	Cause error       // the context's error when the caller gave up first, else nil
}

// HostError is the last refusal of one server.
type HostError struct {
	Server string // host:port
	Err    error  // nil when it was not tried yet
}

func (e *ConnectError) Error() string {
	parts := make([]string, 0, len(e.Hosts)+1)
	for _, h := range e.Hosts {
		if h.Err == nil {
			parts = append(parts, h.Server+": not tried")
		} else {
			parts = append(parts, h.Server+": "+h.Err.Error())
		}
	}
	text := "no server could be reached: " + strings.Join(parts, "; ")
	if e.Cause != nil {
		text += " (" + e.Cause.Error() + ")"
	}
	return text
}

func (e *ConnectError) Unwrap() []error {
	errs := []error{error(protocol.ConnectionLoss)}
	for _, h := range e.Hosts {
		if h.Err != nil {
			errs = append(errs, h.Err)
		}
	}
	if e.Cause != nil {
		errs = append(errs, e.Cause)
	}
	return errs
}

// ServersError is a server list that cannot be used; nothing was dialed.
type ServersError struct {
	Servers string // the list as given
	Why     string // a sentence that names the wrong part
	Err     error  // the *protocol.PathError of a bad chroot, else nil
}

func (e *ServersError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return e.Why
}

func (e *ServersError) Unwrap() error { return e.Err }

// keeperText is the message of Apache's KeeperException: the code's sentence
// and the path when there is one.
func keeperText(code protocol.Code, path string) string {
	if path == "" {
		return code.Error()
	}
	return code.Error() + " for " + path
}

func unwrapPair(code protocol.Code, reason error) []error {
	if reason == nil {
		return []error{code}
	}
	return []error{code, reason}
}
