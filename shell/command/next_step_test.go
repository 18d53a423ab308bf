package command

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"zookit/protocol"
	"zookit/shell/session"
)

// refusing is a session whose every request fails with a code. It counts them.
type refusing struct {
	code  protocol.Code
	asked atomic.Int32
}

func (r *refusing) fail(op protocol.OpCode, path string) error {
	r.asked.Add(1)
	return &session.OpError{Op: op, Path: path, Code: r.code}
}

func (r *refusing) Create(_ context.Context, p string, _ []byte, _ []protocol.ACL, _ protocol.CreateFlag, ttl int64) (string, *protocol.Stat, error) {
	if ttl > 0 {
		return "", nil, r.fail(protocol.OpCreateTTL, p)
	}
	return "", nil, r.fail(protocol.OpCreate2, p)
}
func (r *refusing) Delete(_ context.Context, p string, _ int32) error {
	return r.fail(protocol.OpDelete, p)
}
func (r *refusing) Exists(_ context.Context, p string, _ bool) (*protocol.Stat, error) {
	return nil, r.fail(protocol.OpExists, p)
}
func (r *refusing) Get(_ context.Context, p string, _ bool) ([]byte, *protocol.Stat, error) {
	return nil, nil, r.fail(protocol.OpGetData, p)
}
func (r *refusing) Set(_ context.Context, p string, _ []byte, _ int32) (*protocol.Stat, error) {
	return nil, r.fail(protocol.OpSetData, p)
}
func (r *refusing) GetACL(_ context.Context, p string) ([]protocol.ACL, *protocol.Stat, error) {
	return nil, nil, r.fail(protocol.OpGetACL, p)
}
func (r *refusing) SetACL(_ context.Context, p string, _ []protocol.ACL, _ int32) (*protocol.Stat, error) {
	return nil, r.fail(protocol.OpSetACL, p)
}
func (r *refusing) Children(_ context.Context, p string, _ bool) ([]string, *protocol.Stat, error) {
	return nil, nil, r.fail(protocol.OpGetChildren2, p)
}
func (r *refusing) Sync(_ context.Context, p string) error { return r.fail(protocol.OpSync, p) }
func (r *refusing) Multi(context.Context, []protocol.MultiOp) ([]protocol.MultiResult, error) {
	return nil, r.fail(protocol.OpMulti, "")
}
func (r *refusing) AddAuth(context.Context, string, []byte) error {
	return r.fail(protocol.OpAuth, "")
}
func (r *refusing) AddWatch(_ context.Context, p string, _ bool) error {
	return r.fail(protocol.OpAddWatch, p)
}
func (r *refusing) RemoveWatches(_ context.Context, p string, _ protocol.WatcherType, _ bool) error {
	return r.fail(protocol.OpRemoveWatches, p)
}
func (r *refusing) GetEphemerals(_ context.Context, p string) ([]string, error) {
	return nil, r.fail(protocol.OpGetEphemerals, p)
}
func (r *refusing) GetAllChildrenNumber(_ context.Context, p string) (int, error) {
	return 0, r.fail(protocol.OpGetAllChildrenNumber, p)
}
func (r *refusing) WhoAmI(context.Context) ([]protocol.ClientInfo, error) {
	return nil, r.fail(protocol.OpWhoAmI, "")
}
func (r *refusing) Config(context.Context, bool) ([]byte, *protocol.Stat, error) {
	return nil, nil, r.fail(protocol.OpGetData, "/zookeeper/config")
}
func (r *refusing) Reconfig(context.Context, *protocol.ReconfigRequest) ([]byte, *protocol.Stat, error) {
	return nil, nil, r.fail(protocol.OpReconfig, "")
}
func (r *refusing) Chroot() string                { return "" }
func (r *refusing) Absolute() Session             { return r }
func (r *refusing) State() session.State          { return session.StateConnected }
func (r *refusing) SessionID() protocol.SessionID { return 1 }
func (r *refusing) Settle(context.Context)        {}
func (r *refusing) Server() string                { return "h:1" }
func (r *refusing) Close(context.Context) error   { return nil }

// codes are all that a server can answer with.
var codes = []protocol.Code{
	protocol.SystemError, protocol.RuntimeInconsistency, protocol.DataInconsistency, protocol.MarshallingError, protocol.Unimplemented,
	protocol.OperationTimeout, protocol.BadArguments, protocol.UnknownSession, protocol.NewConfigNoQuorum, protocol.ReconfigInProgress,
	protocol.APIError, protocol.NoNode, protocol.NoAuth, protocol.BadVersion, protocol.NoChildrenForEphemerals, protocol.NodeExists,
	protocol.NotEmpty, protocol.SessionExpired, protocol.InvalidCallback, protocol.InvalidACL, protocol.AuthFailed, protocol.SessionMoved,
	protocol.NotReadOnly, protocol.EphemeralOnLocalSession, protocol.NoWatcher, protocol.RequestTimeout, protocol.ReconfigDisabled,
	protocol.SessionClosedRequireAuth, protocol.QuotaExceeded, protocol.ThrottledOp, protocol.Code(-99),
}

