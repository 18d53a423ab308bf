package command

import (
	"errors"
	"fmt"

	"zookit/protocol"
	"zookit/shell/session"
)

// since is the release of Apache's server that first knew a request. Of those
// that every server knows there is none here.
var since = map[protocol.OpCode]string{
	protocol.OpReconfig: "3.5", protocol.OpRemoveWatches: "3.5", protocol.OpCheckWatches: "3.5", protocol.OpCreate2: "3.5",
	protocol.OpCreateContainer: "3.5", protocol.OpCreateTTL: "3.5.3",
	protocol.OpAddWatch: "3.6", protocol.OpGetEphemerals: "3.6", protocol.OpGetAllChildrenNumber: "3.6", protocol.OpMultiRead: "3.6",
	protocol.OpWhoAmI: "3.7",
}

// tooOld says, beside the server's refusal, that it may be too old; "" when
// every server knows the request.
func tooOld(e *session.OpError) string {
	switch {
	case e.Op == protocol.OpCreateTTL:
		return "; a znode with a TTL needs extendedTypesEnabled=true at the server, 3.5.3 or later"
	case since[e.Op] != "":
		return fmt.Sprintf("; the server is too old for this, or has it switched off: it takes %s or later", since[e.Op])
	}
	return ""
}

// ofCode is the hint of a code that says by itself what is wrong.
func (h *hinter) ofCode(code protocol.Code) string {
	switch code {
	case protocol.Unimplemented:
		return `"srvr" tells the version of the server, "status" that of all`
	case protocol.NotReadOnly:
		return `this server has no contact with a quorum, so it only reads; "status" shows who serves`
	case protocol.SessionExpired, protocol.UnknownSession:
		return `its ephemerals and watches are gone; the same command goes on in a new session, "rewatch" sets the watches again`
	case protocol.SessionMoved:
		return `another server has the session by now; the same command works again when it is found there`
	case protocol.SessionClosedRequireAuth:
		return `the server wants to know who this is: "addauth", or auth in a profile ("help profiles")`
	case protocol.AuthFailed:
		return `"whoami" tells who this session is; the scheme has to be one that the server has`
	case protocol.OperationTimeout, protocol.RequestTimeout:
		return `it may have been carried out all the same: look before it is repeated; "latency -s" measures how long writes wait`
	case protocol.ThrottledOp:
		return `the server has more to do than it can; "top" shows who asks for so much, and the same command may work in a moment`
	case protocol.EphemeralOnLocalSession:
		return `a local session holds no ephemerals; localSessionsUpgradingEnabled=true in zoo.cfg lets it become a global one`
	case protocol.NoWatcher:
		return fmt.Sprintf(`this session has no such watch there; "watches %s" lists those that servers tell of`, quoted(h.path))
	case protocol.ReconfigDisabled:
		return `reconfigEnabled=true in the zoo.cfg of every server allows it; "config" shows the ensemble as it is`
	case protocol.ReconfigInProgress:
		return `"config" shows when it has ended; then the same command can be repeated`
	case protocol.NewConfigNoQuorum:
		return `start the new servers first, so that they can follow; "status" shows who does`
	case protocol.BadArguments:
		return fmt.Sprintf(`the server finds no sense in it; "help %s" shows what it takes`, h.cmd.Name)
	case protocol.InvalidCallback:
		return fmt.Sprintf(`the server and zkcli do not mean the same; "help %s" shows what it takes`, h.cmd.Name)
	}
	// The rest is the server's own trouble.
	where := ""
	if at := h.s.Server(); at != "" {
		where = ": " + at
	}
	return fmt.Sprintf(`the server has failed at it, and its log tells why%s; "doctor" looks at all servers`, where)
}

// ofLoss is the hint when no server is there: what to ask, and where else to go.
func ofLoss(err error) string {
	var connect *session.ConnectError
	switch {
	case errors.As(err, &connect):
		return `"status" asks each server by itself; "connect HOST:PORT" goes to another`
	case errors.Is(err, errNotConnected), errors.Is(err, session.ErrClosed):
		return ""
	case errors.Is(err, protocol.ConnectionLoss):
		return `zkcli connects again by itself, and the prompt tells when; "status" shows which servers serve`
	}
	return ""
}
