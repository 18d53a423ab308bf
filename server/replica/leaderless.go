package replica

import (
	"fmt"
	"math"
	"strings"

	"zookit/protocol/quorum"
)

// leaderless reminds the operator of a member that has been without a leader for
// long: the first time after half a minute, then ever more rarely.
type leaderless struct {
	sinceMs, nextMs, pauseMs int64 // nextMs 0: it has a leader
}

const (
	firstReminderMs = 30_000
	mostReminderMs  = 600_000
)

func (l *leaderless) begin(nowMs int64) {
	if l.nextMs == 0 {
		*l = leaderless{sinceMs: nowMs, nextMs: nowMs + firstReminderMs, pauseMs: firstReminderMs}
	}
}

func (l *leaderless) end() { *l = leaderless{} }

// longer tells that there has been no leader for more than ms.
func (l *leaderless) longer(nowMs, ms int64) bool { return l.nextMs != 0 && nowMs-l.sinceMs > ms }

func (l *leaderless) deadline() int64 {
	if l.nextMs == 0 {
		return math.MaxInt64
	}
	return l.nextMs
}

// remind says what the operator can do, if it is time.
func (r *Replica) remind() {
	e := r.ens
	l := &e.leaderless
	if e.now.MonoMs < l.deadline() {
		return
	}
	text := fmt.Sprintf("without a leader for %d s; %s", (e.now.MonoMs-l.sinceMs)/1000, e.heard())
	l.pauseMs = min(2*l.pauseMs, mostReminderMs)
	l.nextMs = e.now.MonoMs + l.pauseMs
	if !e.Quarantined {
		r.note(Note{Text: text + "; start the servers that are missing, and see that the ports of their server lines can be reached from here"})
		return
	}
	awaits := "a leader that the other voters elect"
	if missing := e.election.Missing(); missing != "" {
		awaits += "; or a vote of its own, which it does not cast: " + missing
	}
	if e.role.State == quorum.Looking {
		e.tellQuarantine(awaits)
	}
	r.note(Note{Text: fmt.Sprintf("%s; this server is in quarantine (%s) and awaits %s. Start the servers that are missing; if they are lost, zkserver recover shows what is at stake here and how to accept the loss",
		text, e.QuarantineWhy, awaits)})
}

// heard says what the other voters were last heard to do.
func (e *ensemble) heard() string {
	var looking, named, silent []string
	for _, sid := range e.Verifier.Voters() {
		if sid == e.ID {
			continue
		}
		switch what, leader := e.election.Heard(sid); {
		case what == quorum.Looking:
			looking = append(looking, fmt.Sprint(sid))
		case what == quorum.Following:
			named = append(named, fmt.Sprintf("%d (server %d)", sid, leader))
		default:
			silent = append(silent, fmt.Sprint(sid))
		}
	}
	var parts []string
	for _, p := range []struct {
		what string
		sids []string
	}{{"looking too", looking}, {"with a leader", named}, {"not heard", silent}} {
		if len(p.sids) > 0 {
			parts = append(parts, p.what+": "+strings.Join(p.sids, ", "))
		}
	}
	return "other voters " + strings.Join(parts, "; ")
}
