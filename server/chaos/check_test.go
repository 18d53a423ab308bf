package chaos

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server"
	"zookit/server/tree"
	"zookit/server/vfs"
	"zookit/server/zktest"
)

// story is a history that is right: two sessions at one register.
type story struct {
	h   *History
	ref *Reference
	a   *Conn // of session 1
	b   *Conn // of session 2

	created, set, watched, event, seen, synced, moved int // packets of a; moved of b
}

const (
	sessionA protocol.SessionID = 0x101
	sessionB protocol.SessionID = 0x202
)

func zxid(n int) protocol.Zxid { return protocol.Zxid(1<<32 + int64(n)) }

func newStory() *story {
	s := &story{h: &History{}, ref: &Reference{}, a: &Conn{Client: 0, Server: 1, Session: sessionA}, b: &Conn{Client: 1, Server: 2, Session: sessionB}}
	s.h.Conns = []*Conn{s.a, s.b}
	log := func(session protocol.SessionID, cxid int32, op protocol.OpCode, body protocol.Record) {
		z := zxid(len(s.ref.Txns) + 1)
		t := &txn.Txn{Header: txn.Header{Session: session, Cxid: cxid, Zxid: z, Type: op}, Body: body}
		s.ref.Txns = append(s.ref.Txns, t)
		s.ref.Records = append(s.ref.Records, Record{z, t.AppendTo(nil)})
	}
	log(sessionA, 0, protocol.OpCreateSession, &txn.CreateSession{TimeoutMs: 4000})                                                  // 1
	log(0x999, 1, protocol.OpCreate, &txn.Create{Path: root, ACL: protocol.OpenACL, ParentCversion: 1})                              // 2
	log(sessionA, 1, protocol.OpCreate, &txn.Create{Path: register(0), Data: []byte("a"), ACL: protocol.OpenACL, ParentCversion: 1}) // 3
	log(sessionA, 2, protocol.OpSetData, &txn.SetData{Path: register(0), Data: []byte("b"), Version: 1})                             // 4
	log(sessionB, 0, protocol.OpCreateSession, &txn.CreateSession{TimeoutMs: 4000})                                                  // 5
	log(sessionB, 1, protocol.OpSetData, &txn.SetData{Path: register(0), Data: []byte("c"), Version: 2})                             // 6

	state := func(z int) State {
		part := *s.ref
		part.Txns = part.Txns[:z]
		at, _ := replay(&part).at(register(0), zxid(z))
		return at
	}
	now := time.Duration(0)
	ask := func(l *Conn, xid int32, op protocol.OpCode, r protocol.Record, z int, reply protocol.Record) int {
		now += 10 * time.Millisecond
		o := &Op{Conn: l, Xid: xid, Type: op, Request: r, Sent: now, Answered: true, Done: now + time.Millisecond, Zxid: zxid(z), Reply: reply}
		s.h.Ops = append(s.h.Ops, o)
		l.Packets = append(l.Packets, Packet{Op: o, At: o.Done})
		return len(l.Packets) - 1
	}
	s.created = ask(s.a, 1, protocol.OpCreate2, &protocol.CreateRequest{Path: register(0), Data: []byte("a"), ACL: protocol.OpenACL}, 3,
		&protocol.Create2Response{Path: register(0), Stat: state(3).Stat})
	s.set = ask(s.a, 2, protocol.OpSetData, &protocol.SetDataRequest{Path: register(0), Data: []byte("b"), Version: 0}, 4, &protocol.StatResponse{Stat: state(4).Stat})
	s.watched = ask(s.a, 3, protocol.OpGetData, &protocol.GetDataRequest{Path: register(0), Watch: true}, 4, &protocol.GetDataResponse{Data: []byte("b"), Stat: state(4).Stat})
	s.moved = ask(s.b, 1, protocol.OpSetData, &protocol.SetDataRequest{Path: register(0), Data: []byte("c"), Version: -1}, 6, &protocol.StatResponse{Stat: state(6).Stat})
	s.a.Packets = append(s.a.Packets, Packet{Event: protocol.WatcherEvent{Type: protocol.EventNodeDataChanged, Path: register(0)}, At: now})
	s.event = len(s.a.Packets) - 1
	s.seen = ask(s.a, 4, protocol.OpGetData, &protocol.GetDataRequest{Path: register(0)}, 6, &protocol.GetDataResponse{Data: []byte("c"), Stat: state(6).Stat})
	s.synced = ask(s.a, 5, protocol.OpSync, &protocol.SyncRequest{Path: root}, 6, &protocol.SyncResponse{Path: root})
	return s
}

