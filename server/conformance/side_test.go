package conformance

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"syscall"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server/zktest/wire"
)

// superAuth is the credentials of super on both sides.
const superAuth = "super:apache-test"

// A side plays one story on one server and writes the transcript.
type side struct {
	t          *testing.T
	addr       string
	root       string // the story's own znode
	base       protocol.Zxid
	conns      map[string]*wire.Conn
	order      []string // of conns
	sessions   map[protocol.SessionID]string
	transcript []line
	step       string
	prefix     string                     // of every step, for stories that do the same again
	changed    protocol.Zxid              // of the last reply read: the change that the events around it tell of
	changes    map[protocol.Zxid]bool     // of every reply so far
	loose      bool                       // replies do not tell which zxids were changes
	left       []protocol.ConnectResponse // sessions whose connection was dropped
}

// A line of a transcript belongs to a step of the story.
type line struct{ step, text string }

func newSide(t *testing.T, addr, root string) *side {
	s := &side{t: t, addr: addr, root: root, conns: map[string]*wire.Conn{}, sessions: map[protocol.SessionID]string{}, changes: map[protocol.Zxid]bool{}}
	s.prepare()
	return s
}

// prepare makes the story's root and takes its zxid as the base.
func (s *side) prepare() {
	s.t.Helper()
	c := s.dial("main", wire.Options{})
	xid, err := c.Send(protocol.OpCreate, (&protocol.CreateRequest{Path: s.root, ACL: protocol.OpenACL}).AppendTo(nil))
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := c.Read()
	if err != nil || r.Err != protocol.OK || r.Xid != xid {
		s.t.Fatalf("create %s: %v %+v", s.root, err, r)
	}
	s.base = r.Zxid
}

func (s *side) logf(format string, args ...any) {
	s.transcript = append(s.transcript, line{s.step, fmt.Sprintf(format, args...)})
}

// at names the step the next lines belong to.
func (s *side) at(format string, args ...any) { s.step = s.prefix + fmt.Sprintf(format, args...) }

// path puts a path of the story under its root: "x" is <root>/x, and "/x" stays.
func (s *side) path(p string) string {
	if p == "." {
		return s.root
	}
	if p == "" || strings.HasPrefix(p, "/") {
		return p
	}
	return s.root + "/" + p
}

// short is the inverse, for the transcript.
func (s *side) short(p string) string {
	if p == s.root {
		return "."
	}
	return strings.TrimPrefix(p, s.root+"/")
}

func (s *side) dial(name string, o wire.Options) *wire.Conn {
	s.t.Helper()
	c, err := wire.Dial(s.addr, o)
	if err != nil {
		s.t.Fatalf("%s: dial %s: %v", s.step, s.addr, err)
	}
	s.keep(name, c)
	return c
}

func (s *side) keep(name string, c *wire.Conn) {
	if _, ok := s.conns[name]; !ok {
		s.order = append(s.order, name)
	}
	s.conns[name] = c
	if c.Session.Session != 0 && s.sessions[c.Session.Session] == "" {
		s.sessions[c.Session.Session] = name
	}
}

// open dials and writes down how the server answered.
func (s *side) open(name string, o wire.Options) {
	s.t.Helper()
	s.at("open %s", name)
	c, err := wire.Dial(s.addr, o)
	if err != nil {
		s.logf("%s", failure(err))
		return
	}
	s.keep(name, c)
	r := c.Session
	password := "null"
	if r.Password != nil {
		password = fmt.Sprintf("%d bytes", len(r.Password))
		if strings.Trim(string(r.Password), "\x00") == "" {
			password += " of zero"
		}
	}
	s.logf("session %s timeout %d password %s readOnly %v/%v", s.session(r.Session), r.TimeoutMs, password, r.ReadOnly, r.HasReadOnly)
}

func (s *side) conn(name string) *wire.Conn {
	s.t.Helper()
	c, ok := s.conns[name]
	if !ok {
		s.t.Fatalf("%s: no connection %s", s.step, name)
	}
	return c
}

// do sends one request on the connection main and writes down the reply.
func (s *side) do(op protocol.OpCode, request protocol.Record) {
	s.t.Helper()
	s.as("main", op, request)
}

