package command

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/shell/session"
)

// fakeSession is a small tree in memory. Operations it does not have panic, so
// a test notices. before may fail any of them.
type fakeSession struct {
	acl     map[string][]protocol.ACL // protocol.OpenACL where there is none
	Session                           // nil
	mu      sync.Mutex
	data    map[string][]byte
	owner   map[string]protocol.SessionID
	calls   []string         // "multi 3", "delete /a", …
	giant   []string         // the children of /big, where there are too many for data
	times   map[string]int64 // ctime and mtime, in ms since 1970
	before  func(op, path string) error
	outside func(op, path string) error // as before, without the lock: it may wait
	chroot  string
	closed  bool
}

func newFake(paths ...string) *fakeSession {
	f := &fakeSession{data: map[string][]byte{"/": nil}, owner: map[string]protocol.SessionID{}}
	for _, p := range paths {
		f.data[p] = []byte(p)
	}
	return f
}

func (f *fakeSession) enter(op protocol.OpCode, path string) error {
	if f.outside != nil {
		if err := f.outside(op.String(), path); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, op.String()+" "+path)
	if f.before != nil {
		if err := f.before(op.String(), path); err != nil {
			return err
		}
	}
	if f.giant != nil && protocol.Parent(path) == "/big" {
		return nil
	}
	if _, ok := f.data[path]; !ok && path != "" && op != protocol.OpCreate {
		return &session.OpError{Op: op, Path: path, Code: protocol.NoNode}
	}
	return nil
}

func (f *fakeSession) childrenOf(path string) []string {
	if path == "/big" && f.giant != nil {
		return slices.Clone(f.giant)
	}
	var names []string
	for p := range f.data {
		if p != "/" && protocol.Parent(p) == path {
			names = append(names, protocol.Base(p))
		}
	}
	slices.Sort(names)
	slices.Reverse(names) // a server's order is not sorted
	return names
}

func (f *fakeSession) stat(path string) *protocol.Stat {
	return &protocol.Stat{DataLength: int32(len(f.data[path])), NumChildren: int32(len(f.childrenOf(path))), EphemeralOwner: f.owner[path],
		Ctime: f.times[path], Mtime: f.times[path]}
}

