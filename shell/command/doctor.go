package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/shell/probe"
	"zookit/shell/walk"
)

var doctor = &Command{
	Name:  "doctor",
	In:    Own,
	Usage: Usage{R38: "[-s] [-admin port]"},
	Flags: []Flag{
		{Name: "s", Help: "look at the servers alone, not through the tree", In: Own},
		adminFlag,
	},
	Summary: "look for what is wrong, or will be: quorum, lag, giant parents, orphans, quotas, names, certificates",
	Help: "Each finding says what, where, why it matters and how to mend it. The exit code is 1 when one of them is a problem; hints are\n" +
		"for the next quiet day. What could not be looked at is told on stderr.",
	Example: []string{"doctor", "doctor -s"},
	Run:     runDoctor,
}

// Finding is one thing that is wrong or will be.
type Finding struct {
	Weight string `json:"weight"` // problem or hint
	What   string `json:"what"`
	Where  string `json:"where"`
	Why    string `json:"why"`
	Mend   string `json:"mend"`
}

const (
	problem = "problem"
	hint    = "hint"
)

// An examination gathers findings, and what could not be looked at.
type examination struct {
	c        *Context
	e        *ensemble
	s        Session // nil without a quorum
	findings []Finding
	skipped  []string
	lookup   func(ctx context.Context, host string) ([]string, error)
}

func (x *examination) find(weight, what, where, why, mend string) {
	x.findings = append(x.findings, Finding{weight, what, where, why, mend})
}

func (x *examination) skip(format string, args ...any) {
	x.skipped = append(x.skipped, fmt.Sprintf(format, args...))
}

func runDoctor(c *Context) error {
	if len(c.Args) > 0 {
		return errUsage
	}
	e, err := c.ensemble()
	if err != nil {
		return err
	}
	x := &examination{c: c, e: e, lookup: net.DefaultResolver.LookupHost}
	records := e.settledStanding(c)
	x.servers(records)
	if text := e.memberships(c); text != "" {
		x.find(problem, "the servers take the ensemble to be different ones", text, "each counts its own voters, so that two quorums may not share a server",
			"make the server lines of all zoo.cfg the same, then restart the servers one by one")
	}
	x.metrics(records)
	x.names()
	x.certificates()
	if slices.ContainsFunc(records, (*StatusRecord).serves) {
		if x.s, err = c.Session(); err != nil && !errors.Is(err, protocol.ConnectionLoss) && !errors.Is(err, errNotConnected) {
			return err
		}
	}
	switch {
	case c.Err() != nil:
		return c.Err()
	case x.s == nil:
		x.skip("the tree, its ephemerals and quotas: no server serves a session")
	default:
		x.orphans(records)
		if err := x.quotas(); err != nil {
			return err
		}
		if !c.Has("s") {
			if err := x.tree(); err != nil {
				return err
			}
		}
	}
	return x.report()
}

// report prints the problems, then the hints.
func (x *examination) report() error {
	slices.SortStableFunc(x.findings, func(a, b Finding) int { return strings.Compare(b.Weight, a.Weight) })
	problems := 0
	for _, f := range x.findings {
		if f.Weight == problem {
			problems++
		}
		if err := x.c.Emit(f, func() {
			text := fmt.Sprintf("%s: %s\n  where: %s\n  why:   %s\n  mend:  %s\n", strings.ToUpper(f.Weight), f.What, f.Where, f.Why, f.Mend)
			x.c.Print([]byte(fitted(text, x.c.width())))
		}); err != nil {
			return err
		}
	}
	for _, text := range x.skipped {
		x.c.Shell.Out.Note("not looked at: " + text)
	}
	if x.c.Shell.Format != FormatJSON && x.c.Shell.Format != FormatJSONL {
		x.c.Printf("%s, %s\n", counted(problems, "problem"), counted(len(x.findings)-problems, "hint"))
	}
	if problems > 0 {
		return &Failure{} // the findings are the message
	}
	return nil
}

const (
	// replyLimit is the default jute.maxbuffer of Java clients, in bytes: a
	// longer list of children closes their connection.
	replyLimit = 1 << 20
	// namePrice is what a child costs in the reply beside its name: the length.
	namePrice = 4
	// largeData is the size of data from which on a znode is worth a word.
	largeData = 512 << 10
)