// as is do on another connection.
func (s *side) as(name string, op protocol.OpCode, request protocol.Record) {
	s.t.Helper()
	s.at("%s: %v %s", name, op, s.brief(request))
	var body []byte
	if request != nil {
		body = request.AppendTo(nil)
	}
	s.raw(name, op, body)
}

// raw sends any bytes; the step is named by the caller.
func (s *side) raw(name string, op protocol.OpCode, body []byte) {
	s.t.Helper()
	c := s.conn(name)
	xid, err := c.Send(op, body)
	if err != nil {
		s.logf("send: %s", failure(err))
		return
	}
	s.receive(name, op, xid)
}

// receive writes down the events before the next reply, and the reply.
func (s *side) receive(name string, op protocol.OpCode, xid int32) {
	s.t.Helper()
	c := s.conn(name)
	r, err := c.Read()
	if err == nil {
		s.changed = r.Zxid
		s.changes[r.Zxid] = true
	}
	s.events(name)
	if err != nil {
		s.logf("%s", failure(err))
		return
	}
	got := "own xid"
	if r.Xid != xid {
		got = fmt.Sprintf("xid %d", r.Xid)
	}
	s.logf("%s zxid %s err %s%s", got, s.zxid(r.Zxid), code(r.Err), s.body(op, r))
}

// events writes down and forgets what was notified on a connection.
func (s *side) events(name string) {
	c := s.conn(name)
	for _, e := range c.Events {
		zxid := s.zxid(e.Header.Zxid)
		switch {
		case e.Header.Zxid > 0 && e.Header.Zxid == s.changed:
			zxid = "of the change"
		case s.changes[e.Header.Zxid], s.loose && e.Header.Zxid > s.base:
			zxid = "of an earlier change"
		}
		s.logf("%s is told %v of %s state %d zxid %s", name, e.Type, s.short(e.Path), e.State, zxid)
	}
	c.Events = nil
}

// settle sends a ping on every other connection: whatever the last request made the server say is before its answer.
func (s *side) settle() {
	s.t.Helper()
	for _, name := range s.order {
		c := s.conns[name]
		if c == nil {
			continue
		}
		if err := c.SendXid(protocol.XidPing, protocol.OpPing, nil); err != nil {
			s.lose(name, err)
			continue
		}
		r, err := c.Read()
		s.events(name)
		if err != nil {
			s.lose(name, err)
		} else if r.Xid != protocol.XidPing {
			s.logf("%s: ping answered with xid %d", name, r.Xid)
		}
	}
}

func (s *side) lose(name string, err error) {
	s.logf("%s: %s", name, failure(err))
	s.forget(name)
}

func remove(list []string, name string) []string {
	var out []string
	for _, n := range list {
		if n != name {
			out = append(out, n)
		}
	}
	return out
}

// auth sends an auth packet.
func (s *side) auth(name, scheme, credentials string) {
	s.t.Helper()
	s.at("%s: auth %s %s", name, scheme, credentials)
	body := (&protocol.AuthRequest{Scheme: scheme, Auth: []byte(credentials)}).AppendTo(nil)
	if err := s.conn(name).SendXid(protocol.XidAuth, protocol.OpAuth, body); err != nil {
		s.logf("send: %s", failure(err))
		return
	}
	s.receive(name, protocol.OpAuth, protocol.XidAuth)
}

// closed waits for the server to close a connection.
func (s *side) closed(name string) {
	s.t.Helper()
	s.at("%s: closed", name)
	r, err := s.conn(name).Read()
	s.events(name)
	if err != nil {
		s.logf("%s", failure(err))
	} else {
		s.logf("still open: xid %d zxid %s err %s", r.Xid, s.zxid(r.Zxid), code(r.Err))
	}
	s.forget(name)
}

// forget drops a connection; its session stays, and is closed at the story's end: its expiry would take a zxid in the
// middle of a later story.
func (s *side) forget(name string) {
	if c := s.conns[name]; c != nil {
		c.Drop()
		s.left = append(s.left, c.Session)
	}
	delete(s.conns, name)
	s.order = remove(s.order, name)
}

