package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// A Step of a plan is one fault: when it comes, whom it strikes, how long it
// lasts.
type Step struct {
	At     time.Duration
	Hold   time.Duration
	Fault  string
	Leader bool // the target is whoever leads then, if that is known
	Target int  // id of a server, otherwise
	Other  int  // another, where the fault is between two
}

func (s Step) String() string {
	target := fmt.Sprintf("server %d", s.Target)
	if s.Leader {
		target = "the leader, or " + target
	}
	return fmt.Sprintf("%s: %s (other: %d), for %v", s.Fault, target, s.Other, s.Hold)
}

// A kind of fault.
type kind struct {
	name   string
	weight int
	most   time.Duration // how long it lasts at most
	needs  string        // what the machine must be capable of
}

// What a fault may need of the machine.
const (
	needsNetwork = "network" // namespaces
	needsMount   = "mount"   // tmpfs
	needsStrace  = "strace"  // to attach to processes

	needsProxies = "proxies" // of the round: links between servers go through ours
	needsStatic  = "static"  // of the round: the members do not change
)

// Two plans run side by side: one of processes and their disks, one of what is
// around them. So a server is killed while another is cut off.
var (
	processFaults = []kind{
		{"kill -9", 8, 1500 * time.Millisecond, ""},
		{"kill -9 of all", 3, 2 * time.Second, ""},
		{"kill -9 of most", 2, 1500 * time.Millisecond, ""},
		{"restart", 2, 500 * time.Millisecond, ""},
		{"SIGSTOP", 6, 4 * time.Second, ""},
		{"slow syncs", 3, 3 * time.Second, needsStrace},
		{"failing syncs", 3, 1500 * time.Millisecond, needsStrace},
		{"kill -9 during slow syncs", 9, 2 * time.Second, needsStrace},
		{"full disk", 2, 1500 * time.Millisecond, needsMount},
		{"wiped disk", 2, 0, needsStatic},
		{"stale backup", 2, 1500 * time.Millisecond, needsStatic},
		{"swapped disks", 2, 0, needsStatic},
		{"flipped bit", 3, 0, needsStatic},
	}
	linkFaults = []kind{
		{"packets lost both ways", 5, 4 * time.Second, needsNetwork},
		{"packets lost from it", 3, 4 * time.Second, needsNetwork},
		{"packets lost to it", 3, 4 * time.Second, needsNetwork},
		{"packets lost between two", 3, 4 * time.Second, needsNetwork},
		{"halves", 3, 4 * time.Second, needsNetwork},
		{"links stall both ways", 3, 4 * time.Second, needsProxies},
		{"links stall from it", 2, 4 * time.Second, needsProxies},
		{"links stall to it", 2, 4 * time.Second, needsProxies},
		{"slow links", 3, 3 * time.Second, needsProxies},
		{"dripping links", 2, 2 * time.Second, needsProxies},
		{"links reset", 3, 0, needsProxies},
		{"half-open links", 3, 6 * time.Second, needsProxies},
		{"clients stall", 2, 3 * time.Second, ""},
		{"clients slow", 2, 2 * time.Second, ""},
		{"clients drip", 2, 2 * time.Second, ""},
		{"clients reset", 3, 0, ""},
		{"clients half-open", 2, 6 * time.Second, ""},
		{"clients refused", 2, 2 * time.Second, ""},
	}
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// draw makes a plan of faults from kinds for a time.
func draw(rng *rand.Rand, kinds []kind, can map[string]bool, servers int, during time.Duration) (plan []Step) {
	kinds = slices.DeleteFunc(slices.Clone(kinds), func(k kind) bool { return k.needs != "" && !can[k.needs] })
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	for at := time.Duration(0); ; {
		at += 200*time.Millisecond + time.Duration(rng.Int64N(int64(time.Second)))
		n := rng.IntN(total)
		i := 0
		for ; n >= kinds[i].weight; i++ {
			n -= kinds[i].weight
		}
		s := Step{At: at, Fault: kinds[i].name, Leader: rng.IntN(2) == 0, Target: 1 + rng.IntN(servers)}
		s.Other = 1 + (s.Target+rng.IntN(servers-1))%servers
		if most := kinds[i].most; most > 0 {
			s.Hold = (most/10 + time.Duration(rng.Int64N(int64(most)))).Round(time.Millisecond)
		}
		if at += s.Hold; at > during {
			return plan
		}
		plan = append(plan, s)
	}
}
