package peer

import (
	"context"
	"log/slog"

	"zookit/server/election"
)

// LogNote writes one step of an election to the log.
func LogNote(log *slog.Logger, n *election.Note) {
	level := slog.LevelInfo
	if n.Debug() {
		level = slog.LevelDebug
	}
	if !log.Enabled(context.Background(), level) {
		return
	}
	args := []any{"state", n.State, "round", n.Round, "vote", n.Vote, "reason", n.Reason}
	if n.From != 0 {
		args = append(args, "from", n.From)
	}
	if n.Votes != "" {
		args = append(args, "votes", n.Votes)
	}
	if n.WaitMs != 0 {
		args = append(args, "nextMs", n.WaitMs)
	}
	log.Log(context.Background(), level, "election: "+n.What, args...)
}
