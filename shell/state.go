package shell

import (
	"os"
	"path/filepath"
	"strconv"

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
// ZKCLI_JOURNAL is off. ZKCLI_JOURNAL_LIMIT is how large it may be, in bytes.
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
	limit, err := strconv.ParseInt(env.Getenv("ZKCLI_JOURNAL_LIMIT"), 10, 64)
	if err != nil {
		limit = 0 // journal.DefaultLimit
	}
	return journal.New(dir, limit)
}
