package server_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/protocol/quorum"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/vfs"
	"zookit/server/zktest"
)

// A peer is the other end of a connection between servers, played by the test.
type peer struct {
	t  *testing.T
	c  net.Conn
	in *quorum.PacketReader
}

func dialPeer(t *testing.T, addr string) *peer {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, within)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(within))
	return &peer{t, c, quorum.NewPacketReader(bufio.NewReader(c), protocol.DefaultMaxBuffer)}
}

// closed waits until the server has ended the connection.
func (p *peer) closed(what string) {
	p.t.Helper()
	_, err := io.Copy(io.Discard, p.c)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		p.t.Errorf("%s: the connection stays open", what)
	}
}

func (p *peer) send(packets ...quorum.Packet) {
	p.t.Helper()
	for i := range packets {
		if _, err := p.c.Write(packets[i].AppendTo(nil)); err != nil {
			p.t.Fatal(err)
		}
	}
}

// await reads up to a packet of that type.
func (p *peer) await(want quorum.PacketType) quorum.Packet {
	p.t.Helper()
	for {
		var got quorum.Packet
		if err := p.in.Read(&got); err != nil {
			p.t.Fatalf("waiting for %v: %v", want, err)
		}
		if got.Type == want {
			return got
		}
	}
}

func followerInfo(sid, epoch int64) quorum.Packet {
	return quorum.Packet{Type: quorum.FollowerInfo, Zxid: protocol.MakeZxid(epoch, 0), Data: quorum.NewLearnerInfo(sid, 0).AppendTo(nil)}
}

// join follows a leader whose history is in its memory.
func (p *peer) join(sid int64) {
	p.t.Helper()
	p.send(followerInfo(sid, 0))
	epoch := p.await(quorum.LeaderInfo).Zxid
	p.send(quorum.Packet{Type: quorum.AckEpoch, Data: (&quorum.FollowerEpoch{}).AppendTo(nil)})
	p.await(quorum.NewLeader)
	p.send(quorum.Packet{Type: quorum.Ack, Zxid: epoch})
	p.await(quorum.UpToDate)
}

func (p *peer) forward(q quorum.ForwardedRequest) {
	p.t.Helper()
	p.send(quorum.Packet{Type: quorum.Request, Zxid: -1, Data: q.AppendTo(nil)})
}

// ports are those of a member for the others.
func (o *observed) ports(sid int64) (quorumPort, electionPort string) {
	self, _ := o.configs[sid].Self()
	return self.Addresses[0].Quorum(), self.Addresses[0].Election()
}

// impatient waits for silent peers no longer than a test can.
func impatient(_ int64, cfg *config.Config) []server.Option {
	cfg.Ensemble.InitLimit, cfg.Ensemble.ReadTimeoutMs = 30, 500
	return nil
}

