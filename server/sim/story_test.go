package sim

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/vfs"
)

// TestStories plays the stories of testdata/sim: an ensemble of the real
// replica under all checkers, with faults where the script puts them. Commands,
// one a line below do:
//
//	wait 2s                              time goes by
//	until serving|whole|epoch=2          or something has happened
//	until "TEXT"                         or is in the output
//	leader s2, follower s2               fails unless it is that
//	client c0 s1                         a client of that server alone
//	c0 create|set|get|watch|delete|sync PATH [DATA]
//	c0 ephemeral|sequential PATH
//	c0 close                             its session ends
//	c0 to s2                             it goes to another server
//	kill|power|start s1
//	pause s1 2s, slow s1 2s              the process stands still; its syncs take long
//	cut s1 s2 2s                         no connection between them
//	stall s1 s2 2s                       nothing of s1 arrives at s2
//	power-at s1 sync 2                   the power fails before the 2nd sync from now
//	fail s1 sync 1                       the disk fails the next sync
//	purge s1                             its old snapshots and logs go, in steps
//	full s1 2s                           nothing grows on its disk
//	heal                                 faults stop, and everybody comes back
//	check                                every server is read, and every invariant looked at
//	show
//
// ensemble takes voters=3 observers=1 groups=(1+2+3,4+5) weights=(1,1,1,2,1) and
// more, see begin.
//
// The output is what happened, without times and ids of sessions.
func TestStories(t *testing.T) {
	t.Parallel()
	datadriven.Walk(t, "../../testdata/sim", func(t *testing.T, path string) {
		s := &story{t: t}
		datadriven.RunTest(t, path, s.block)
	})
}

type story struct {
	t *testing.T
	w *world
	d *datadriven.TestData
}

func (s *story) block(t *testing.T, d *datadriven.TestData) string {
	s.d = d
	if d.Cmd == "ensemble" {
		s.begin(d)
		return s.w.ensemble.state() + "\n"
	}
	s.w.trace.Reset()
	for line := range strings.Lines(d.Input) {
		if s.w.broken == nil {
			s.command(strings.Fields(line))
		}
	}
	if s.w.broken != nil {
		d.Fatalf(t, "%v\n%s", s.w.broken, s.w.trace)
	}
	if d.Cmd == "setup" {
		return s.w.ensemble.state() + "\n"
	}
	var b strings.Builder
	for line := range strings.Lines(s.w.trace.String()) {
		if line = strings.TrimLeft(line[11:], " "); !noise(line) {
			b.WriteString(sessionID.ReplaceAllString(line, "…"))
		}
	}
	if b.Len() == 0 {
		return "ok\n"
	}
	return b.String()
}

// sessionID is a session in the trace: it holds the time at which it was made.
var sessionID = regexp.MustCompile(`0x[0-9a-f]{15}\b`)

// noise is what clients do while there is no server for them.
func noise(line string) bool {
	for _, what := range []string{" connects to ", " away", " lost its connection", "zab: closing connection"} {
		if strings.Contains(line, what) {
			return true
		}
	}
	return false
}

func (s *story) begin(d *datadriven.TestData) {
	p := &Plan{Seed: 1, Options: Options{Voters: 3, TickMs: 200, MaxBatch: 1000, SnapCount: 1000, PreAllocKB: 64, SnapshotStep: 5 * millisecond,
		SnapshotFactor: 0.33, Recent: 500, Digest: true, Script: true}}
	o := &p.Options
	observers := 0
	for _, a := range d.CmdArgs {
		if a.Key == "groups" { // 1+2+3: the voters of one, ascending
			for _, group := range a.Vals {
				var ids []int
				for _, id := range strings.Split(group, "+") {
					ids = append(ids, s.number(id))
				}
				o.Groups = append(o.Groups, ids)
			}
			continue
		}
		if a.Key == "weights" { // of all voters
			for _, weight := range a.Vals {
				o.Weights = append(o.Weights, int64(s.number(weight)))
			}
			continue
		}
		n := s.number(a.Vals[0])
		switch a.Key {
		case "voters":
			o.Voters = n
		case "observers":
			observers = n
		case "recent":
			o.Recent = n
		case "snapCount":
			o.SnapCount = n
		case "digest":
			o.Digest = n > 0
		case "slowSnapshots": // a znode at a time, this many ms between two at most
			o.SnapshotNodes, o.SnapshotStep = 1, int64(n)*millisecond
		case "preAlloc": // KiB that a log is made longer by at a time; -1: by nothing
			o.PreAllocKB = n
		case "logsForLearners": // 0: they are never read for one
			o.SnapshotFactor = float64(n) - 0.5
		default:
			d.Fatalf(s.t, "what is %s?", a.Key)
		}
	}
	o.Processes = o.Voters + observers
	s.w = p.world(true)
	s.until("whole")
	s.w.trace.Reset()
}

func (s *story) number(text string) int {
	var n int
	if _, err := fmt.Sscan(text, &n); err != nil {
		s.d.Fatalf(s.t, "%q is no number", text)
	}
	return n
}

func (s *story) server(name string) *process {
	n := s.number(strings.TrimPrefix(name, "s"))
	if n < 1 || n > len(s.w.processes) {
		s.d.Fatalf(s.t, "there is no %s", name)
	}
	return s.w.processes[n-1]
}