// asksTheServer are codes whose hint asks the server, and is shorter or missing
// when that fails as well.
var asksTheServer = []protocol.Code{protocol.NotEmpty, protocol.NoNode, protocol.BadVersion, protocol.QuotaExceeded}

// lines are commands that each send a request, with the least they take.
var requestLines = []string{
	"create /a x", "create -e /a", "create -c /a", "create -t 100 /a", "get /a", "get -s /a", "set /a x", "ls /a", "ls -R /a", "ls -l /a", "stat /a", "delete /a",
	"deleteall /a", "getAcl /a", "setAcl /a world:anyone:r", "setAcl -R /a world:anyone:r", "sync /a", "addWatch /a", "removewatches /a", "getEphemerals", "getAllChildrenNumber /a",
	"whoami", "config", "reconfig -remove 3", "addauth digest a:b", "listquota /a", "setquota -n 3 /a", "delquota /a",
	"cd a", "tree /a", "du /a", "find /a", "grep x /a", "owner /a", "locks /a", "acl", "acl /a", "quota /a", "cp /a /b", "mv /a /b",
	"watch /a", "export /a -", "diff /a /b",
}

// fine are answers that are no failures to the command.
var fine = []string{"acl Unimplemented", "listquota /a NoNode", "delquota /a NoNode", "quota /a NoNode"}

var quotedCommand = regexp.MustCompile(`"([a-zA-Z]+)[^"]*"`)

// Whatever a server answers to whatever command, the failure begins with
// Apache's words, and at a terminal a line says what to try; the commands that
// it names exist.
func TestEveryFailureHasANextStep(t *testing.T) {
	t.Parallel()
	own, _ := CompatFor("")
	for _, code := range codes {
		for _, line := range requestLines {
			b := newBench(t, "")
			s := &refusing{code: code}
			b.Shell.Dial = func(context.Context, string, func(session.Event)) (Session, error) { return s, nil }
			b.Out.ErrTerminal = true
			out, stderr, exit := b.do(line)
			if s.asked.Load() == 0 {
				t.Fatalf("%s: nothing was asked", line)
			}
			if exit == ExitOK && slices.Contains(fine, line+" "+code.Name()) {
				continue
			}
			if exit == ExitOK {
				t.Errorf("%s, %v: exit 0: %s%s", line, code, out, stderr)
				continue
			}
			first, hint, _ := strings.Cut(strings.TrimSpace(stderr), "\n")
			if first == "" || strings.Contains(stderr, "%!") {
				t.Errorf("%s, %v: %q", line, code, stderr)
			}
			if hint == "" && !slices.Contains(asksTheServer, code) && !strings.Contains(first, "; ") && !strings.Contains(first, `"`) && !strings.Contains(first, "(") {
				t.Errorf("%s, %v: nothing to try: %q", line, code, stderr)
			}
			for _, m := range quotedCommand.FindAllStringSubmatch(hint, -1) {
				if Lookup(own, m[1]) == nil && m[1] != "auth" {
					t.Errorf("%s, %v: there is no command %q: %s", line, code, m[1], hint)
				}
			}
		}
	}
}

// A server that is too old is told as such, to scripts as well.
func TestTooOldIsSaid(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"addWatch /a": "KeeperErrorCode = Unimplemented for /a; the server is too old for this, or has it switched off: it takes 3.6 or later",
		"whoami":      "KeeperErrorCode = Unimplemented; the server is too old for this, or has it switched off: it takes 3.7 or later", "removewatches /a": "it takes 3.5 or later",
		"getEphemerals": "it takes 3.6 or later", "create -t 100 /a": "needs extendedTypesEnabled=true", "create -c /a": "KeeperErrorCode = Unimplemented",
	} {
		b := newBench(t, "")
		s := &refusing{code: protocol.Unimplemented}
		b.Shell.Dial = func(context.Context, string, func(session.Event)) (Session, error) { return s, nil }
		if _, stderr, exit := b.do(line); exit != ExitFailed || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %q; want %q", line, exit, stderr, want)
		}
		b.Compat, _ = CompatFor("3.9")
		if _, stderr, _ := b.do(line); strings.Contains(stderr, "too old") || strings.Contains(stderr, "extendedTypes") {
			t.Errorf("3.9: %s: %q", line, stderr)
		}
	}
}

// Without a server there is still a next step.
func TestLossHasANextStep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{&session.ConnectionLossError{Op: protocol.OpGetData, Path: "/a", Sent: true, Reason: errors.New("EOF")}, `"status" shows which servers serve`},
		{&session.ConnectError{Hosts: []session.HostError{{Server: "h:1", Err: errors.New("refused")}}}, `"connect HOST:PORT" goes to another`},
		{&session.ConnectionLossError{Op: protocol.OpGetData, Reason: &session.ConnectError{}}, `"status" asks each server`},
	} {
		b := newBench(t, "", "/a")
		b.Out.ErrTerminal = true
		b.fake.before = func(string, string) error { return c.err }
		if _, stderr, _ := b.do("get /a"); !strings.Contains(stderr, c.want) {
			t.Errorf("%v: %q, want %q", c.err, stderr, c.want)
		}
	}
}
