package command

import (
	"fmt"
	"strings"
	"time"

	"zookit/protocol"
	"zookit/shell/probe"
	"zookit/shell/render"
	"zookit/shell/walk"
)

var locks = &Command{
	Name:    "locks",
	In:      Own,
	Usage:   Usage{R38: "[-admin port] path"},
	Flags:   []Flag{adminFlag},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "tell who holds a lock or leads an election, who waits, and since when",
	Help: "The path is the znode below which the contenders stand, an ephemeral that is a lock by itself, or anything above them: every lock\n" +
		"below it is listed. Known are Curator's, kazoo's and ZooKeeper's own recipes; plain sequential ephemerals are listed in\n" +
		"their order, since they may be a lock, an election or a list of members.",
	Example: []string{"locks /app/leader", "locks /"},
	Min:     1, Max: 1,
	Run: runLocks,
}

// LockRecord is one contender for a lock or an election.
type LockRecord struct {
	Lock    string    `json:"lock"`             // the znode that is contended for
	Recipe  string    `json:"recipe"`           // in words
	Place   int       `json:"place"`            // in line, 1 is in front
	State   string    `json:"state"`            // holds, leads, first (of a plain line), waits
	Node    string    `json:"node"`             // the contender's znode
	Session string    `json:"session"`          // 0x…
	Client  string    `json:"client,omitempty"` // host:port, when a server tells
	Since   time.Time `json:"since"`            // when it got in line, by the server's clock
	Data    string    `json:"data,omitempty"`   // how the contender calls itself, when its data is text
}

// longestName bounds how a contender calls itself, in bytes of its data.
const longestName = 64

func runLocks(c *Context) error {
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	records, giants, err := findLocks(c, s, path)
	if err != nil {
		return err
	}
	if len(records) == 0 && c.refused > 0 {
		return nil // what may not be read was named: there may be locks in it
	}
	if len(records) == 0 {
		return &Failure{Text: fmt.Sprintf("locks: no ephemeral sequential znodes at or below %s, so nobody holds or awaits a lock there", path)}
	}
	var conns []probe.Conn
	var unheard []*probe.UnheardError
	_, heard := atRest(s)
	if !heard {
		e, err := c.ensembleOf(c.connectionAt(s))
		if err != nil {
			return err
		}
		conns, heard, unheard = e.connections(c)
	}
	for i := range records {
		if id, err := probe.ParseSession(records[i].Session); err == nil {
			for _, k := range conns {
				if k.Session == id {
					records[i].Client = k.Client
				}
			}
		}
	}
	shown := ""
	err = Rows(c, []string{"lock", "recipe", "#", "state", "since", "client", "session", "data"}, records, func(r LockRecord) []string {
		lock, recipe := r.Lock, r.Recipe
		if r.Lock+r.Recipe == shown {
			lock, recipe = "", ""
		}
		shown = r.Lock + r.Recipe
		return []string{lock, recipe, fmt.Sprint(r.Place), r.State, short(time.Since(r.Since)) + " ago", dash(r.Client), r.Session, r.Data}
	}, "session", "recipe")
	for _, g := range giants {
		c.Shell.Out.Note("not looked into, it has too many children: " + g)
	}
	if !heard {
		c.tellUnheard("clients", unheard)
	}
	return err
}

// findLocks walks the subtree and puts the contenders below each parent in
// line. giants are the parents it did not go into.
func findLocks(c *Context, s Session, root string) (records []LockRecord, giants []string, err error) {
	standing := map[string][]contender{} // by parent, to be completed
	var parents []string
	name := protocol.Base
	err = walk.Walk(c, s, root, walk.Options{Stat: true, Giant: walk.GiantParent}, func(n *walk.Node) error {
		switch {
		case n.Err != nil:
			c.refuse(n.Path, n.Err)
			return nil
		case n.Giant:
			giants = append(giants, fmt.Sprintf("%s (%d)", n.Path, n.Stat.NumChildren))
			return nil
		}
		at := n.Path
		k, ok := contender{}, false
		if n.Path != root {
			if k, ok = contenderOf(name(n.Path), n.Stat); ok {
				at = protocol.Parent(n.Path)
			}
		}
		if !ok {
			if k, ok = single(name(n.Path), n.Stat, n.Path == root); !ok {
				return nil
			}
			k.family = "single"
		}
		if standing[at] == nil {
			parents = append(parents, at)
		}
		standing[at] = append(standing[at], k)
		return nil
	})
	for _, p := range parents {
		for _, l := range inLine(standing[p]) {
			for _, k := range l {
				node := p
				if k.family != "single" {
					node = protocol.Join(p, k.name)
				}
				records = append(records, LockRecord{Lock: p, Recipe: k.recipe.name, Place: k.place, State: k.state, Node: node,
					Session: k.stat.EphemeralOwner.String(), Since: time.UnixMilli(k.stat.Ctime)})
			}
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return records, giants, nameContenders(c, s, records)
}

// mostNamed is how many contenders are asked for their data.
const mostNamed = 200

func nameContenders(c *Context, s Session, records []LockRecord) error {
	for i := range records[:min(len(records), mostNamed)] {
		data, _, err := s.Get(c, records[i].Node, false)
		if err != nil && !isCode(err) {
			return err
		}
		text := strings.TrimSpace(string(data[:min(len(data), longestName)]))
		if len(text) > 0 && render.Visible(text) == text && !strings.Contains(text, "\n") {
			records[i].Data = text
		}
	}
	return nil
}