func (s *story) op(packet int) *Op { return s.a.Packets[packet].Op }

// TestCheck: each change of a right history breaks the rule it should.
func TestCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		harm func(*story)
		rule string // "": none
	}{
		{"right", func(*story) {}, ""},
		{"unanswered", func(s *story) {
			o := s.op(s.set)
			o.Answered, o.Reply, o.Zxid, o.Done = false, nil, 0, 0
			s.a.Packets = slices.Delete(s.a.Packets, s.set, s.set+1)
		}, ""},
		{"acknowledged write lost", func(s *story) { s.cut(5) }, "lost"},
		{"shown and lost", func(s *story) { s.cut(5) }, "D2"},
		{"other zxid than in the log", func(s *story) { s.op(s.created).Zxid-- }, "D1"},
		{"data of another state", func(s *story) { s.op(s.seen).Reply.(*protocol.GetDataResponse).Data = []byte("b") }, "S8"},
		{"stale read", func(s *story) { s.op(s.seen).Reply = s.op(s.watched).Reply }, "S8"},
		{"Stat of another state", func(s *story) { s.op(s.watched).Reply.(*protocol.GetDataResponse).Stat.Pzxid++ }, "S8"},
		{"znode missed", func(s *story) { s.op(s.seen).Code, s.op(s.seen).Reply = protocol.NoNode, nil }, "S8"},
		{"session goes back", func(s *story) {
			s.op(s.synced).Zxid = zxid(5)
		}, "S3"},
		{"new connection goes back", func(s *story) { s.b.Relative = zxid(7) }, "S3"},
		{"sync is behind", func(s *story) {
			// At another session, which had seen less.
			o := s.op(s.synced)
			s.a.Packets = s.a.Packets[:s.synced]
			l := &Conn{Client: 2, Server: 3, Session: 0x303}
			o.Conn, o.Zxid = l, zxid(5)
			l.Packets = []Packet{{Op: o}}
			s.h.Conns = append(s.h.Conns, l)
		}, "S4"},
		{"writes in another order than real time", func(s *story) {
			o := s.b.Packets[s.moved].Op
			o.Sent, o.Done = time.Millisecond, 2*time.Millisecond
		}, "S1"},
		{"refusal that the log does not know", func(s *story) { s.op(s.set).Code, s.op(s.set).Reply = protocol.BadVersion, nil }, "D3"},
		{"version of a set", func(s *story) { s.op(s.set).Reply.(*protocol.StatResponse).Stat.Version++ }, "D3"},
		{"another request in the log", func(s *story) { s.ref.Txns[3].Body.(*txn.SetData).Data = []byte("x") }, "D3"},
		{"what nobody asked for", func(s *story) { s.ref.Txns[3].Cxid = 77 }, "D3"},
		{"done twice", func(s *story) { s.ref.Txns[5].Session, s.ref.Txns[5].Cxid = sessionA, 2 }, "D3"},
		{"event after what shows the change", func(s *story) {
			p := s.a.Packets
			p[s.event], p[s.seen] = p[s.seen], p[s.event]
		}, "W1"},
		{"event lost", func(s *story) { s.a.Packets = slices.Delete(s.a.Packets, s.event, s.event+1) }, "W1"},
		{"event twice", func(s *story) { s.a.Packets = slices.Insert(s.a.Packets, s.event, s.a.Packets[s.event]) }, "W3"},
		{"event of another kind", func(s *story) { s.a.Packets[s.event].Event.Type = protocol.EventNodeDeleted }, "W3"},
		{"event lost behind setWatches", func(s *story) {
			again := &Conn{Client: 0, Server: 2, Session: sessionA, Relative: zxid(4), Rearmed: []Watch{{WatchData, register(0)}}}
			set := &Op{Conn: again, Xid: protocol.XidSetWatches, Type: protocol.OpSetWatches2, Answered: true, Zxid: zxid(6)}
			again.Packets = []Packet{{Op: set}}
			s.h.Conns, s.h.Ops = append(s.h.Conns, again), append(s.h.Ops, set)
		}, "W1"},
		{"so it was beside Apache's servers", func(s *story) {
			s.h.Expired = []protocol.SessionID{sessionB}
			s.h.Conns = append(s.h.Conns, &Conn{Client: 2, Server: 3, Apache: true, Session: 0x303})
		}, ""},
		{"session that is open was called expired", func(s *story) { s.h.Expired = []protocol.SessionID{sessionB} }, "S5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStory()
			test.harm(s)
			broken, lost := Check(s.h, s.ref)
			var rules []string
			for _, v := range broken {
				rules = append(rules, v.String())
			}
			for _, o := range lost {
				rules = append(rules, "lost: "+o.String())
			}
			if test.rule == "" && len(rules) > 0 || test.rule != "" && !slices.ContainsFunc(rules, func(r string) bool { return strings.HasPrefix(r, test.rule) }) {
				t.Errorf("want %q, got %q", test.rule, rules)
			}
		})
	}
}

