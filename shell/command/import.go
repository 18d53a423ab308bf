package command

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"zookit/protocol"
	"zookit/shell/bulk"
	"zookit/shell/journal"
)

var importTree = &Command{
	Name:  "import",
	In:    Own,
	Usage: Usage{Own: "[-n] [-on-conflict fail|skip|overwrite] [-rate number] [-resume] FILE [path]"},
	Flags: append([]Flag{
		{Name: "on-conflict", Arg: "rule", Words: []Word{{"fail", "write nothing when one is in the way"}, {"skip", "leave it as it is"}, {"overwrite", "set its data and ACL"}}, Help: "what to do with a znode that is there with other data or another ACL (default fail)"},
		{Name: "resume", Help: "go on with an import that ended early, as import always does: what is there and equal is passed over"},
	}, bulkFlags...),
	Args:    []Arg{{Name: "file", Kind: FileArg}, {Name: "path", Kind: TargetArg}},
	Summary: "create the znodes of an export",
	Help: "They go where they were, or below path. FILE may be - for stdin. It is checked as a whole first; one that was cut short or\n" +
		"changed is refused. -n prints the plan, -rate bounds the znodes a second. At the prompt it asks above 100 znodes, before it\n" +
		"overwrites other sessions' ephemerals and in a protected profile; -y answers. Znodes that are there already with the same data\n" +
		"and ACL are left as they are, so after an interruption the same command goes on. With fail, nothing is written when any other\n" +
		"znode is in the way; overwrite checks the version that was read. Nothing is deleted. Kept are data, ACLs, containers and TTLs;\n" +
		"zxids, times and versions begin anew. Ephemerals belong to sessions and are left out, by name. undo takes it back.",
	Example: []string{"import app.jsonl", "import -n app.jsonl /copy", "import -on-conflict overwrite app.jsonl prod:/app"},
	Min:     1, Max: 2,
	Run: runImport,
}

// conflictRule is what happens to znodes that are in the way.
type conflictRule string

const (
	conflictFail      conflictRule = "fail"
	conflictSkip      conflictRule = "skip"
	conflictOverwrite conflictRule = "overwrite"
)

// ImportResult is the record of an import, and with -n its plan.
type ImportResult struct {
	File       string         `json:"file"`
	Root       string         `json:"root"` // of the export
	Target     string         `json:"target"`
	DryRun     bool           `json:"dryRun,omitempty"`
	Created    int            `json:"created"`
	Bytes      int64          `json:"bytes"` // of their data
	Same       int            `json:"same"`
	Conflicts  int            `json:"conflicts"`            // there with other data or another ACL
	Overwrote  int            `json:"overwrote"`            // of those
	Examples   []string       `json:"examples,omitempty"`   // of the conflicts, the first ones
	Ephemerals map[string]int `json:"ephemerals,omitempty"` // to be overwritten, by the session that owns them
	Refused    []string       `json:"refused,omitempty"`    // places that may not be touched, the first ones
	LeftOut    int            `json:"leftOut"`              // ephemerals
	Left       []string       `json:"left,omitempty"`       // the first of those
	Plain      int            `json:"plain,omitempty"`      // containers and TTL znodes that the server takes only as persistent ones
	PlainOnes  []string       `json:"plainOnes,omitempty"`  // the first of those
	NoUndo     string         `json:"noUndo,omitempty"`     // why it cannot be undone
	Change     int            `json:"change,omitempty"`     // number for undo
}

// importer is one import. It goes through the file twice: to check it and to
// count what there is to do, then to do it.
type importer struct {
	c      *Context
	s      Session // unrecorded
	rec    *recorder
	mark   journal.Mark // of the recorder at the start
	file   string
	root   string // of the export
	target string
	rule   conflictRule
	write  bool // the second time

	may     permits
	above   []granting // what is there, or will be, on the way to the znode at hand
	void    string     // a path below which nothing exists, "" when none is known
	owners  map[protocol.SessionID]int
	refused int

	counting sync.Mutex // guards result while steps are under way
	result   ImportResult

	masked []string // znodes of the file whose ACLs have hidden digests; the first shownRefusals
	masks  int

	err error // of the file or of a comparison, which ended the steps
}

func runImport(c *Context) error {
	im := &importer{c: c, file: c.Args[0], rule: conflictFail, owners: map[protocol.SessionID]int{}}
	if c.Has("on-conflict") {
		im.rule = conflictRule(c.FlagValue("on-conflict"))
	}
	switch im.rule {
	case conflictFail, conflictSkip, conflictOverwrite:
	default:
		return &Failure{Text: fmt.Sprintf("import: -on-conflict %s: it is none of fail, skip, overwrite", im.rule)}
	}
	o, err := c.bulkOptions()
	if err != nil {
		return err
	}
	f, done, err := c.openImport(im.file)
	if err != nil {
		return err
	}
	defer done()
	if err := im.open(f); err != nil {
		return err
	}
	if err := im.pass(f, false, im.compareChunk); err != nil {
		return err
	}
	if im.masks > 0 {
		return im.unusable(fmt.Errorf("the ACLs of %s are not whole, because their digests were hidden from the session that exported them: %s; export them again after addauth",
			count(im.masks, "znode"), andMore(im.masked, im.masks)))
	}
	if err := im.conflicts(); err != nil || c.Has("n") {
		return errors.Join(im.printPlan(), err)
	}
	return im.carryOut(f, o)
}

