package shell

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"zookit/shell/command"
	"zookit/shell/complete"
	"zookit/shell/repl"
	"zookit/shell/session"
)

// fetch answers the questions of completion that servers have to be asked for.
func fetch(sh *command.Shell) repl.Fetch {
	children := childrenOf(sh)
	return func(ctx context.Context, q complete.Question) ([]string, error) {
		var words []command.Word
		var err error
		switch q.Kind {
		case complete.Session:
			words, err = sh.SessionWords(ctx)
		case complete.Server:
			words, err = sh.ServerWords(ctx)
		default:
			return children(ctx, q.Parent)
		}
		lines := make([]string, len(words))
		for i, w := range words {
			lines[i] = w.Text + "\t" + w.Help
		}
		return lines, err
	}
}

// childrenOf asks the sessions there are, so that completion follows connect
// and use. A parent may be a target, prod:/app; completion opens none.
func childrenOf(sh *command.Shell) func(ctx context.Context, parent string) ([]string, error) {
	return func(ctx context.Context, parent string) ([]string, error) {
		s, path := sh.Opened(parent)
		if s == nil || s.State() != session.StateConnected && s.State() != session.StateReadOnly {
			return nil, errNoSession
		}
		names, _, err := s.Children(ctx, path, false)
		return names, err
	}
}

// located is a lookup that knows where the shell is, and what else it knows.
type located struct {
	complete.Lookup
	sh *command.Shell
}

// lister is a Lookup that asks servers for words.
type lister interface {
	Listed(kind complete.Kind) ([]complete.Word, bool)
}

var (
	_ lister         = (*complete.Cache)(nil)
	_ complete.Here  = located{}
	_ complete.World = located{}
)

// Dir implements complete.Here.
func (l located) Dir() string {
	if l.sh.Compat.Release != command.Own {
		return ""
	}
	return l.sh.Dir()
}

// Statements implements complete.World.
func (l located) Statements() bool { return l.sh.Compat.Release == command.Own }

// Words implements complete.World.
func (l located) Words(kind complete.Kind, typed string) []complete.Word {
	switch kind {
	case complete.Connection:
		var words []complete.Word
		for _, c := range l.sh.Connections() {
			summary := c.State
			if c.Name != c.Servers {
				summary += ", " + c.Servers
			}
			words = append(words, complete.Word{Text: c.Name, Summary: summary})
		}
		return words
	case complete.Session, complete.Server:
		if asks, ok := l.Lookup.(lister); ok {
			if words, known := asks.Listed(kind); known {
				return words
			}
		}
		if kind == complete.Server {
			return nil
		}
		var words []complete.Word
		for _, c := range l.sh.Connections() {
			if c.Session != "" {
				words = append(words, complete.Word{Text: c.Session, Summary: "this shell's on " + c.Name})
			}
		}
		return words
	case complete.File:
		return files(typed)
	case complete.Change:
		return choice(l.sh.ChangeWords())
	case complete.Help:
		return choice(command.TopicWords())
	}
	return nil
}

// maxFiles bounds the files offered.
const maxFiles = 200

// files lists those whose names begin like typed; a directory ends in a slash.
func files(typed string) []complete.Word {
	dir, base := filepath.Split(typed)
	entries, err := os.ReadDir(filepath.Clean(dir + "."))
	if err != nil {
		return nil
	}
	var words []complete.Word
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, base) || base == "" && strings.HasPrefix(name, ".") {
			continue
		}
		w := complete.Word{Text: dir + name}
		if e.IsDir() {
			w.Text, w.Summary = w.Text+"/", "directory"
		}
		if words = append(words, w); len(words) == maxFiles {
			break
		}
	}
	return words
}