// cut leaves n txns in the log.
func (s *story) cut(n int) { s.ref.Txns = s.ref.Txns[:n] }

// TestRegisters: porcupine alone finds outcomes that no order explains.
func TestRegisters(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		harm func(*story)
		ok   bool
	}{
		{"right", func(*story) {}, true},
		{"two sets to one version", func(s *story) { s.b.Packets[s.moved].Op.Reply.(*protocol.StatResponse).Stat.Version = 1 }, false},
		{"created twice", func(s *story) {
			o := *s.op(s.created)
			o.Sent, o.Done = time.Second, 2*time.Second
			s.h.Ops = append(s.h.Ops, &o)
		}, false},
		{"refused for nothing", func(s *story) { s.op(s.set).Code = protocol.NoNode }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStory()
			test.harm(s)
			c := &checker{h: s.h, ref: s.ref, byOp: map[*Op]*txn.Txn{}}
			c.registers()
			if ok := len(c.broken) == 0; ok != test.ok {
				t.Errorf("found %v", c.broken)
			}
		})
	}
}

// TestAgree: logs that are parts of one history, and such that are not.
func TestAgree(t *testing.T) {
	t.Parallel()
	all := newStory().ref.Records
	other := slices.Clone(all)
	other[3] = Record{other[3].Zxid, other[2].Payload}
	without := slices.Delete(slices.Clone(all), 3, 4)
	for _, test := range []struct {
		name        string
		logs, saved []Log
		rule        string
		txns        int
	}{
		{"one is behind", []Log{{Server: 1, Records: all}, {Server: 2, Records: all[:4]}, {Server: 3}}, nil, "", 6},
		{"one begins with a snapshot", []Log{{Server: 1, Records: all}, {Server: 2, Records: all[4:]}}, nil, "", 6},
		{"the beginning is on a disk that was wiped", []Log{{Server: 1, Records: all[4:]}}, []Log{{Server: 1, Records: all[:5]}}, "", 6},
		{"and its beginning on another", []Log{{Server: 1, Records: all[4:]}}, []Log{{Server: 2, Records: all[:3]}, {Server: 1, Records: all[2:5]}}, "", 6},
		{"another txn", []Log{{Server: 1, Records: all}, {Server: 2, Records: other}}, nil, "I2", 6},
		{"the beginning is nowhere", []Log{{Server: 1, Records: all[4:]}}, nil, "I7", 2},
		{"a hole", []Log{{Server: 1, Records: without}}, nil, "I4", 2},
		{"a hole that others do not have", []Log{{Server: 1, Records: all}, {Server: 2, Records: without}}, nil, "I7", 6},
		{"a damaged record before a snapshot", []Log{{Server: 1, Records: all}, {Server: 2, Records: without, Snapshots: []protocol.Zxid{zxid(5)}}}, nil, "", 6},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ref, broken := Agree(test.logs, test.saved)
			if len(ref.Txns) != test.txns {
				t.Errorf("%d txns, want %d", len(ref.Txns), test.txns)
			}
			if test.rule == "" && len(broken) > 0 || test.rule != "" && (len(broken) == 0 || !strings.HasPrefix(broken[0].Rule, test.rule)) {
				t.Errorf("want %q, got %v", test.rule, broken)
			}
		})
	}
}

