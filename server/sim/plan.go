package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"zookit/protocol"
	"zookit/server/vfs"
)

// Options are what a seed draws once: the topology and the configuration of
// the servers.
type Options struct {
	Voters           int // of the processes; 0: one server, alone
	Processes        int
	Clients          int
	TickMs           int32
	SnapCount        int
	MaxBatch         int // records
	LogLimitKB       int64
	PreAllocKB       int
	Digest           bool
	BareCloseSession bool  // closeSession txns without paths, as before 3.6
	Flips            int   // bits flipped, one at a time, when all is over
	BigData          bool  // some values of tens of KiB
	SnapshotStep     int64 // µs between two steps of a snapshot, at most
	Hung             int   // the server that stands still when faults stop; 0: none
	Groups           [][]int
	Weights          []int64 // of the voters; with Groups
	Rates            []int64 // ms that the clock of each process goes in a second; nil: 1000
	ForceSnapshot    bool    // every learner is sent a snapshot (forceSnapshotSync)
	Recent           int     // txns that a leader keeps for learners (commitLogCount)
	SnapshotFactor   float64
	Local            LocalSessions
	Hosting          bool // followers serve observers
	Damaged          bool // disks are damaged
	Changing         bool // the members change (change.go)
	Script           bool // a server that has ended is started by the script
	Notes            bool // the trace has what elections say
	SnapshotNodes    int  // a snapshot copies so many znodes at a time; 0: all of so small a tree
}

// Plan is everything that a run does of its own accord. Shrinking a failure is
// leaving actions out.
type Plan struct {
	Seed    uint64
	Options Options
	Actions []Action // by time
	Heal    int64    // when the faults stop, µs
}

// Action is one thing a client's user wants, or one fault.
type Action struct {
	At     int64 // virtual µs
	Kind   Kind
	Client int
	Server int   // index of the process
	Peer   int   // index of another one
	Leader bool  // Server is whoever leads then, if somebody does
	Length int64 // µs, of a fault that lasts; ms, of a clock jump
	N      int   // effects; direction of a stall
	Short  bool
	Effect vfs.Op
	Damage damageKind
	Outage *outage

	Op      protocol.OpCode
	Path    string
	Flags   protocol.CreateFlag
	Watch   bool
	Guarded bool // with the version last seen
	Size    int  // of data
	Mode    protocol.AddWatchMode
	Also    []Action // multi
}

// Kind is what an Action is.
type Kind int

const (
	DoRequest  Kind = iota
	DoClose         // close the session
	DoVanish        // fall silent for Length
	DoMove          // open the session on a second connection; the first is left half open
	FaultStall      // direction N of the client's route
	FaultSlow
	FaultReset
	FaultPowerCut
	FaultKill
	FaultStop     // an ordinary restart
	FaultCutIn    // the power fails before the Nth effect (of one kind, or of any) from now
	FaultDisk     // the Nth effect from now fails
	FaultSlowDisk // syncs take up to 2 s
	FaultPause
	FaultClock // the wall clock jumps
	DoPurge
	FaultPeerStall // between Server and Peer: direction N, or both
	FaultPeerSlow
	FaultPeerReset
	FaultPeerCut   // connections are reset, and no new one can be made for Length
	FaultIsolate   // Server from all others; N: direction of the stall, 3: cut
	FaultFull      // nothing grows on the disk for Length
	FaultSlowDisks // the disks of all but Server, as FaultSlowDisk
	FaultOverload  // a slow disk, and N connections to other servers break meanwhile
	FaultDamage    // Damage to a disk (damage.go)
	DoReconfig     // another configuration (change.go)
	DoOutage       // everything goes down, disks are damaged, and everything comes back (outage.go)
)

