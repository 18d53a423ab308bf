package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"zookit/protocol"
	"zookit/shell/bulk"
	"zookit/shell/journal"
)

// largeTree is how many znodes a command may change at the prompt unasked.
const largeTree = 100

// bulkFlags are what all commands that change many znodes have in zkcli's own
// manner.
var bulkFlags = []Flag{
	{Name: "n", Help: "print what would be done and do nothing", In: Own},
	{Name: "rate", Arg: "number", Help: "znodes a second at most", In: Own},
}

// bulkOptions reads -rate.
func (c *Context) bulkOptions() (bulk.Options, error) {
	o := bulk.Options{Batch: bulk.DefaultBatch}
	if text, given := c.flags["rate"]; given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, &Failure{Text: fmt.Sprintf("%s: -rate %q: it must be a number of znodes a second, at least 1", c.Command.Name, text)}
		}
		o.Rate = n
	}
	return o, nil
}

// PlanRecord is what a command that changes many znodes will do (-n), or has
// done.
type PlanRecord struct {
	Command    string         `json:"command"`
	Path       string         `json:"path"`
	Target     string         `json:"target,omitempty"` // of cp and mv
	Planned    bool           `json:"planned"`          // -n: nothing was done
	Znodes     int            `json:"znodes"`
	Bytes      int64          `json:"bytes"` // of data
	Ephemerals map[string]int `json:"ephemerals,omitempty"`
	Containers int            `json:"containers,omitempty"`
	TTL        int            `json:"ttl,omitempty"`
	Refused    []string       `json:"refused,omitempty"`    // places that may not be touched
	NoUndo     string         `json:"noUndo,omitempty"`     // why it cannot be undone
	HiddenACLs int            `json:"hiddenACLs,omitempty"` // znodes whose ACLs undo cannot restore: the server hides their digests from this session
	Done       int            `json:"done"`
	LeftOut    int            `json:"leftOut,omitempty"` // not needed: gone already, or there already
	Change     int            `json:"change,omitempty"`  // number for undo
}

// planned is a subtree that a command is about to work on.
type planned struct {
	*bulk.Plan
	c       *Context
	mine    protocol.SessionID
	refused []string   // places that may not be touched, as far as ACLs tell
	noUndo  string     // why it cannot be undone
	hidden  hiddenACLs // of what is to be deleted
	change  *journal.Change
	rec     *recorder
	mark    journal.Mark // of the recorder before the subtree
	kept    bool         // it stays: other sessions' ephemerals are safe
}

// surveyTree counts a subtree. With record, what is there is written into the
// journal as going to be deleted.
func (c *Context) surveyTree(s Session, root string, acls bool, record *recorder, visit func(*bulk.Node)) (*planned, error) {
	p := &planned{c: c, mine: s.SessionID(), rec: record}
	if record != nil {
		p.mark = record.mark()
		p.change = record.begin()
	}
	switch {
	case p.change != nil || c.Has("n"):
	case record != nil:
		p.noUndo = "the journal cannot be written"
	default:
		p.noUndo = "the journal is off"
	}
	absolute := writing{Session: s}.absolute
	o := bulk.SurveyOptions{ACLs: acls, Progress: func(seen int) {
		if seen >= 1000 {
			c.Progress(fmt.Sprintf("%s: looking, %d znodes so far", c.Command.Name, seen))
		}
	}}
	if p.change != nil || visit != nil {
		o.Visit = func(n *bulk.Node) error {
			if visit != nil {
				visit(n)
			}
			if p.change == nil || p.noUndo != "" {
				return nil
			}
			if n.ACL == nil {
				p.change.Missed(1, n.Path+": its ACL may not be read")
				return nil
			}
			err := p.change.Add(&journal.Record{Kind: journal.DeletedTree, Path: absolute(n.Path), Before: n.Stat, Data: n.Data, ACL: n.ACL})
			if errors.Is(err, journal.ErrFull) {
				p.noUndo = fmt.Sprintf("its data is more than the %s that the journal may hold", sizeText(c.Shell.Journal.Limit()))
			} else if err != nil {
				p.noUndo = "the journal cannot be written: " + err.Error()
			}
			return nil
		}
	}
	var err error
	if p.Plan, err = bulk.Survey(c, s, root, o); err != nil {
		p.forget()
		return nil, err
	}
	if p.noUndo != "" {
		p.forget()
	}
	return p, nil
}

// record is the plan in its documented form.
func (p *planned) record(path string) *PlanRecord {
	r := &PlanRecord{Command: p.c.Command.Name, Path: path, Planned: true, Znodes: p.Count, Bytes: p.Bytes,
		Containers: p.Containers, TTL: p.TTL, NoUndo: p.noUndo, HiddenACLs: p.hidden.count, Refused: slices.Clone(p.refused)}
	for _, err := range p.Refused {
		text, _ := p.c.Compat.Describe(p.c.Command, err)
		r.Refused = append(r.Refused, text)
	}
	if len(p.Ephemerals) > 0 {
		r.Ephemerals = map[string]int{}
		for owner, n := range p.Ephemerals {
			r.Ephemerals[owner.String()] = n
		}
	}
	return r
}