// TestReadDamagedLog: what is behind a damaged record is read.
func TestReadDamagedLog(t *testing.T) {
	t.Parallel()
	cfg := zktest.Config()
	cfg.DataDir = t.TempDir()
	cfg.DataLogDir = cfg.DataDir
	srv := zktest.StartConfig(t, cfg, server.WithFS(vfs.OS()))
	c := zktest.Dial(t, srv.Addr())
	for _, path := range []string{"/before", "/damaged", "/behind"} {
		c.Create(path, nil, protocol.FlagPersistent)
	}
	srv.Stop()
	files, err := filepath.Glob(filepath.Join(cfg.DataDir, "version-2", "log.*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("logs %v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], bytes.Replace(text, []byte("/damaged"), []byte("/demaged"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := ReadLog(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	if parts := l.segments(); len(parts) != 2 || parts[0].last() != 2 || parts[1].first() != 4 {
		t.Errorf("the parts of the log: %v", parts)
	}
}

// TestAgreeOnEpochs: a tail of an old epoch that others went on without is
// found, and at Apache's servers noted where a snapshot has overruled it.
func TestAgreeOnEpochs(t *testing.T) {
	t.Parallel()
	record := func(epoch, counter int64) Record {
		z := protocol.Zxid(epoch<<32 + counter)
		return Record{z, (&txn.Txn{Header: txn.Header{Zxid: z, Type: protocol.OpError}, Body: &txn.Error{}}).AppendTo(nil)}
	}
	good := []Record{record(1, 1), record(1, 2), record(2, 1), record(2, 2), record(2, 3)}
	tail := []Record{record(1, 1), record(1, 2), record(1, 3)}
	for _, test := range []struct {
		name   string
		second Log
		broken bool
		notes  int
	}{
		{"ours goes on with it", Log{Server: 2, Records: append(slices.Clone(tail), record(2, 1))}, true, 0},
		{"ours stops with it", Log{Server: 2, Records: tail}, true, 0},
		{"Apache's had a snapshot since", Log{Server: 2, Apache: true, Snapshots: []protocol.Zxid{good[3].Zxid}, Records: append(slices.Clone(tail), record(2, 3))}, false, 1},
		{"Apache's had one to the end of the epoch", Log{Server: 2, Apache: true, Snapshots: []protocol.Zxid{tail[1].Zxid}, Records: []Record{tail[0], record(2, 1)}}, false, 0},
		{"Apache's has a snapshot of what never was", Log{Server: 2, Apache: true, Snapshots: []protocol.Zxid{tail[2].Zxid}, Records: good}, false, 1},
		{"Apache's lacks one for no reason", Log{Server: 2, Apache: true, Records: []Record{tail[0], record(2, 1)}}, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ref, broken := Agree([]Log{{Server: 1, Records: good}, test.second}, nil)
			if (len(broken) > 0) != test.broken || len(ref.Notes) != test.notes {
				t.Errorf("violations %v, notes %q", broken, ref.Notes)
			}
		})
	}
}

// TestSameTree: a difference is found wherever it is.
func TestSameTree(t *testing.T) {
	t.Parallel()
	s := newStory()
	want := replay(s.ref).Tree
	if diff := sameTree(treeShower{replay(s.ref).Tree}, want, root); diff != "" {
		t.Error(diff)
	}
	s.cut(5)
	if diff := sameTree(treeShower{replay(s.ref).Tree}, want, root); !strings.HasPrefix(diff, register(0)+" is ") {
		t.Errorf("found %q", diff)
	}
	s.cut(2)
	if diff := sameTree(treeShower{replay(s.ref).Tree}, want, root); !strings.HasPrefix(diff, root+" ") {
		t.Errorf("found %q", diff)
	}
}

type treeShower struct{ t *tree.Tree }

func (s treeShower) Znode(path string) (data []byte, acl []protocol.ACL, st protocol.Stat, owner protocol.SessionID, ok bool) {
	n, ok := s.t.Lookup(path)
	if !ok {
		return nil, nil, st, 0, false
	}
	return n.Data(), n.ACL(), n.Stat(), n.Owner(), true
}

func (s treeShower) Children(path string) (names []string, ok bool) {
	n, ok := s.t.Lookup(path)
	if ok {
		n.Children(func(name string) bool {
			names = append(names, strings.Clone(name))
			return true
		})
	}
	return names, ok
}
