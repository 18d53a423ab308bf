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
		{"kill -9 during slow syncs", 4, 2 * time.Second, needsStrace},
		{"full disk", 2, 1500 * time.Millisecond, needsMount},
		{"wiped disk", 2, 0, ""},
		{"stale backup", 2, 1500 * time.Millisecond, ""},
		{"swapped disks", 2, 0, ""},
		{"flipped bit", 3, 0, ""},
	}
	linkFaults = []kind{
		{"packets lost both ways", 5, 4 * time.Second, needsNetwork},
		{"packets lost from it", 3, 4 * time.Second, needsNetwork},
		{"packets lost to it", 3, 4 * time.Second, needsNetwork},
		{"packets lost between two", 3, 4 * time.Second, needsNetwork},
		{"halves", 3, 4 * time.Second, needsNetwork},
		{"links stall both ways", 3, 4 * time.Second, ""},
		{"links stall from it", 2, 4 * time.Second, ""},
		{"links stall to it", 2, 4 * time.Second, ""},
		{"slow links", 3, 3 * time.Second, ""},
		{"dripping links", 2, 2 * time.Second, ""},
		{"links reset", 3, 0, ""},
		{"half-open links", 3, 0, ""},
		{"clients stall", 2, 3 * time.Second, ""},
		{"clients slow", 2, 2 * time.Second, ""},
		{"clients drip", 2, 2 * time.Second, ""},
		{"clients reset", 3, 0, ""},
		{"clients half-open", 2, 0, ""},
		{"clients refused", 2, 2 * time.Second, ""},
	}
)

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
