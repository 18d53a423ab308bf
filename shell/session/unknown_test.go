package session

import (
	"errors"
	"testing"

	"zookit/protocol"
)

// TestZK4377UnknownErrorCode: a server of another release answers with error codes
// that this client does not know, to a request, in a multi and to whoami, and
// to an operation that it does not know with Unimplemented. Each is said by its
// number, and the session goes on.
func TestZK4377UnknownErrorCode(t *testing.T) {
	const code = protocol.Code(-4711)
	f := newFake(t, func(p *peer) {
		p.welcome()
		p.reply(p.expect(protocol.OpGetData), 5, code)
		p.reply(p.expect(protocol.OpSetData), 6, code)
		p.reply(p.expect(protocol.OpMulti), 7, protocol.OK, &protocol.MultiResponse{Results: []protocol.MultiResult{
			{Type: protocol.OpError, Err: protocol.RuntimeInconsistency}, {Type: protocol.OpError, Err: code}}})
		p.reply(p.expect(protocol.OpWhoAmI), 7, code)
		p.reply(p.expect(protocol.OpExists), 7, protocol.OK, &protocol.StatResponse{})
		p.reply(p.expect(protocol.OpGetEphemerals), 7, protocol.Unimplemented) // and closes, as servers do then
	}, good)
	s := open(t, Options{Servers: f.addr()})
	said := func(what string, err error, want protocol.Code, text string) {
		t.Helper()
		if !errors.Is(err, want) || err.Error() != text {
			t.Errorf("%s: %v, want %q", what, err, text)
		}
	}
	_, _, err := s.Get(bounded(t), "/a", false)
	said("get", err, code, "KeeperErrorCode = Unknown error -4711 for /a")
	_, err = s.Set(bounded(t), "/a", nil, -1)
	said("set", err, code, "KeeperErrorCode = Unknown error -4711 for /a")
	results, err := s.Multi(bounded(t), []protocol.MultiOp{
		{Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: "/a"}}, {Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: "/b"}}})
	if len(results) != 2 || results[1].Err != code {
		t.Errorf("multi: %+v, %v", results, err)
	}
	_, err = s.WhoAmI(bounded(t))
	said("whoami", err, code, "KeeperErrorCode = Unknown error -4711")
	if _, err := s.Exists(bounded(t), "/a", false); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	_, err = s.GetEphemerals(bounded(t), "/")
	said("getEphemerals", err, protocol.Unimplemented, "KeeperErrorCode = Unimplemented for /")
	if _, err := s.Exists(bounded(t), "/a", false); err != nil {
		t.Errorf("on the next connection: %v", err)
	}
}
