package election

import (
	"fmt"
	"strings"

	"zookit/protocol/quorum"
)

// A Note is one step of an election for the log. What is a constant phrase:
//
//	looking               a round begins, or a later one is joined
//	vote changed          a better vote is taken over
//	a quorum agrees       finalizeWait begins
//	decided               the election is over
//	notification time out the proposal is sent again
//	notification counted  a server with a leader was heard
//	notification ignored  a message had no effect
//
// The last two are for debugging; the others tell an operator what goes on.
type Note struct {
	What   string
	Reason string
	State  quorum.ServerState
	Round  int64
	Vote   Vote
	From   int64  // the server whose message it was; 0 when it was none
	Votes  string // the votes counted, voter:leader, ascending by voter
	WaitMs int64  // until the proposal is sent again, with "notification time out"
}

// Debug reports that a note is of no use to an operator.
func (n *Note) Debug() bool {
	return n.What == "notification counted" || n.What == "notification ignored"
}

// String is the note on one line.
func (n *Note) String() string {
	var b strings.Builder
	b.WriteString(n.What)
	if n.From != 0 {
		fmt.Fprintf(&b, " from %d", n.From)
	}
	fmt.Fprintf(&b, ": %s; %v round %d vote %v", n.Reason, n.State, n.Round, n.Vote)
	if n.Votes != "" {
		fmt.Fprintf(&b, " votes %s", n.Votes)
	}
	return b.String()
}

func (e *Election) note(what string, from int64, reason string) {
	n := Note{What: what, Reason: reason, State: e.state, Round: e.round, Vote: e.proposal, From: from, Votes: e.tally(e.votes)}
	if what == "notification time out" {
		n.WaitMs = e.intervalMs
	}
	e.ready.Notes = append(e.ready.Notes, n)
}
