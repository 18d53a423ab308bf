package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/shell/probe"
)

var watches = &Command{
	Name:  "watches",
	In:    Own,
	Usage: Usage{R38: "[-s session] [-admin port] [path]"},
	Flags: []Flag{
		{Name: "s", Arg: "session", Help: "those of one session", In: Own, Kind: SessionArg},
		adminFlag,
	},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "list who watches what: path, session, client, server",
	Help: "With a path, what is watched there and below. Servers tell of watches that get, stat and addWatch set, not of those of ls.\n" +
		"Where wchp is not allowed and the AdminServer shut, the watches are counted (wchs), when that is allowed.",
	Example: []string{"watches", "watches /app", "watches -s 0x1000000cae20000"},
	Max:     1,
	Run:     runWatches,
}

// WatchRecord is a watch that a server holds.
type WatchRecord struct {
	Path    string `json:"path"`
	Session string `json:"session"` // 0x…
	Mine    bool   `json:"mine,omitempty"`
	Client  string `json:"client,omitempty"` // host:port, when the server tells
	Server  string `json:"server"`           // host:port of the server that holds it
}

// WatchCountRecord is how many watches a server holds, from one that does not
// list them.
type WatchCountRecord struct {
	Server string `json:"server"`
	probe.WatchCount
}

func runWatches(c *Context) error {
	var only protocol.SessionID
	if c.Has("s") {
		var err error
		if only, err = probe.ParseSession(c.FlagValue("s")); err != nil {
			return &Failure{Text: "watches: " + err.Error()}
		}
	}
	s, below, err := c.Open()
	if err != nil {
		return err
	}
	e, err := c.ensembleOf(c.connectionAt(s))
	if err != nil {
		return err
	}
	answers := askAll(c, e.Servers, func(ctx context.Context, server string) (map[string][]protocol.SessionID, error) {
		found, _, err := e.Watches(ctx, server)
		return found, err
	})
	if c.Err() != nil {
		return c.Err()
	}
	conns, _, _ := e.connections(c)
	var records []WatchRecord
	var silent []string
	var unheard []*probe.UnheardError
	for _, a := range answers {
		var u *probe.UnheardError
		if errors.As(a.err, &u) {
			unheard, silent = append(unheard, u), append(silent, a.server)
		}
		for path, ids := range a.value {
			own, ok := inChroot(s.Chroot(), path)
			if !ok || !within(own, below) {
				continue
			}
			for _, id := range ids {
				if only != 0 && id != only {
					continue
				}
				records = append(records, WatchRecord{Path: own, Session: id.String(), Mine: id == s.SessionID(), Client: clientOf(conns, id, a.server), Server: a.server})
			}
		}
	}
	slices.SortFunc(records, func(a, b WatchRecord) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Server, b.Server), strings.Compare(a.Session, b.Session))
	})
	if len(records) == 0 && len(silent) == 0 {
		c.Shell.Out.Note("nobody watches anything at or below " + below)
	}
	if len(silent) < len(answers) {
		err = Rows(c, []string{"path", "session", "client", "server"}, records, func(r WatchRecord) []string {
			id := r.Session
			if r.Mine {
				id += " *"
			}
			return []string{r.Path, id, dash(r.Client), r.Server}
		}, "server")
	}
	counted, countErr := c.printWatchCounts(e, silent)
	if err := errors.Join(err, countErr); err != nil {
		return err
	}
	c.tellUnheard("watches", unheard)
	if len(silent) == len(answers) && counted == 0 {
		return &Failure{Text: "watches: no server lists them"}
	}
	return nil
}

// within tells whether a path is top or lies below it.
func within(path, top string) bool {
	return path == top || top == "/" || strings.HasPrefix(path, top+"/")
}

func clientOf(conns []probe.Conn, id protocol.SessionID, server string) string {
	for _, k := range conns {
		if k.Session == id && k.Server == server {
			return k.Client
		}
	}
	return ""
}

// printWatchCounts counts the watches of servers that do not list them.
func (c *Context) printWatchCounts(e *ensemble, servers []string) (counted int, err error) {
	var records []WatchCountRecord
	for _, a := range askAll(c, servers, func(ctx context.Context, server string) (probe.WatchCount, error) {
		n, _, err := e.CountWatches(ctx, server)
		return n, err
	}) {
		if a.err == nil {
			records = append(records, WatchCountRecord{a.server, a.value})
		}
	}
	if len(records) == 0 {
		return 0, nil
	}
	return len(records), Rows(c, []string{"server", "connections", "paths", "watches"}, records, func(r WatchCountRecord) []string {
		return []string{r.Server, fmt.Sprint(r.Connections), fmt.Sprint(r.Paths), fmt.Sprint(r.Watches)}
	})
}