func (f *fakeSession) Get(_ context.Context, path string, _ bool) ([]byte, *protocol.Stat, error) {
	if err := f.enter(protocol.OpGetData, path); err != nil {
		return nil, nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.data[path], f.stat(path), nil
}

func (f *fakeSession) Set(_ context.Context, path string, data []byte, _ int32) (*protocol.Stat, error) {
	if err := f.enter(protocol.OpSetData, path); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.data[path] = data
	return f.stat(path), nil
}

func (f *fakeSession) Exists(_ context.Context, path string, _ bool) (*protocol.Stat, error) {
	if err := f.enter(protocol.OpExists, path); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stat(path), nil
}

func (f *fakeSession) Create(_ context.Context, path string, data []byte, _ []protocol.ACL, _ protocol.CreateFlag, _ int64) (string, *protocol.Stat, error) {
	if err := f.enter(protocol.OpCreate, path); err != nil {
		return "", nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.data[path]; ok {
		return "", nil, &session.OpError{Op: protocol.OpCreate, Path: path, Code: protocol.NodeExists}
	}
	f.data[path] = data
	return path, nil, nil
}

func (f *fakeSession) Delete(_ context.Context, path string, _ int32) error {
	if err := f.enter(protocol.OpDelete, path); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.remove(path)
}

func (f *fakeSession) remove(path string) error {
	if len(f.childrenOf(path)) > 0 {
		return &session.OpError{Op: protocol.OpDelete, Path: path, Code: protocol.NotEmpty}
	}
	delete(f.data, path)
	return nil
}

func (f *fakeSession) Children(_ context.Context, path string, _ bool) ([]string, *protocol.Stat, error) {
	if err := f.enter(protocol.OpGetChildren2, path); err != nil {
		return nil, nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.childrenOf(path), f.stat(path), nil
}

// Multi deletes all paths or none.
func (f *fakeSession) Multi(_ context.Context, ops []protocol.MultiOp) ([]protocol.MultiResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	paths := make([]string, len(ops))
	for i, op := range ops {
		paths[i] = op.Record.(*protocol.DeleteRequest).Path
	}
	f.calls = append(f.calls, "multi "+strings.Join(paths, " "))
	saved := maps.Clone(f.data)
	results := make([]protocol.MultiResult, len(ops))
	for i, p := range paths {
		var err error
		if f.before != nil {
			err = f.before("multi", p)
		}
		if _, ok := f.data[p]; !ok && err == nil {
			err = &session.OpError{Op: protocol.OpDelete, Path: p, Code: protocol.NoNode}
		}
		if err == nil {
			err = f.remove(p)
		}
		if op, ok := err.(*session.OpError); ok {
			f.data = saved
			results[i] = protocol.MultiResult{Type: protocol.OpError, Err: op.Code}
			return results, err
		}
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (f *fakeSession) SetACL(_ context.Context, path string, _ []protocol.ACL, _ int32) (*protocol.Stat, error) {
	if err := f.enter(protocol.OpSetACL, path); err != nil {
		return nil, err
	}
	return &protocol.Stat{Aversion: 1}, nil
}

func (f *fakeSession) AddAuth(context.Context, string, []byte) error {
	return &session.OpError{Op: protocol.OpAuth, Code: protocol.AuthFailed}
}

func (f *fakeSession) AddWatch(_ context.Context, path string, recursive bool) error {
	f.calls = append(f.calls, map[bool]string{true: "recursive ", false: "persistent "}[recursive]+path)
	return nil
}

func (f *fakeSession) Sync(_ context.Context, path string) error {
	return &session.OpError{Op: protocol.OpSync, Path: path, Code: protocol.NotReadOnly}
}

func (f *fakeSession) Config(context.Context, bool) ([]byte, *protocol.Stat, error) {
	return []byte("server.1=h1:2888:3888:participant;127.0.0.1:2181\nserver.2=h2:2888:3888:observer;2182\nversion=10000000d"), &protocol.Stat{}, nil
}

func (f *fakeSession) Reconfig(_ context.Context, r *protocol.ReconfigRequest) ([]byte, *protocol.Stat, error) {
	text := func(s *string) string {
		if s == nil {
			return "null"
		}
		return *s
	}
	f.calls = append(f.calls, strings.Join([]string{"reconfig", text(r.Joining), text(r.Leaving), text(r.NewMembers)}, "|"))
	if r.CurConfigID == 0x2b {
		return nil, nil, &session.OpError{Op: protocol.OpReconfig, Code: protocol.BadVersion}
	}
	return []byte("server.1=x\nversion=2"), &protocol.Stat{}, nil
}

func (f *fakeSession) Chroot() string                { return f.chroot }
func (f *fakeSession) Absolute() Session             { return f }
func (f *fakeSession) Settle(context.Context)        {}
func (f *fakeSession) Server() string                { return "" }
func (f *fakeSession) State() session.State          { return session.StateConnected }
func (f *fakeSession) SessionID() protocol.SessionID { return 0xabc }
func (f *fakeSession) Close(context.Context) error   { f.closed = true; return nil }

// bench is a Shell on a fake, with what it printed.
type bench struct {
	*Shell
	fake     *fakeSession
	out, err lockedBuffer
	dials    []string
	onEvent  func(session.Event)
}

func newBench(t *testing.T, compat string, paths ...string) *bench {
	t.Helper()
	manner, err := CompatFor(compat)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{fake: newFake(paths...)}
	console := &Console{Stdout: &b.out, Stderr: &b.err, Location: time.UTC}
	b.Shell = New(manner, console, func(_ context.Context, servers string, onEvent func(session.Event)) (Session, error) {
		b.dials = append(b.dials, servers)
		b.onEvent = onEvent
		return b.fake, nil
	}, "h:1")
	return b
}

// do runs lines and returns what they printed and the last exit code.
func (b *bench) do(lines ...string) (out, err string, exit int) {
	b.out.Reset()
	b.err.Reset()
	for _, l := range lines {
		exit = b.Execute(context.Background(), l)
	}
	return b.out.String(), b.err.String(), exit
}

func (f *fakeSession) GetACL(_ context.Context, path string) ([]protocol.ACL, *protocol.Stat, error) {
	if err := f.enter(protocol.OpGetACL, path); err != nil {
		return nil, nil, err
	}
	if acl := f.acl[path]; acl != nil {
		return acl, &protocol.Stat{}, nil
	}
	return protocol.OpenACL, &protocol.Stat{}, nil
}

func (f *fakeSession) RemoveWatches(_ context.Context, path string, _ protocol.WatcherType, _ bool) error {
	return &session.OpError{Op: protocol.OpRemoveWatches, Path: path, Code: protocol.NoWatcher}
}

func (f *fakeSession) GetEphemerals(context.Context, string) ([]string, error) {
	return []string{"/b", "/a"}, nil
}

func (f *fakeSession) GetAllChildrenNumber(context.Context, string) (int, error) { return 7, nil }

func (f *fakeSession) WhoAmI(context.Context) ([]protocol.ClientInfo, error) {
	return []protocol.ClientInfo{{Scheme: "ip", User: "127.0.0.1"}, {Scheme: "super", User: ""}}, nil
}

// lockedBuffer is a buffer that a program's output may be copied to while the
// shell writes there as well.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *lockedBuffer) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Len()
}

func (b *lockedBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Reset()
}