// conflicts is the failure of the rule that wants nothing to be in the way.
func (im *importer) conflicts() error {
	r := &im.result
	if r.Conflicts == 0 || im.rule != conflictFail {
		return nil
	}
	return &Failure{Text: fmt.Sprintf("import: %s there with other data or another ACL: %s; nothing was written (-on-conflict skip leaves them, overwrite replaces them; diff shows them)",
		isOrAre(r.Conflicts, "znode"), andMore(r.Examples, r.Conflicts))}
}

// printPlan is what -n prints.
func (im *importer) printPlan() error {
	c, r := im.c, im.result
	if !c.Has("n") {
		return nil
	}
	r.DryRun = true
	if c.Shell.Journal == nil {
		r.NoUndo = "the journal is off"
	}
	return c.Emit(&r, func() {
		c.Printf("%s\n", r.text(im.rule))
		for owner, n := range im.owners {
			c.Printf("  overwrites %s of session %v\n", count(n, "ephemeral"), owner)
		}
		if im.refused > 0 {
			c.Printf("  may not be touched: %s\n", andMore(r.Refused, im.refused))
		}
		if r.NoUndo != "" {
			c.Printf("  cannot be undone: %s\n", r.NoUndo)
		}
	})
}

// carryOut asks, and writes.
func (im *importer) carryOut(f *os.File, o bulk.Options) error {
	c, plan := im.c, im.result
	todo := plan.Created + plan.Overwrote
	if todo == 0 {
		return c.Emit(&plan, func() { c.Printf("%s\n", plan.text(im.rule)) })
	}
	p := &planned{c: c, mine: im.s.SessionID(), refused: plan.Refused, rec: im.rec,
		Plan: &bulk.Plan{Root: im.target, Count: todo, Bytes: plan.Bytes, Ephemerals: im.owners}}
	if im.rec == nil {
		p.noUndo = "the journal is off"
	}
	what := fmt.Sprintf("%s to %s: create %s", im.file, im.target, count(plan.Created, "znode"))
	if plan.Overwrote > 0 {
		what += fmt.Sprintf(" and overwrite %d", plan.Overwrote)
	}
	if !p.goOn("Import", "importing", what) {
		return &Failure{Text: "import: nothing was written"}
	}
	im.mark = im.rec.mark()
	o.Ordered, o.Stats, o.Resolve, o.Done = true, im.rec != nil, im.resolve, im.done
	report, err := p.apply(c, im.s, im.steps(f), o, "written")
	if im.err != nil {
		err = im.err
	}
	if err != nil {
		im.rec.unanswered(im.target, report)
		if report.Done > 0 {
			c.Shell.Out.Note(fmt.Sprintf("import: %d of %s were written; the same command goes on from there", report.Done, count(todo, "znode")))
		}
		return im.failure(err)
	}
	if report.Done > 0 {
		if change := im.rec.begin(); change != nil {
			im.result.Change = change.Number()
		}
	}
	return c.Emit(&im.result, func() { c.Printf("%s\n", im.result.text(im.rule)) })
}

// text is the report for people.
func (r *ImportResult) text(rule conflictRule) string {
	create, overwrite, plain := "created", "overwritten", "became persistent ones, since the server takes no other"
	if r.DryRun {
		create, overwrite, plain = "to create", "to overwrite", ""
	}
	text := fmt.Sprintf("%s to %s: %s with %s %s", r.File, r.Target, count(r.Created, "znode"), count(int(r.Bytes), "byte"), create)
	if r.Same > 0 {
		text += fmt.Sprintf(", %d there and the same", r.Same)
	}
	if r.Conflicts > 0 {
		did := "left as they are"
		switch {
		case rule == conflictOverwrite:
			did = overwrite
		case rule == conflictFail:
			did = "in the way"
		}
		differ := "differ"
		if r.Conflicts == 1 {
			differ = "differs"
		}
		text += fmt.Sprintf(", %d that %s %s (%s)", r.Conflicts, differ, did, andMore(r.Examples, r.Conflicts))
	}
	if r.LeftOut > 0 {
		text += fmt.Sprintf(", %s left out (%s)", count(r.LeftOut, "ephemeral"), andMore(r.Left, r.LeftOut))
	}
	if r.Plain > 0 {
		text += fmt.Sprintf("; containers and TTL znodes %s (%s)", plain, andMore(r.PlainOnes, r.Plain))
	}
	return text
}

func isOrAre(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return fmt.Sprintf("%d %ss are", n, noun)
}
