package command

import (
	"fmt"
	"strings"

	"zookit/protocol"
)

var cp = &Command{
	Name:  "cp",
	In:    Own,
	Usage: Usage{Own: "[-r] [-n] [-rate number] [-resume] from to"},
	Flags: append([]Flag{
		{Name: "r", Help: "with everything below it"},
		{Name: "resume", Help: "go on with a copy that ended early: what is there and equal is passed over"},
	}, bulkFlags...),
	Args:    []Arg{{Name: "from", Kind: TargetArg}, {Name: "to", Kind: TargetArg}},
	Summary: "copy a znode or a subtree, also to another server",
	Help: "Data and ACLs are kept, and so are containers and times to live; czxid, times, versions and sequence counters begin anew,\n" +
		"and ephemerals of other sessions are left out. A subtree with ACLs that the server does not show whole to this session is not\n" +
		"copied (addauth first). \"to\" is the name of the copy and must not exist; with a / at its end the\n" +
		"copy goes below it. prod:/b is a path on the connection or profile prod.",
	Example: []string{"cp /app/config /app/config.old", "cp -r /app /backup/", "cp -r /app prod:/app"},
	Min:     2, Max: 2,
	Run: func(c *Context) error { return runCopy(c, false) },
}

var mv = &Command{
	Name:  "mv",
	In:    Own,
	Usage: Usage{Own: "[-n] [-rate number] [-resume] from to"},
	Flags: append([]Flag{
		{Name: "r", Help: "with everything below it, as mv always does"},
		{Name: "resume", Help: "go on with a move that ended early: what is there and equal is passed over"},
	}, bulkFlags...),
	Args:    []Arg{{Name: "from", Kind: TargetArg}, {Name: "to", Kind: TargetArg}},
	Summary: "move a subtree, also to another server",
	Help: "A copy (see cp), after which the original is deleted while it is what was copied. Up to 500 znodes on one server move in\n" +
		"one transaction; of more the original goes when the whole copy is there.",
	Example: []string{"mv /app/config /app/config.old", "mv -n /app prod:/app"},
	Min:     2, Max: 2,
	Run: func(c *Context) error { return runCopy(c, true) },
}

// runCopy is cp and mv.
func runCopy(c *Context, move bool) error {
	o, err := c.bulkOptions()
	if err != nil {
		return err
	}
	k, err := c.newCopying(move)
	if err != nil {
		return err
	}
	if err := k.count(); err != nil {
		return err
	}
	rec := k.p.record(c.Args[0])
	rec.Target = c.Args[1]
	verb, doing := "Copy", "copying"
	if move {
		verb, doing = "Move", "moving"
	}
	switch {
	case c.Has("n"):
		return k.p.printPlan(rec, strings.ToLower(verb)+" to "+c.Args[1]+" from")
	case len(k.p.Refused) > 0:
		return k.p.Refused[0]
	case k.unseen.count > 0:
		return k.cannotCopy(k.unseen.String() + "; nothing was written")
	case !k.p.goOn(verb, doing, fmt.Sprintf("%s and %s below it to %s", c.Args[0], count(k.p.Count-1, "znode"), c.Args[1])):
		return &Failure{Text: fmt.Sprintf("%s: nothing was %sd", c.Command.Name, map[bool]string{false: "copie", true: "move"}[move])}
	}
	report, err := k.run(o)
	if err != nil {
		if report.Done == 0 && settled(err) {
			k.fromRec.back(k.mark)
		}
		k.toRec.unanswered(k.target, report)
		if report.Done > 0 {
			c.Shell.Out.Note(fmt.Sprintf("%s: ended after %s; with -resume the same command goes on from there", c.Command.Name, count(report.Done, "step")))
		}
		return k.failure(err)
	}
	rec.Planned, rec.Done, rec.LeftOut = false, report.Done, report.LeftOut+k.there
	return c.Emit(rec, func() {
		c.Printf("%s %s to %s: %s\n", map[bool]string{false: "Copied", true: "Moved"}[move], c.Args[0], c.Args[1], count(k.made, "znode"))
		if k.there > 0 {
			c.Printf("there already: %s\n", count(k.there, "znode"))
		}
		c.Printf("not kept: %s\n", strings.Join(k.notKept(), "; "))
	})
}

// newCopying finds both ends.
func (c *Context) newCopying(move bool) (*copying, error) {
	if name, _ := SplitTarget(c.Args[1]); strings.HasPrefix(name, sourceScheme) {
		return nil, &Failure{Text: fmt.Sprintf("%s: %s cannot be written", c.Command.Name, name)}
	}
	from, fromPath, err := c.Target(c.Args[0])
	if err != nil {
		return nil, err
	}
	toText := c.Args[1]
	if strings.HasSuffix(toText, "/") && fromPath != "/" {
		toText += protocol.Base(fromPath)
	}
	to, toPath, err := c.Target(toText)
	if err != nil {
		return nil, err
	}
	k := &copying{c: c, move: move, root: fromPath, target: toPath}
	here, there := from.(writing), to.(writing)
	k.sameServer = here.conn == there.conn
	k.from, k.fromRec = unrecorded(from)
	k.to, k.toRec = unrecorded(to)
	switch inside := toPath == fromPath || strings.HasPrefix(toPath, strings.TrimSuffix(fromPath, "/")+"/"); {
	case move && fromPath == "/":
		return nil, &Failure{Text: "mv: the root cannot be moved; name the znodes below it"}
	case k.sameServer && inside:
		return nil, &Failure{Text: fmt.Sprintf("%s: %s is %s itself or below it", c.Command.Name, toPath, fromPath)}
	}
	return k, nil
}
