package shell

import (
	"os"
	"path/filepath"

	"zookit/shell/journal"
)

// stateDir is where zkcli keeps what outlives it: zkcli in the user's state
// directory (XDG_STATE_HOME, else ~/.local/state). "" when there is no such
// place. It is not made.
func stateDir(env Env) string {
	base := env.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "zkcli")
}

// changeJournal is where changes are kept for undo: in the directory that
// ZKCLI_JOURNAL names, else in journal in the state directory. Nil when
// ZKCLI_JOURNAL is off.
func changeJournal(env Env) *journal.Journal {
	dir := env.Getenv("ZKCLI_JOURNAL")
	if dir == "" {
		if dir = stateDir(env); dir == "" {
			return nil
		}
		dir = filepath.Join(dir, "journal")
	}
	if dir == "off" {
		return nil
	}
	return journal.New(dir, 0)
}