// tree looks for parents with very many children and for very large data.
func (x *examination) tree() error {
	refused := 0
	err := walk.Walk(x.c, x.s, "/", walk.Options{Stat: true, Giant: walk.GiantParent}, func(n *walk.Node) error {
		if n.Err != nil {
			refused++
		}
		if n.Stat == nil {
			return nil
		}
		if k := n.Stat.NumChildren; k > walk.GiantParent {
			weight, why := hint, "every ls of it sends all names, and each change of a child moves them again to whoever watches"
			if names, err := x.listBytes(n.Path); err != nil {
				x.skip("the length of %s's list of children: %v", n.Path, err)
			} else if names > replyLimit {
				weight, why = problem, fmt.Sprintf("the list of its names has %d KiB; Java clients take 1 MiB (jute.maxbuffer) and lose the connection when they list it", names>>10)
			}
			x.find(weight, fmt.Sprintf("a parent with %d children", k), n.Path, why,
				"spread them over a level in between, or delete what nobody uses (deleteall in the shell goes in batches)")
		}
		if n.Stat.DataLength > largeData {
			x.find(hint, fmt.Sprintf("a znode with %d KiB of data", n.Stat.DataLength>>10), n.Path,
				"data travels through the log of every server, and above 1 MiB (jute.maxbuffer) it cannot be written any more",
				"keep the data elsewhere and its address here, or compress it")
		}
		return nil
	})
	if refused > 0 {
		x.skip("%s that this session may not read, and what lies below", counted(refused, "znode"))
	}
	return err
}

// listBytes is the length of a list of children, in bytes.
func (x *examination) listBytes(path string) (n int64, err error) {
	names, _, err := x.s.Children(x.c, path, false)
	for _, name := range names {
		n += int64(namePrice + len(name))
	}
	return n, err
}

// orphans looks for ephemerals whose session has ended, and for sessions whose
// client is gone.
func (x *examination) orphans(records []*StatusRecord) {
	i := slices.IndexFunc(records, func(r *StatusRecord) bool { return r.Mode == "leader" || r.Mode == "standalone" })
	if i < 0 {
		x.skip("orphaned ephemerals: the leader, who knows all sessions, does not answer")
		return
	}
	dump, _, err := x.e.Dump(x.c, records[i].Server)
	if err != nil || len(dump.Sessions) == 0 {
		why := "it lists no session"
		if u := (*probe.UnheardError)(nil); errors.As(err, &u) {
			why = u.Word + ": " + u.First.Error()
		}
		x.skip("orphaned ephemerals: %s does not tell the sessions: %s", records[i].Server, why)
		return
	}
	// A session that began while the answer was written has its ephemerals in it
	// and not itself; in a second answer it is there.
	again, _, err := x.e.Dump(x.c, records[i].Server)
	if err != nil {
		x.skip("orphaned ephemerals: %v", err)
		return
	}
	dump.Sessions = append(dump.Sessions, again.Sessions...)
	slices.Sort(dump.Sessions)
	for id, paths := range dump.Ephemerals {
		if _, alive := slices.BinarySearch(dump.Sessions, id); alive {
			continue
		}
		var left []string
		for _, full := range paths {
			path, ok := inChroot(x.s.Chroot(), full)
			if !ok {
				continue
			}
			if st, err := x.s.Exists(x.c, path, false); err == nil && st.EphemeralOwner == id {
				left = append(left, path)
			}
		}
		if len(left) > 0 {
			slices.Sort(left)
			x.find(problem, fmt.Sprintf("%s of session %v, which has ended", counted(len(left), "ephemeral"), id), some(left),
				"whoever reads them believes that their owner lives; nothing deletes them any more",
				"make sure that the owner is gone, then delete them; old servers leave such (ZOOKEEPER-1208, ZOOKEEPER-2355)")
		}
	}
}

// some is a list of names for a sentence.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// nearlyFull is the use from which on a quota is worth a word.
const nearlyFull = 0.9

func (x *examination) quotas() error {
	records, err := listQuotas(x.c, x.s, func(path string, _ error) { x.skip("quotas below %s, which this session may not read", path) })
	for _, r := range records {
		if r.Full < nearlyFull {
			continue
		}
		weight, what := hint, "a quota that is nearly used up"
		if r.Full > 1 {
			weight, what = problem, "a quota that is exceeded"
		}
		x.find(weight, fmt.Sprintf("%s: %d%%", what, int(r.Full*100)), r.Path,
			"a hard limit refuses writes (with enforceQuota=true), a soft one fills the servers' logs",
			fmt.Sprintf("delete below %s, or raise it with setquota", r.Path))
	}
	return err
}
