package election_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/election"
)

// TestScripts plays the stories of testdata/election. A message takes 1 ms.
//
//	servers n=3 [observers=(4,5)]   an ensemble; lines of the input are added to its configuration
//	history id=1 epoch=2 zxid=0x200000007
//	                                what a server's disk holds
//	look 1 2 [abstain]              these begin an election (a server that is down is started)
//	run ms=500 [all]                time passes; the log of the servers, with all also debugging notes and messages
//	crash 3                         a server ends
//	cut 1 2 3                       the first is cut off from the others, in both directions
//	mend                            every cut is mended
//	reconfigure 1 2 [lastseen]      the input is the configuration in force of these, or the one proposed beside it
//	silent 3 1 2                    nothing was heard of the first for too long: these have left it, and look;
//	                                connections stand from now on, also to those that are down
//	looking id=1                    the voters this server heard LOOKING
//	established epoch=1 1 2         the leader of these has settled its epoch
func TestScripts(t *testing.T) {
	t.Parallel()
	datadriven.Walk(t, "../../testdata/election", func(t *testing.T, path string) {
		s := &script{}
		datadriven.RunTest(t, path, s.play)
	})
}

type script struct {
	config *quorum.Config
	net    *network
	out    strings.Builder
}

func (s *script) play(t *testing.T, d *datadriven.TestData) string {
	s.out.Reset()
	switch d.Cmd {
	case "servers":
		s.servers(t, d)
	case "history":
		var id, epoch int
		var zxid string
		d.ScanArgs(t, "id", &id)
		d.ScanArgs(t, "epoch", &epoch)
		d.ScanArgs(t, "zxid", &zxid)
		z, err := strconv.ParseInt(zxid, 0, 64)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		s.net.nodes[int64(id)].zxid, s.net.nodes[int64(id)].epoch = protocol.Zxid(z), int64(epoch)
	case "look":
		for _, sid := range s.sids(t, d) {
			s.net.look(sid, d.HasArg("abstain"))
		}
		s.net.mend()
	case "run":
		var ms int
		d.ScanArgs(t, "ms", &ms)
		s.net.debug = d.HasArg("all")
		s.net.run(int64(ms))
		s.net.debug = false
		s.out.WriteString(s.net.states())
	case "crash":
		for _, sid := range s.sids(t, d) {
			s.net.crash(sid)
			s.net.boot(sid, s.config)
		}
	case "cut":
		sids := s.sids(t, d)
		for _, other := range sids[1:] {
			s.net.cut[pair{sids[0], other}], s.net.cut[pair{other, sids[0]}] = true, true
		}
	case "silent":
		sids := s.sids(t, d)
		s.net.told = false
		for _, sid := range sids[1:] {
			s.net.look(sid, false)
			s.net.step(s.net.nodes[sid], election.Silent{Sid: sids[0]})
		}
	case "mend":
		s.net.cut = map[pair]bool{}
		s.net.mend()
	case "established":
		var epoch int
		d.ScanArgs(t, "epoch", &epoch)
		for _, sid := range s.sids(t, d) {
			s.net.nodes[sid].epoch = int64(epoch)
			s.net.step(s.net.nodes[sid], election.Established{Epoch: int64(epoch)})
		}
	case "reconfigure":
		c, err := quorum.ParseConfig(d.Input)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		v, err := quorum.NewVerifier(c)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		ev := election.Reconfigured{Verifier: v, ConfigText: []byte(c.String())}
		if d.HasArg("lastseen") {
			if ev.Verifier, err = quorum.NewVerifier(s.config); err != nil {
				d.Fatalf(t, "%v", err)
			}
			ev.LastSeen, ev.ConfigText = v, []byte(s.config.String())
		}
		for _, sid := range s.sids(t, d) {
			n := s.net.nodes[sid]
			if !n.alive { // it starts with it
				n.core.Step(s.net.now, ev)
			}
			s.net.step(n, ev)
		}
	case "looking":
		var id int
		d.ScanArgs(t, "id", &id)
		for _, l := range s.net.nodes[int64(id)].core.Looking() {
			fmt.Fprintf(&s.out, "%d round %d %v\n", l.Sid, l.Round, l.Vote)
		}
	case "say":
		s.say(t, d)
	default:
		d.Fatalf(t, "unknown command %s", d.Cmd)
	}
	if s.out.Len() == 0 {
		return "ok\n"
	}
	return s.out.String()
}