func (s *story) duration(text string) int64 {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	return d.Microseconds()
}

func (s *story) until(what string) {
	w := s.w
	done := w.ensemble.whole
	switch {
	case what == "serving":
		done = w.ensemble.led
	case strings.HasPrefix(what, `"`):
		done = func() bool { return strings.Contains(w.trace.String(), strings.Trim(what, `"`)) }
	case strings.HasPrefix(what, "epoch="):
		epoch := int64(s.number(what[6:]))
		done = func() bool { return w.ledger.leaders[epoch] != nil }
	}
	w.runUntil(w.now+settleTime, done)
	if w.broken == nil && !done() {
		s.d.Fatalf(s.t, "not %s within %d s: %s", what, settleTime/second, w.ensemble.state())
	}
}

func (s *story) command(f []string) {
	w := s.w
	if len(f) > 1 && strings.HasPrefix(f[0], "c") && len(f[0]) == 2 {
		s.client(w.clients[s.number(f[0][1:])], f[1:])
		return
	}
	switch f[0] {
	case "wait":
		w.runUntil(w.now+s.duration(f[1]), never)
	case "until":
		s.until(strings.Join(f[1:], " "))
	case "leader", "follower":
		if p := s.server(f[1]); !p.serving || (p.seat.role.State == quorum.Leading) != (f[0] == "leader") {
			s.d.Fatalf(s.t, "%v is no %s: %s", p, f[0], w.ensemble.state())
		}
	case "client":
		c := newClient(w, len(w.clients), 4000)
		w.clients = append(w.clients, c)
		c.server, c.pinned = s.server(f[2]).id-1, true
		w.runUntil(w.now+5*second, func() bool { return c.connected })
	case "kill":
		s.server(f[1]).exit()
	case "power":
		s.server(f[1]).powerCut()
	case "start":
		s.server(f[1]).boot()
	case "pause":
		s.server(f[1]).pause(s.duration(f[2]))
	case "slow":
		s.server(f[1]).slowDisk = w.now + s.duration(f[2])
	case "cut":
		w.ensemble.act(&Action{Kind: FaultPeerCut, Length: s.duration(f[3])}, s.server(f[1]), s.server(f[2]))
	case "stall":
		w.ensemble.act(&Action{Kind: FaultPeerStall, Length: s.duration(f[3])}, s.server(f[1]), s.server(f[2]))
	case "power-at":
		s.server(f[1]).act(&Action{Kind: FaultCutIn, Effect: vfs.Op(f[2]), N: s.number(f[3])})
	case "fail":
		s.server(f[1]).act(&Action{Kind: FaultDisk, Effect: vfs.Op(f[2]), N: s.number(f[3])})
	case "full":
		s.server(f[1]).act(&Action{Kind: FaultFull, Length: s.duration(f[2])})
	case "purge":
		s.server(f[1]).purge()
	case "heal":
		for _, p := range w.processes {
			p.boot()
		}
		for _, c := range w.clients {
			c.pinned = false
		}
		w.settle()
	case "check":
		w.plan.Options.Script = false // they come back from the last power cut
		w.finish()
		if w.broken == nil {
			w.trace.Reset()
			w.tracef("every invariant holds; %d txns, %v the last", len(w.ledger.chain), w.ledger.end())
		}
	case "show":
		w.tracef("%s", w.ensemble.state())
	default:
		s.d.Fatalf(s.t, "what is %s?", f[0])
	}
}

// client has a client do something, and waits for the answer, or for nothing
// when the line ends with &.
func (s *story) client(c *client, f []string) {
	w := s.w
	wait := f[len(f)-1] != "&"
	if !wait {
		f = f[:len(f)-1]
	}
	if f[0] == "to" {
		c.server = s.server(f[1]).id - 1
		c.drop(true)
		w.runUntil(w.now+5*second, func() bool { return c.connected })
		return
	}
	path, data := "", []byte(nil)
	if f[0] != "close" {
		path, data = f[1], []byte(strings.Join(f[2:], " "))
	}
	create := func(flags protocol.CreateFlag) {
		c.request(protocol.OpCreate, &protocol.CreateRequest{Path: path, Data: data, ACL: protocol.OpenACL, Flags: flags})
	}
	switch f[0] {
	case "create":
		create(0)
	case "ephemeral":
		create(protocol.FlagEphemeral)
	case "sequential":
		create(protocol.FlagSequential)
	case "set":
		c.request(protocol.OpSetData, &protocol.SetDataRequest{Path: path, Data: data, Version: -1})
	case "delete":
		c.request(protocol.OpDelete, &protocol.DeleteRequest{Path: path, Version: -1})
	case "get", "watch":
		c.request(protocol.OpGetData, &protocol.PathWatchRequest{Path: path, Watch: f[0] == "watch"})
	case "close":
		c.request(protocol.OpCloseSession, nil)
		c.closing = true
	case "sync":
		c.request(protocol.OpSync, &protocol.PathRequest{Path: path})
	default:
		s.d.Fatalf(s.t, "what is %s?", f[0])
	}
	if wait {
		w.runUntil(w.now+20*second, func() bool { return len(c.waiting) == 0 && len(c.backlog) == 0 })
	}
}