// notRestored says what undo will not bring back as it is.
func (p *planned) notRestored() (list []string) {
	if p.noUndo != "" || p.c.Shell.Journal == nil {
		return nil
	}
	if p.hidden.count > 0 {
		list = append(list, fmt.Sprintf("undo will not be able to restore the ACLs of %v (their digests are hidden from this session; addauth first as one with permission a)", &p.hidden))
	}
	return list
}

// printPlan is what -n prints.
func (p *planned) printPlan(r *PlanRecord, verb string) error {
	return p.c.Emit(r, func() {
		c := p.c
		c.Printf("%s %s: %s, %s of data\n", verb, r.Path, count(p.Count, "znode"), sizeText(p.Bytes))
		owners := make([]protocol.SessionID, 0, len(p.Ephemerals))
		for owner := range p.Ephemerals {
			owners = append(owners, owner)
		}
		slices.SortFunc(owners, func(a, b protocol.SessionID) int { return p.Ephemerals[b] - p.Ephemerals[a] })
		for i, owner := range owners {
			if i == 10 {
				c.Printf("  ephemerals of %d more sessions\n", len(owners)-i)
				break
			}
			whose := "session " + owner.String()
			if owner == p.mine {
				whose = "this session"
			}
			c.Printf("  %s of %s\n", count(p.Ephemerals[owner], "ephemeral"), whose)
		}
		if p.Containers+p.TTL > 0 {
			c.Printf("  %s, %d with a time to live\n", count(p.Containers, "container"), p.TTL)
		}
		for i, text := range r.Refused {
			if i == 10 {
				c.Printf("  %d more places that may not be touched\n", len(r.Refused)-i)
				break
			}
			c.Printf("  may not be touched: %s\n", text)
		}
		if p.noUndo != "" {
			c.Printf("  cannot be undone: %s\n", p.noUndo)
		}
		for _, text := range p.notRestored() {
			c.Printf("  %s\n", text)
		}
		c.Printf("nothing was done (-n)\n")
	})
}

// goOn tells a person at the prompt what is about to happen, and asks when it
// is much, touches other sessions' ephemerals or the profile is protected.
// Scripts are never asked. first is the word that the question begins with,
// what describes the work.
func (p *planned) goOn(question, note, what string) bool {
	c := p.c
	if !c.Shell.Interactive || c.Shell.Confirm == nil || c.Compat.Release != Own {
		return true
	}
	foreign := p.Foreign(p.mine)
	if p.kept {
		foreign = 0
	}
	if foreign > 0 {
		what += fmt.Sprintf(", %d of them ephemerals of other sessions", foreign)
	}
	if n := len(p.refused); n > 0 {
		what += fmt.Sprintf("; %s may not be touched: %s", count(n, "place"), strings.Join(p.refused[:min(n, 3)], ", "))
	}
	if p.noUndo != "" && c.Shell.Journal != nil {
		what += "; it cannot be undone: " + p.noUndo
	}
	for _, text := range p.notRestored() {
		what += "; " + text
	}
	if p.Count <= largeTree && foreign == 0 && !c.Protected() {
		if p.Count > 1 || len(p.notRestored()) > 0 {
			c.Shell.Out.Note(note + " " + what)
		}
		return true
	}
	return c.Confirm(question + " " + what + "?")
}

// apply sends steps with progress and returns how far that came.
func (p *planned) apply(ctx context.Context, s Session, steps func(func(bulk.Step) bool), o bulk.Options, doing string) (bulk.Report, error) {
	if p.change != nil {
		if err := p.change.Flush(); err != nil {
			return bulk.Report{}, &Failure{Text: fmt.Sprintf("%s: nothing was changed, since the journal for undo cannot be written: %v (ZKCLI_JOURNAL=off goes without)", p.c.Command.Name, err)}
		}
	}
	total := p.Count
	o.Progress = func(done int) {
		if total >= 1000 {
			p.c.Progress(fmt.Sprintf("%s: %s %d of %d znodes", p.c.Command.Name, doing, done, total))
		}
	}
	return bulk.Apply(ctx, s, steps, o)
}

// unfinished tells how far a command came that ended early, in zkcli's own
// manner.
func (p *planned) unfinished(r bulk.Report, did string) {
	if r.Done > 0 && p.c.Compat.Release == Own {
		p.c.Shell.Out.Note(fmt.Sprintf("%s: %s %d of %d znodes; the same command goes on from there", p.c.Command.Name, did, r.Done, p.Count))
	}
}

// forget takes what was recorded out of the journal again: nothing is done.
func (p *planned) forget() {
	if p.change != nil {
		p.rec.back(p.mark)
		p.change = nil
	}
}

// emitDone is the result of a command that did its work. It is for programs; a
// person has seen what was going to happen.
func (p *planned) emitDone(path, target string, report bulk.Report) error {
	r := p.record(path)
	r.Planned, r.Target, r.Done, r.LeftOut = false, target, report.Done, report.LeftOut
	if p.change != nil {
		r.Change = p.change.Number()
	}
	return p.c.Emit(r, func() {})
}

// count is a number of things.
func count(n int, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case thing == "child":
		return fmt.Sprintf("%d children", n)
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// sizeText is a number of bytes for people.
func sizeText(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	v, unit := float64(n), ""
	for _, unit = range units {
		if v /= 1024; v < 1024 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