func (s *script) servers(t *testing.T, d *datadriven.TestData) {
	var n int
	var observers []int
	d.ScanArgs(t, "n", &n)
	d.MaybeScanArgs(t, "observers", &observers)
	var text strings.Builder
	for id := 1; id <= n; id++ {
		role := "participant"
		for _, o := range observers {
			if o == id {
				role = "observer"
			}
		}
		fmt.Fprintf(&text, "server.%d=h%d:2888:3888:%s\n", id, id, role)
	}
	var err error
	if s.config, err = quorum.ParseConfig(text.String() + d.Input); err != nil {
		d.Fatalf(t, "%v", err)
	}
	s.net = newNetwork(t, s.config)
	s.net.trace = func(line string) { s.out.WriteString(line + "\n") }
}

// sids are the arguments that are numbers.
func (s *script) sids(t *testing.T, d *datadriven.TestData) []int64 {
	var sids []int64
	for _, a := range d.CmdArgs {
		if sid, err := strconv.ParseInt(a.Key, 10, 64); err == nil && len(a.Vals) == 0 {
			if s.net.nodes[sid] == nil {
				d.Fatalf(t, "no server %d", sid)
			}
			sids = append(sids, sid)
		}
	}
	return sids
}

// say hands a server a message that no core would send, in a form of choice:
//
//	say to=1 from=2 state=looking leader=2 round=1 [epoch=0] [zxid=0x0] [form=28|40]
func (s *script) say(t *testing.T, d *datadriven.TestData) {
	var to, from, leader, round, epoch, form int
	var state string
	zxid := "0"
	d.ScanArgs(t, "to", &to)
	d.ScanArgs(t, "from", &from)
	d.ScanArgs(t, "state", &state)
	d.ScanArgs(t, "leader", &leader)
	d.ScanArgs(t, "round", &round)
	d.MaybeScanArgs(t, "epoch", &epoch)
	d.MaybeScanArgs(t, "zxid", &zxid)
	d.MaybeScanArgs(t, "form", &form)
	z, err := strconv.ParseInt(zxid, 0, 64)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	n := &quorum.Notification{Leader: int64(leader), Zxid: protocol.Zxid(z), ElectionEpoch: int64(round), PeerEpoch: int64(epoch), Version: quorum.NotificationVersion}
	switch form {
	case 28:
		n.PeerEpoch, n.Version, n.Short = n.Zxid.Epoch(), 0, true
	case 40:
		n.Version = 1
	}
	for n.State = quorum.Looking; !strings.EqualFold(n.State.String(), state); n.State++ {
		if n.State == quorum.Observing {
			d.Fatalf(t, "no state %s", state)
		}
	}
	s.net.step(s.net.nodes[int64(to)], election.Received{From: int64(from), Notification: n})
	for _, line := range s.answers(int64(to), int64(from)) {
		s.out.WriteString(line + "\n")
	}
}

// answers takes what flies from one server to another off the wire.
func (s *script) answers(from, to int64) []string {
	var lines []string
	l := s.net.link(pair{from, to})
	sent := l.flying
	if l.waiting != nil {
		sent = append(sent, flight{n: l.waiting})
	}
	for _, f := range sent {
		lines = append(lines, fmt.Sprintf("answer: %v leader %d zxid %v round %d epoch %d", f.n.State, f.n.Leader, f.n.Zxid, f.n.ElectionEpoch, f.n.PeerEpoch))
	}
	l.flying, l.waiting = nil, nil
	return lines
}