var kindNames = [...]string{"request", "close the session", "vanish", "move the session", "stall", "slow network", "reset",
	"power cut", "kill", "stop", "power cut at an effect", "disk failure", "slow disk", "pause", "clock jump", "purge",
	"stall towards", "slow network to", "reset towards", "cut from", "isolated", "disk full", "slow disks elsewhere", "overload", "damage", "reconfig", "outage"}

func (k Kind) String() string { return kindNames[k] }

func (a Action) String() string {
	s := clockText(a.At) + " "
	switch {
	case a.Kind == DoRequest:
		s += fmt.Sprintf("c%d %v %s", a.Client, a.Op, a.Path)
		for _, m := range a.Also {
			s += fmt.Sprintf(" [%v %s]", m.Op, m.Path)
		}
	case a.Kind <= FaultReset:
		s += fmt.Sprintf("c%d %v", a.Client, a.Kind)
	default:
		s += fmt.Sprintf("s%d %v", a.Server+1, a.Kind)
		if a.Leader {
			s += " (the leader)"
		}
		if a.Kind >= FaultPeerStall && a.Kind < FaultIsolate {
			s += fmt.Sprintf(" s%d", a.Peer+1)
		}
	}
	if a.Kind == FaultDamage {
		s += ": " + a.Damage.String()
	}
	if a.Outage != nil {
		s += fmt.Sprintf(" %+v", *a.Outage)
	}
	if a.N != 0 {
		s += fmt.Sprintf(" %d %s", a.N, a.Effect)
	}
	if a.Length != 0 {
		s += fmt.Sprintf(" (%d)", a.Length)
	}
	return s
}

// NewPlan draws the plan of a seed. Every seed has its own mixture of faults:
// some have none, some one kind alone.
func NewPlan(seed uint64) *Plan {
	g := &generator{rand.New(rand.NewPCG(seed, 0x51))}
	p := &Plan{Seed: seed}
	p.Options = Options{
		Processes: 1, Clients: 2 + g.IntN(4), TickMs: pick(g, []int32{200, 500, 1000}),
		SnapCount: pick(g, []int{6, 20, 60, 1000}), MaxBatch: pick(g, []int{1, 3, 1000}),
		LogLimitKB: pick(g, []int64{0, 0, 1, 4}), PreAllocKB: pick(g, []int{-1, 64, 64}),
		Flips:         pick(g, []int{0, 0, 0, 0, 0, 0, 0, 4}),
		SnapshotStep:  pick(g, []int64{5 * millisecond, 5 * millisecond, 400 * millisecond}),
		SnapshotNodes: pick(g, []int{0, 1, 1, 3}),
		Digest:        g.IntN(4) > 0, BareCloseSession: g.IntN(4) == 0, BigData: g.IntN(8) == 0,
	}
	if p.Options.BareCloseSession {
		// Replayed over a snapshot that has the parent of before and not the
		// ephemeral, such a txn cannot mend the parent's pzxid: it is why 3.6 put
		// the paths into it (ZOOKEEPER-3145).
		p.Options.SnapshotNodes, p.Options.BigData = 0, false
	}
	g.clocks(&p.Options)
	g.actions(p)
	return p
}

// NewEnsemblePlan draws the plan of a seed for several servers.
func NewEnsemblePlan(seed uint64) *Plan {
	g := &generator{rand.New(rand.NewPCG(seed, 0x53))}
	p := &Plan{Seed: seed}
	p.Options = Options{
		Clients: 2 + g.IntN(3), TickMs: 200,
		SnapCount: pick(g, []int{6, 20, 60, 1000}), MaxBatch: pick(g, []int{1, 3, 1000}),
		LogLimitKB: pick(g, []int64{0, 0, 1, 4}), PreAllocKB: pick(g, []int{-1, 64, 64}),
		Flips:         pick(g, []int{0, 0, 0, 0, 0, 0, 0, 2}),
		SnapshotStep:  pick(g, []int64{5 * millisecond, 5 * millisecond, 100 * millisecond}),
		SnapshotNodes: pick(g, []int{0, 1, 1, 3}),
		Recent:        pick(g, []int{1, 3, 10, 10, 500}), SnapshotFactor: pick(g, []float64{0.33, 100, 100, -1}),
		Digest: g.IntN(4) > 0, BigData: g.IntN(16) == 0, ForceSnapshot: g.IntN(6) == 0,
	}
	g.drawTopology(&p.Options)
	p.Options.Local = drawLocal(seed)
	p.Options.Hosting = drawHosting(seed, &p.Options)
	g.clocks(&p.Options)
	g.actions(p)
	return p
}