// Whatever comes to the two ports between servers costs the sender its
// connection, and nobody else anything: the leader leads on, sessions live, a
// line in the log says what it was, and the lines are few.
func TestHostilePeers(t *testing.T) {
	t.Parallel()
	o := observe(t, 3, nil, impatient)
	o.Start()
	o.Await()
	leader := o.Leader()
	follower := leader%3 + 1
	bystander := zktest.Dial(t, o.Server(follower).Addr())
	bystander.Create("/mine", nil, protocol.FlagEphemeral)
	epoch := acceptedEpoch(t, o.disks[leader])

	quorumPort, electionPort := o.ports(leader)
	_, followersPort := o.ports(follower)
	noise := make([]byte, 64<<10)
	rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	greeting := (&quorum.InitialMessage{Form: quorum.InitialAddress, ServerID: 77, Addresses: []string{"127.0.0.1:1"}}).AppendTo(nil)
	bytesOf := func(p quorum.Packet) []byte { return p.AppendTo(nil) }
	both := map[string][]byte{
		"http": []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "tls": {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"a word": []byte("srvr\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"), "noise": append([]byte{0xff}, noise...), "ones": bytes.Repeat([]byte{0xff}, 1<<20),
	}
	election := map[string][]byte{
		"an address too long":      append(jute.AppendLong(jute.AppendLong(nil, quorum.InitialAddress), 2), length(1<<30)...),
		"an unknown version":       jute.AppendLong(nil, -5),
		"an id below 0":            append(jute.AppendLong(jute.AppendLong(nil, quorum.InitialAddress), -9), jute.AppendString(nil, "127.0.0.1:1")...),
		"no address":               append(jute.AppendLong(jute.AppendLong(nil, quorum.InitialAddress), 2), jute.AppendString(nil, "x")...),
		"a vote too long":          append(bytes.Clone(greeting), length(1<<30)...),
		"a vote of negative size":  append(bytes.Clone(greeting), length(-1)...),
		"a vote that is none":      append(append(bytes.Clone(greeting), length(40)...), bytes.Repeat([]byte{0xff}, 40)...),
		"a vote that is too short": append(append(bytes.Clone(greeting), length(3)...), 1, 2, 3),
	}
	learners := map[string][]byte{
		"a packet too long":       append(jute.AppendLong(jute.AppendInt(nil, int32(quorum.FollowerInfo)), 0), length(1<<30)...),
		"a packet of size -2":     append(jute.AppendLong(jute.AppendInt(nil, int32(quorum.FollowerInfo)), 0), length(-2)...),
		"an ack first":            bytesOf(quorum.Packet{Type: quorum.Ack, Zxid: 1}),
		"half an id":              bytesOf(quorum.Packet{Type: quorum.FollowerInfo, Data: []byte{0, 0, 0, 0}}),
		"the leader's own id":     bytesOf(followerInfo(leader, epoch)),
		"a protocol of 3.3":       bytesOf(quorum.Packet{Type: quorum.FollowerInfo, Data: jute.AppendLong(nil, follower)}),
		"the last epoch there is": bytesOf(followerInfo(77, 1<<31-1)),
		"a history below nothing": append(bytesOf(followerInfo(77, epoch)), bytesOf(quorum.Packet{Type: quorum.AckEpoch, Zxid: -7, Data: (&quorum.FollowerEpoch{CurrentEpoch: -8}).AppendTo(nil)})...),
	}
	attack := func(addr string, list map[string][]byte) {
		t.Helper()
		for name, b := range list {
			p := dialPeer(t, addr)
			_, _ = p.c.Write(b) // the server may close before all is written
			p.closed(addr + ": " + name)
		}
	}
	for range 3 {
		for _, addr := range []string{electionPort, followersPort} {
			attack(addr, both)
			attack(addr, election)
		}
		attack(quorumPort, both)
		attack(quorumPort, learners)
	}
	var silent []*peer
	for i := range 150 {
		for _, addr := range []string{quorumPort, electionPort} {
			p := dialPeer(t, addr)
			_, _ = p.c.Write(greeting[:i%8]) // and no more
			silent = append(silent, p)
		}
	}
	bystander.Create("/during", nil, protocol.FlagPersistent)
	for _, p := range silent {
		p.closed("a silent peer")
	}

	bystander.Create("/after", nil, protocol.FlagPersistent)
	bystander.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/mine"}, nil)
	if o.Leader() != leader || acceptedEpoch(t, o.disks[leader]) != epoch {
		t.Error("the leader was brought down")
	}
	sameTrees(t, o.Ensemble, 1, 2, 3)
	for _, want := range []string{
		"learner's connection ended", "a learner has this server's own id", "is older than 3.4's", "election connection refused", "not a notification",
	} {
		if len(o.logs[leader].lines(want)) == 0 {
			t.Errorf("no line says %q", want)
		}
	}
	for sid, log := range o.logs {
		if n := len(log.lines("level=WARN")); n > 30 {
			t.Errorf("server %d has logged %d warnings", sid, n)
		}
	}
}

// Peers that announce much and send little make a server allocate little. It is
// not parallel: it looks at what the whole process allocates.
func TestPeersThatAnnounceMuch(t *testing.T) {
	o := observe(t, 3, nil, nil)
	o.Start()
	o.Await()
	quorumPort, electionPort := o.ports(o.Leader())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const n = 60
	for range n {
		_, _ = dialPeer(t, quorumPort).c.Write(append(jute.AppendLong(jute.AppendInt(nil, int32(quorum.FollowerInfo)), 0), length(protocol.DefaultMaxBuffer)...))
		_, _ = dialPeer(t, electionPort).c.Write(append(jute.AppendLong(nil, 77), length(quorum.MaxNotification)...))
	}
	zktest.Dial(t, o.Addrs()[0]).Create("/x", nil, protocol.FlagPersistent)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 2*n*protocol.DefaultMaxBuffer/4 {
		t.Errorf("%d connections that only announced a packet made the servers allocate %d bytes", 2*n, grown)
	}
}

// A stranger that speaks the protocol follows without a vote. What it forwards
// is judged like anybody's requests: nothing it sends ends the leader.
func TestStrangerFollows(t *testing.T) {
	t.Parallel()
	o := observe(t, 3, nil, nil)
	o.Start(1, 3)
	o.Await(1, 3)
	const leader, stranger = 3, 77
	quorumPort, _ := o.ports(leader)
	c := zktest.Dial(t, o.Server(leader).Addr())
	p := dialPeer(t, quorumPort)
	p.join(stranger)
	o.logs[leader].await(t, "a server that is no voter of the configuration follows without a vote")

	// A write body that cannot be decoded is a txn that says so.
	p.forward(quorum.ForwardedRequest{Session: c.Session.Session, Cxid: 1000, Type: protocol.OpSetData, Body: []byte{0x7f, 0xff, 0xff, 0xff}})
	if got := p.await(quorum.Proposal); len(got.Data) == 0 {
		t.Error("no txn")
	}
	// Ops that only servers ask for, and ops there are none of, are none of its business.
	for _, op := range []protocol.OpCode{0, -1, 50, protocol.OpDeleteContainer, protocol.OpCheck} {
		p.forward(quorum.ForwardedRequest{Session: c.Session.Session, Cxid: 1001, Type: op, Body: []byte{1}})
	}
	c.Create("/x", nil, protocol.FlagPersistent)

	// Its word counts for nothing: without server 1 the leader has no quorum.
	next := int64(stranger)
	for name, last := range map[string]quorum.Packet{
		"a session without a timeout": {Type: quorum.Request, Zxid: -1, Data: (&quorum.ForwardedRequest{Session: 5, Type: protocol.OpCreateSession}).AppendTo(nil)},
		"half a request":              {Type: quorum.Request, Zxid: -1, Data: []byte{0, 0, 0}},
		"half a table of sessions":    {Type: quorum.Ping, Data: []byte{0, 0, 0, 0, 0}},
		"half a revalidation":         {Type: quorum.Revalidate, Data: []byte{1}},
		"an ack of what is to come":   {Type: quorum.Ack, Zxid: protocol.MakeZxid(1, 1<<20)},
		"a proposal":                  {Type: quorum.Proposal, Zxid: protocol.MakeZxid(1, 1<<20)},
	} {
		q := dialPeer(t, quorumPort)
		next++
		q.join(next)
		q.send(last)
		q.closed(name)
	}
	q := dialPeer(t, quorumPort)
	q.join(next + 1)
	o.Stop(1)
	o.logs[leader].await(t, "lost the quorum")
	q.closed("the leader that has stepped down")
	o.Start(1)
	o.Await(1, 3)
	sameTrees(t, o.Ensemble, 1, 3)
}

// Somebody joins under the id of a follower that is there and answers: it is
// sent away, the follower is not disturbed, and the log says what is wrong.
func TestTwoFollowersWithOneID(t *testing.T) {
	t.Parallel()
	o := observe(t, 3, nil, nil)
	o.Start()
	o.Await()
	leader := o.Leader()
	follower := leader%3 + 1
	bystander := zktest.Dial(t, o.Server(follower).Addr())
	quorumPort, _ := o.ports(leader)
	p := dialPeer(t, quorumPort)
	p.send(followerInfo(follower, 0))
	p.closed("the impostor")
	o.logs[leader].await(t, fmt.Sprintf("two servers have the myid %d: correct one", follower))
	bystander.Must(protocol.OpExists, &protocol.ExistsRequest{Path: "/"}, nil)
	bystander.Create("/x", nil, protocol.FlagPersistent)
	sameTrees(t, o.Ensemble, 1, 2, 3)
}

// A server is started with the myid of another one. It gets nowhere, the
// others go on, and both sides are told.
func TestServerWithAnotherServersID(t *testing.T) {
	t.Parallel()
	for _, id := range []int64{1, 2, 3} {
		t.Run(fmt.Sprint(id), func(t *testing.T) {
			t.Parallel()
			// Server 4 is on another machine and says that it is server id.
			o := observe(t, 4, nil, func(sid int64, cfg *config.Config) []server.Option {
				members := cfg.Ensemble.Servers.Members
				if sid == 4 {
					cfg.MyID = id
					members[id-1].Addresses = members[3].Addresses
				}
				cfg.Ensemble.Servers.Members = members[:3]
				return nil
			})
			o.Start(1, 2, 3)
			o.Await(1, 2, 3)
			leader := o.Leader()
			bystander := zktest.Dial(t, o.Server(leader).Addr())
			o.Start(4)
			told := func() (n int) {
				for sid := int64(1); sid <= 3; sid++ {
					n += len(o.logs[sid].lines("two servers have its id"))
				}
				return n
			}
			o.Until("a word about the server", func() bool { return told() > 0 })
			bystander.Create("/x", nil, protocol.FlagPersistent)
			if o.Server(4).Server().Status().Serving {
				t.Error("it serves")
			}
			o.Stop(4)
			bystander.Create("/y", nil, protocol.FlagPersistent)
			o.Await(1, 2, 3)
			sameTrees(t, o.Ensemble, 1, 2, 3)
		})
	}
}

// One server has another voter in its configuration. Both sides say so, and
// those that agree have their quorum. (To the odd one two of four are none.)
func TestDifferentConfigurations(t *testing.T) {
	t.Parallel()
	o := observe(t, 4, nil, func(sid int64, cfg *config.Config) []server.Option {
		if sid != 1 {
			cfg.Ensemble.Servers.Members = cfg.Ensemble.Servers.Members[:3]
		}
		return impatient(sid, cfg)
	})
	o.Start(2, 3) // were 3 to begin with 1, which then leaves, 2 would wait for both: it has no data, and 3 has some
	o.Await(2, 3)
	o.Start(1)
	o.write(t, "/x", 3, 2, 3)
	for _, sid := range []int64{1, 2, 3} {
		o.logs[sid].await(t, "make the server lines, groups and weights the same on all servers")
	}
	o.Await(2, 3)
	sameTrees(t, o.Ensemble, 2, 3)
}

// A body that cannot be decoded is answered alike through a follower and by the
// leader, and the follower stays.
func TestMalformedBodyThroughAFollower(t *testing.T) {
	t.Parallel()
	e := zktest.StartEnsemble(t, 3)
	leader := e.Leader()
	follower := leader%3 + 1
	for _, sid := range []int64{follower, leader} {
		c := zktest.Dial(t, e.Server(sid).Addr())
		for _, op := range []protocol.OpCode{protocol.OpCreate, protocol.OpSetData, protocol.OpDelete, protocol.OpMulti, protocol.OpSetACL} {
			xid, err := c.Conn.Send(op, []byte{0x7f, 0xff, 0xff, 0xff})
			if err != nil {
				t.Fatal(err)
			}
			if r := c.Receive(); r.Xid != xid || r.Err != protocol.MarshallingError || r.Zxid.Counter() == 0 {
				t.Errorf("%v at server %d got %+v", op, sid, r)
			}
		}
		c.Create(fmt.Sprintf("/after-%d", sid), nil, protocol.FlagPersistent)
	}
	sameTrees(t, e, 1, 2, 3)
}

// An observer's client keeps its session, its ephemeral and its watch when the
// leader changes.
func TestObserverAcrossAChangeOfTheLeader(t *testing.T) {
	t.Parallel()
	o := observe(t, 4, map[int64]vfs.FS{}, func(_ int64, cfg *config.Config) []server.Option {
		cfg.Ensemble.Servers.Members[3].Observer = true
		return nil
	})
	o.Start()
	o.Await()
	if mode := o.Server(4).Server().Status().Mode; mode != "observer" {
		t.Fatalf("server 4 is %s", mode)
	}
	leader := o.Leader()
	c := zktest.Dial(t, o.Server(4).Addr())
	c.Create("/mine", nil, protocol.FlagEphemeral)
	c.Must(protocol.OpGetData, get("/mine", true), nil)
	o.Stop(leader)
	c.Closed()
	o.Leader()
	o.Await(4)
	again := c.Resume(o.Server(4).Addr())
	if again.Session.Session != c.Session.Session {
		t.Fatalf("the session is lost: %+v", again.Session)
	}
	again.Must(protocol.OpGetData, get("/mine", true), nil)
	writer := zktest.Dial(t, o.Server(leader%3+1).Addr())
	writer.Must(protocol.OpSetData, set("/mine", "new"), nil)
	if r := again.Receive(); r.Event == nil || !strings.HasSuffix(r.Event.Path, "/mine") {
		t.Errorf("got %+v instead of the event", r)
	}
	o.Start(leader)
	o.Await()
	sameTrees(t, o.Ensemble, 1, 2, 3, 4)
}
