package command

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"zookit/shell/walk"
)

var find = &Command{
	Name:  "find",
	In:    Own,
	Usage: Usage{R38: "[path ...] [-name glob] [-regex re] [-type types] [-size n] [-age time] [-mtime time] [-owner session] [-acl text] [-empty] [-depth n] [-maxdepth n] [-a] [-exec command {} ;]"},
	Flags: []Flag{
		{Name: "name", Arg: "glob", Help: "the name matches: *, ?, [a-c], [!a-c]"},
		{Name: "regex", Arg: "re", Help: "the path contains what the regular expression (RE2) matches"},
		{Name: "type", Arg: "types", Help: "one of p persistent, e ephemeral, s sequential, c container, t TTL",
			Words: []Word{{"p", "persistent"}, {"e", "ephemeral"}, {"s", "sequential"}, {"c", "container (of a stopped server)"}, {"t", "TTL (of a stopped server)"}}},
		{Name: "size", Arg: "n", Help: "bytes of data: 100, +10K more than, -1M less than"},
		{Name: "children", Arg: "n", Help: "number of children: 0, +1000, -5"},
		{Name: "age", Arg: "time", Help: "created: -1h less, +30d longer ago"},
		{Name: "mtime", Arg: "time", Help: "data last set: -1h less, +30d longer ago"},
		{Name: "owner", Arg: "session", Help: "ephemeral of that session, 0x…", Kind: SessionArg},
		{Name: "acl", Arg: "text", Help: "an entry of the ACL, scheme:id:perms, contains the text"},
		{Name: "empty", Help: "no data and no children"},
		{Name: "depth", Arg: "n", Help: "levels below the path: 2, +1, -3"},
		{Name: "maxdepth", Arg: "n", Help: "go down no further"},
		{Name: "exec", Arg: "command", Help: "run a command of the shell for each, {} is the path", Kind: VerbArg},
		allFlag,
	},
	Args:    []Arg{{Name: "path", Kind: PathArg, Repeat: true}},
	Summary: "find znodes by name, type, size, age, owner or ACL",
	Help: "All that is asked for must hold. Paths are printed as they are found, a znode before those below it. -exec runs a command\n" +
		"of this shell for each instead, up to a ; or the end of the command; its failures are counted and the exit code is 1.\n" +
		"A server does not tell containers and TTL znodes from persistent ones: -type c and t are for the data of a stopped one.\n" +
		"What is below parents of more than 10,000 children is left out with a word; -a, or naming the parent, goes in.",
	Example: []string{"find /app -name '*.lock' -type e", "find / -size +100K", "find /app -mtime -1h -empty", "find /app -name 'tmp*' -exec delete {} ;"},
	Tail:    "exec",
	Many:    true,
	Run:     runFind,
}

func runFind(c *Context) error {
	exec := c.tail
	if exec != nil && len(exec) == 0 {
		return &Failure{Text: "find: behind -exec stands a command, {} for the path, and a ;"}
	}
	m, err := newMatcher(c)
	if err != nil {
		return &Failure{Text: "find: " + err.Error()}
	}
	if exec != nil && (c.Shell.Format == FormatJSON || c.Shell.Format == FormatTable) {
		return &Failure{Text: "find: -exec prints what the commands print, each for itself: use -o jsonl"}
	}
	f := &finder{c: c, m: m, exec: exec}
	if err := c.eachRoot(0, f.find); err != nil {
		return err
	}
	if f.failed > 0 {
		return &Failure{Text: fmt.Sprintf("find: %s failed for %s", exec[0], counted(f.failed, "znode"))}
	}
	return nil
}

// finder prints or works on what matches.
type finder struct {
	c      *Context
	m      *matcher
	exec   []string // nil to print
	failed int      // commands of exec
	told   bool     // that the types c and t find nothing here
}

func (f *finder) find(s Session, root string) error {
	o := walk.Options{Stat: f.m.stat || f.c.records(), ACL: f.m.acl != ""}
	if text := f.c.FlagValue("maxdepth"); f.c.Has("maxdepth") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return &Failure{Text: fmt.Sprintf("find: -maxdepth: %q is no number of levels", text)}
		}
		if o.MaxDepth = n; n == 0 {
			o.MaxDepth, o.Stat = -1, true // that it is there has to be asked
		}
	}
	if _, rest := atRest(s); !rest && !f.told && strings.ContainsAny(f.m.types, "ct") {
		f.told = true
		f.c.Shell.Out.Note("find: a server does not tell containers and TTL znodes from persistent ones; the data of a stopped one does (-server file:DATADIR)")
	}
	return f.c.survey(s, root, o, func(n *walk.Node) error {
		owner, err := ownerOf(f.c, s, n)
		switch {
		case err != nil:
			return err
		case !f.m.matches(n, owner):
			return nil
		case f.exec != nil:
			return f.run(n.Path)
		}
		return f.c.Emit(newZnode(n, owner), func() { f.c.Print([]byte(n.Path + "\n")) })
	})
}

// run runs the command of -exec for a path. Its failure is named and the next
// path follows, unless the session or the person's patience ended.
func (f *finder) run(path string) error {
	words := make([]string, len(f.exec))
	literal := map[string]bool{}
	for i, w := range f.exec {
		words[i] = strings.ReplaceAll(w, "{}", path)
		literal[words[i]] = true
	}
	sh := f.c.Shell
	outer := sh.literal
	sh.literal = literal
	cmd, err := sh.execute(f.c.Context, words, nil)
	sh.literal = outer
	switch {
	case err == nil, errors.Is(err, errQueued):
		return nil
	case errors.Is(err, errQuit), f.c.Err() != nil, cmd == nil, !isCode(err) && isLost(err):
		return commandError(cmd, err)
	}
	f.failed++
	if text, _ := f.c.Compat.Describe(cmd, err); text != "" {
		f.c.Warn(text)
	}
	return nil
}