// end closes a session properly.
func (s *side) end(name string) {
	s.t.Helper()
	s.as(name, protocol.OpCloseSession, nil)
	s.closed(name)
}

// finish writes down the story's tree and closes what is open.
func (s *side) finish() {
	s.t.Helper()
	s.at("resulting tree")
	c, err := wire.Dial(s.addr, wire.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.Auth("digest", superAuth); err != nil {
		s.t.Fatalf("auth as super: %v", err)
	}
	nodes, err := wire.Walk(c)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, n := range nodes {
		if n.Path == s.root || strings.HasPrefix(n.Path, s.root+"/") || strings.HasPrefix(n.Path, "/zookeeper/quota"+s.root) {
			s.logf("%s data %s stat %s acl %s", s.short(n.Path), data(n.Data), s.stat(n.Stat), s.acl(n.ACL))
		}
	}
	if err := c.CloseSession(); err != nil {
		s.t.Fatal(err)
	}
	for _, name := range s.order {
		s.left = append(s.left, s.conns[name].Session)
		s.conns[name].Drop()
	}
	for _, session := range s.left {
		s.closeSession(session)
	}
}

func (s *side) closeSession(session protocol.ConnectResponse) {
	s.t.Helper()
	if session.TimeoutMs == 0 {
		return
	}
	c, err := wire.Dial(s.addr, wire.Options{Session: session.Session, Password: session.Password})
	if err != nil {
		s.t.Fatal(err)
	}
	if c.Session.TimeoutMs == 0 { // the story closed it
		c.Drop()
		return
	}
	if err := c.CloseSession(); err != nil {
		s.t.Fatal(err)
	}
}

func failure(err error) string {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "no answer: " + err.Error()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return "connection closed"
	}
	return "error: " + err.Error()
}

func code(c protocol.Code) string { return fmt.Sprintf("%d (%s)", int32(c), c.Name()) }

func (s *side) zxid(z protocol.Zxid) string {
	if z <= 0 {
		return fmt.Sprint(int64(z))
	}
	return fmt.Sprintf("%+d", int64(z-s.base))
}

func (s *side) session(id protocol.SessionID) string {
	if id == 0 {
		return "0"
	}
	if name := s.sessions[id]; name != "" {
		return "of " + name
	}
	return "unknown"
}

func (s *side) stat(st protocol.Stat) string {
	mtime := "T"
	if st.Mzxid == st.Czxid {
		mtime = "ctime"
		if st.Mtime != st.Ctime {
			mtime = "not ctime"
		}
	}
	ctime := "T"
	if st.Ctime == 0 {
		ctime = "0"
	}
	return fmt.Sprintf("{c %s m %s p %s ctime %s mtime %s version %d cversion %d aversion %d owner %s length %d children %d}",
		s.zxid(st.Czxid), s.zxid(st.Mzxid), s.zxid(st.Pzxid), ctime, mtime, st.Version, st.Cversion, st.Aversion, s.session(st.EphemeralOwner), st.DataLength, st.NumChildren)
}

func (s *side) acl(acl []protocol.ACL) string {
	if acl == nil {
		return "null"
	}
	var b strings.Builder
	for _, a := range acl {
		fmt.Fprintf(&b, "[%d %s:%s]", a.Perms, a.Scheme, a.ID)
	}
	return b.String()
}

func data(b []byte) string {
	switch {
	case b == nil:
		return "null"
	case len(b) > 100:
		return fmt.Sprintf("%d bytes", len(b))
	}
	return fmt.Sprintf("%q", b)
}

func (s *side) children(names []string) string {
	names = append([]string(nil), names...)
	sort.Strings(names) // their order is no part of the protocol
	return fmt.Sprintf("%q", names)
}

// body decodes a reply by its operation; what is left over is shown.
func (s *side) body(op protocol.OpCode, r wire.Reply) string {
	if r.Err != protocol.OK {
		return leftOver(r.Body)
	}
	d := jute.NewDecoder(r.Body)
	text, err := s.decode(op, d)
	if err != nil {
		return fmt.Sprintf(" undecodable: %v: %x", err, r.Body)
	}
	return text + leftOver(d.Rest())
}

func leftOver(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return fmt.Sprintf(" and bytes %x", b)
}