// actions draws what users do, and the faults.
func (g *generator) actions(p *Plan) {
	requests := 40 + g.IntN(200)
	p.Heal = int64(requests) * g.Int64N(150*millisecond)
	p.Heal = max(p.Heal, 3*second)
	for range requests {
		p.Actions = append(p.Actions, g.user(p))
	}
	// In one seed of three what goes wrong does so at about the same time.
	burst := int64(0)
	if g.IntN(3) == 0 {
		burst = g.Int64N(p.Heal)
	}
	for range g.faultCount() {
		a := g.fault(p)
		if burst > 0 {
			a.At = min(burst+a.At%(2*second), p.Heal-1)
		}
		p.Actions = append(p.Actions, a)
	}
	sortActions(p.Actions)
}

func sortActions(list []Action) {
	slices.SortStableFunc(list, func(a, b Action) int { return int(a.At - b.At) })
}

func newGenerator(seed, stream uint64) *generator {
	return &generator{rand.New(rand.NewPCG(seed, stream))}
}

type generator struct{ *rand.Rand }

func pick[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

func (g *generator) faultCount() int {
	switch g.IntN(10) {
	case 0:
		return 0
	case 1:
		return 1
	}
	return 1 + g.IntN(16)
}

var names = []string{"a", "b", "c"}

// path draws from a small tree, so that clients meet.
func (g *generator) path() string {
	p := "/" + pick(g, names)
	for g.IntN(3) > 0 && len(p) < 6 {
		p += "/" + pick(g, names)
	}
	return p
}

// user draws what a user does.
func (g *generator) user(p *Plan) Action {
	a := Action{At: g.Int64N(p.Heal), Client: g.IntN(p.Options.Clients)}
	switch g.IntN(60) {
	case 0:
		a.Kind = DoClose
		return a
	case 1:
		a.Kind, a.Length = DoVanish, g.Int64N(8*second)
		return a
	case 2, 3:
		a.Kind = DoMove
		return a
	case 4:
		a.Kind = DoPurge
		return a
	}
	g.request(p, &a)
	return a
}

func (g *generator) request(p *Plan, a *Action) {
	a.Path = g.path()
	a.Size = g.IntN(20)
	if p.Options.BigData && g.IntN(6) == 0 {
		a.Size = 20_000 + g.IntN(60_000)
	}
	a.Guarded = g.IntN(4) == 0
	switch n := g.IntN(20); {
	case n < 6:
		a.Op = pick(g, []protocol.OpCode{protocol.OpCreate, protocol.OpCreate2})
		a.Flags = pick(g, []protocol.CreateFlag{0, 0, protocol.FlagEphemeral, protocol.FlagSequential, protocol.FlagEphemeralSequential})
		if g.IntN(10) == 0 {
			a.Op, a.Flags = protocol.OpCreateContainer, protocol.FlagContainer
		}
	case n < 8:
		a.Op = protocol.OpDelete
	case n < 11:
		a.Op = protocol.OpSetData
	case n < 12:
		a.Op = protocol.OpMulti
		for range 1 + g.IntN(4) {
			var sub Action
			for sub.Op != protocol.OpCreate && sub.Op != protocol.OpCreate2 && sub.Op != protocol.OpDelete && sub.Op != protocol.OpSetData {
				sub = Action{}
				g.request(p, &sub)
			}
			a.Also = append(a.Also, sub)
		}
	case n < 18:
		a.Op = pick(g, []protocol.OpCode{protocol.OpGetData, protocol.OpExists, protocol.OpGetChildren2})
		a.Watch = g.IntN(2) == 0
	case n < 19:
		a.Op = protocol.OpSync
	default:
		a.Op = protocol.OpAddWatch
		a.Mode = protocol.AddWatchMode(g.IntN(2))
	}
}

// fault draws a fault.
func (g *generator) fault(p *Plan) Action {
	a := Action{At: g.Int64N(p.Heal), Client: g.IntN(p.Options.Clients), Server: g.IntN(p.Options.Processes)}
	a.Leader = p.Options.Voters > 0 && g.IntN(3) == 0
	if p.Options.Voters > 0 && g.IntN(2) == 0 {
		return g.peerFault(p, a)
	}
	a.Kind = pick(g, []Kind{FaultStall, FaultStall, FaultSlow, FaultReset, FaultReset, FaultPowerCut, FaultPowerCut, FaultKill, FaultKill,
		FaultStop, FaultCutIn, FaultCutIn, FaultCutIn, FaultDisk, FaultDisk, FaultSlowDisk, FaultSlowDisks, FaultFull, FaultPause, FaultClock})
	switch a.Kind {
	case FaultStall:
		a.N, a.Length = g.IntN(3), g.Int64N(6*second)
	case FaultSlow, FaultSlowDisk, FaultSlowDisks, FaultPause:
		a.Length = g.Int64N(5 * second)
	case FaultFull:
		a.Length, a.Short = g.Int64N(6*second), g.IntN(2) == 0
	case FaultCutIn:
		a.N = 1 + g.IntN(60)
		if g.IntN(2) == 0 {
			a.N, a.Effect = 1+g.IntN(6), pick(g, []vfs.Op{vfs.OpCreate, vfs.OpSync, vfs.OpSyncDir, vfs.OpTruncate, vfs.OpRename, vfs.OpRemove})
		}
	case FaultDisk:
		a.N, a.Short = 1+g.IntN(12), g.IntN(2) == 0
		a.Effect = pick(g, []vfs.Op{vfs.OpAny, vfs.OpWrite, vfs.OpWrite, vfs.OpSync, vfs.OpSync, vfs.OpSync, vfs.OpSyncDir, vfs.OpCreate, vfs.OpRename, vfs.OpTruncate})
	case FaultClock:
		a.Length = g.Int64N(7200_000) - 3600_000
	}
	return a
}

// clocks draws how fast clocks go: in one seed of four some are up to a tenth
// slow or fast, and one may go at half speed.
func (g *generator) clocks(o *Options) {
	if g.IntN(4) > 0 {
		return
	}
	for range o.Processes {
		o.Rates = append(o.Rates, pick(g, []int64{1000, 900, 990, 1010, 1100}))
	}
	if g.IntN(3) == 0 {
		o.Rates[g.IntN(o.Processes)] = 500
	}
}

// peerFault draws a fault of the network between servers.
func (g *generator) peerFault(p *Plan, a Action) Action {
	a.Kind = pick(g, []Kind{FaultPeerStall, FaultPeerStall, FaultPeerSlow, FaultPeerReset, FaultPeerReset, FaultPeerCut, FaultIsolate, FaultIsolate, FaultOverload, FaultOverload})
	a.Peer = (a.Server + 1 + g.IntN(p.Options.Processes-1)) % p.Options.Processes
	a.Length = g.Int64N(4 * second)
	switch a.Kind {
	case FaultPeerStall:
		a.N = g.IntN(3)
	case FaultIsolate:
		a.N = g.IntN(4)
	case FaultPeerReset:
		a.Length = 0
	case FaultOverload:
		a.N, a.Leader = 1+g.IntN(6), g.IntN(2) == 0
	}
	return a
}