func (s *side) decode(op protocol.OpCode, d *jute.Decoder) (string, error) {
	switch op {
	case protocol.OpCreate, protocol.OpSync:
		var r protocol.PathResponse
		err := r.Decode(d)
		return " path " + s.short(r.Path), err
	case protocol.OpCreate2, protocol.OpCreateContainer, protocol.OpCreateTTL:
		var r protocol.Create2Response
		err := r.Decode(d)
		return " path " + s.short(r.Path) + " stat " + s.stat(r.Stat), err
	case protocol.OpExists, protocol.OpSetData, protocol.OpSetACL:
		var r protocol.StatResponse
		err := r.Decode(d)
		return " stat " + s.stat(r.Stat), err
	case protocol.OpGetData:
		var r protocol.GetDataResponse
		err := r.Decode(d)
		return " data " + data(r.Data) + " stat " + s.stat(r.Stat), err
	case protocol.OpGetACL:
		var r protocol.GetACLResponse
		err := r.Decode(d)
		return " acl " + s.acl(r.ACL) + " stat " + s.stat(r.Stat), err
	case protocol.OpGetChildren:
		var r protocol.GetChildrenResponse
		err := r.Decode(d)
		return " children " + s.children(r.Strings), err
	case protocol.OpGetEphemerals:
		var r protocol.GetEphemeralsResponse
		err := r.Decode(d)
		var short []string
		for _, p := range r.Strings {
			short = append(short, s.short(p))
		}
		return " paths " + s.children(short), err
	case protocol.OpGetChildren2:
		var r protocol.GetChildren2Response
		err := r.Decode(d)
		return " children " + s.children(r.Children) + " stat " + s.stat(r.Stat), err
	case protocol.OpGetAllChildrenNumber:
		var r protocol.GetAllChildrenNumberResponse
		err := r.Decode(d)
		return fmt.Sprintf(" total %d", r.Total), err
	case protocol.OpAddWatch:
		var r protocol.ErrorResponse
		err := r.Decode(d)
		return fmt.Sprintf(" body %d", r.Err), err
	case protocol.OpWhoAmI:
		var r protocol.WhoAmIResponse
		err := r.Decode(d)
		// Apache keeps identities in a hash set: their order is its own.
		sort.Slice(r.Infos, func(i, j int) bool { return fmt.Sprint(r.Infos[i]) < fmt.Sprint(r.Infos[j]) })
		return fmt.Sprintf(" infos %v", r.Infos), err
	case protocol.OpMulti, protocol.OpMultiRead:
		var r protocol.MultiResponse
		err := r.Decode(d)
		return s.results(r.Results), err
	}
	return "", nil
}

func (s *side) results(results []protocol.MultiResult) string {
	var b strings.Builder
	for _, m := range results {
		fmt.Fprintf(&b, " [%v %s", m.Type, code(m.Err))
		switch m.Type {
		case protocol.OpCreate:
			fmt.Fprintf(&b, " path %s", s.short(m.Path))
		case protocol.OpCreate2:
			fmt.Fprintf(&b, " path %s stat %s", s.short(m.Path), s.stat(m.Stat))
		case protocol.OpSetData:
			fmt.Fprintf(&b, " stat %s", s.stat(m.Stat))
		case protocol.OpGetData:
			fmt.Fprintf(&b, " data %s stat %s", data(m.Data), s.stat(m.Stat))
		case protocol.OpGetChildren:
			fmt.Fprintf(&b, " children %s", s.children(m.Children))
		}
		b.WriteByte(']')
	}
	return b.String()
}

// brief names a request for a step.
func (s *side) brief(request protocol.Record) string {
	if request == nil {
		return ""
	}
	text := fmt.Sprintf("%+v", request)
	if m, ok := request.(*protocol.MultiRequest); ok {
		var ops []string
		for _, op := range m.Ops {
			ops = append(ops, fmt.Sprintf("%v %+v", op.Type, op.Record))
		}
		text = strings.Join(ops, "; ")
	}
	text = strings.ReplaceAll(text, s.root+"/", "")
	if len(text) > 300 {
		text = fmt.Sprintf("%s… (%d)", text[:300], len(text))
	}
	return text
}
