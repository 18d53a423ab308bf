package command

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"zookit/shell/bulk"
	"zookit/shell/journal"
)

var undo = &Command{
	Name:  "undo",
	In:    Own,
	Usage: Usage{Own: "[-l] [-n] [-rate number] [-acl acl] [number]"},
	Flags: append([]Flag{
		{Name: "l", Help: "list the changes that can be taken back"},
		{Name: "acl", Arg: "acl", Help: "for znodes whose own ACL was hidden from the session that deleted them", Kind: ACLArg},
	}, bulkFlags...),
	Args:    []Arg{{Name: "number", Kind: ChangeArg}},
	Summary: "take back a change that was made in this shell",
	Help: "Without a number the last change on these servers. What create, set, delete, setAcl, deleteall, cp, mv, import, multi and\n" +
		"the quota commands did is taken back while it still is the latest: when somebody has changed one of the znodes since,\n" +
		"nothing is. Deleted subtrees come back with data and ACLs; czxid, times, versions and sequence counters begin anew, and\n" +
		"ephemerals of other sessions stay gone. An ACL that was hidden from the session that deleted it cannot come back; -acl gives\n" +
		"another. -n prints what would be done. A change is kept in a private file on this machine\n" +
		"until it is taken back or room is needed; ZKCLI_JOURNAL=off, or undo: false in a profile, keeps none.",
	Example: []string{"undo", "undo -l", "undo -n 12"},
	Max:     1,
	Run:     runUndo,
}

// ChangeRecord is a change that can be taken back.
type ChangeRecord struct {
	Number  int       `json:"number"`
	Time    time.Time `json:"time"`
	Line    string    `json:"line"`
	Servers string    `json:"servers"`
	Session string    `json:"session"`
	Znodes  int       `json:"znodes"`
	Lost    int       `json:"lost,omitempty"` // changes that were not recorded
	Bytes   int64     `json:"bytes"`          // on disk
	Reasons []string  `json:"reasons,omitempty"`
}

// UndoRecord is a change that was taken back, or would be (-n).
type UndoRecord struct {
	Number  int      `json:"number"`
	Line    string   `json:"line"`
	Planned bool     `json:"planned"` // -n: nothing was done
	Created int      `json:"created"` // znodes that are back
	Deleted int      `json:"deleted"` // created by the change, gone now
	Data    int      `json:"data"`    // znodes with their old data
	ACLs    int      `json:"acls"`    // znodes with their old ACL
	Already int      `json:"already"` // nothing to be done for them
	NotBack []string `json:"notBack,omitempty"`
}

func runUndo(c *Context) error {
	if c.Shell.Journal == nil {
		return &Failure{Text: "undo: changes are not recorded (ZKCLI_JOURNAL=off, or there is no state directory)"}
	}
	list, err := c.Shell.Journal.List()
	if err != nil {
		return &Failure{Text: "undo: " + err.Error()}
	}
	if c.Has("l") {
		return c.listChanges(list)
	}
	o, err := c.bulkOptions()
	if err != nil {
		return err
	}
	number, err := c.chooseChange(list)
	if err != nil {
		return err
	}
	r, err := c.Shell.Journal.Open(number)
	if errors.Is(err, fs.ErrNotExist) {
		return &Failure{Text: fmt.Sprintf("undo: there is no change %d (\"undo -l\" lists them)", number)}
	}
	if err != nil {
		return &Failure{Text: "undo: " + err.Error()}
	}
	defer r.Close()
	if here := ensembleOf(c.Shell.Profile().Servers); r.Header.Servers != here {
		return &Failure{Text: fmt.Sprintf("undo: change %d was made on %s, and this is %s: connect there first", number, r.Header.Servers, here)}
	}
	s, err := c.Session()
	if err != nil {
		return err
	}
	s, _ = unrecorded(s.Absolute())
	return c.takeBack(s, r, o)
}

// chooseChange is the number given, else that of the last change here.
func (c *Context) chooseChange(list []journal.Header) (int, error) {
	if len(c.Args) > 0 {
		n, err := strconv.Atoi(c.Args[0])
		if err != nil {
			return 0, &NumberError{Input: c.Args[0], What: "undo: the change"}
		}
		return n, nil
	}
	here := ensembleOf(c.Shell.Profile().Servers)
	for _, h := range list {
		if h.Servers == here {
			return h.Number, nil
		}
	}
	return 0, &Failure{Text: fmt.Sprintf("undo: no change on %s is recorded", here)}
}

func (c *Context) listChanges(list []journal.Header) error {
	const stamp = "2006-01-02 15:04:05"
	var rows [][]string
	for _, h := range list {
		r, err := c.Shell.Journal.Open(h.Number)
		if err != nil {
			continue // it went a moment ago
		}
		n := h.Records
		if !h.Ended { // by a shell that was killed
			n, err = r.Index()
		}
		r.Close()
		if err != nil {
			return &Failure{Text: "undo: " + err.Error()}
		}
		rec := &ChangeRecord{Number: h.Number, Time: h.Time, Line: h.Line, Servers: h.Servers, Session: h.Session.String(),
			Znodes: n, Lost: h.Lost, Bytes: h.Bytes, Reasons: h.Reasons}
		what := count(n, "znode")
		if h.Lost > 0 {
			what += fmt.Sprintf(", %d not recorded", h.Lost)
		}
		row := []string{strconv.Itoa(h.Number), h.Time.In(c.Shell.Out.location()).Format(stamp), h.Servers, what, h.Line}
		if err := c.Emit(rec, func() {
			if c.Tables() {
				rows = append(rows, row)
				return
			}
			c.Printf("%s\t%s\t%s\t%s\t%s\n", row[0], row[1], row[2], row[3], row[4])
		}); err != nil {
			return err
		}
	}
	if len(rows) > 0 {
		return c.PrintTable([]string{"number", "time", "servers", "changed", "command"}, rows, "servers")
	}
	return nil
}

// takeBack checks that a change is the latest, asks, and takes it back.
func (c *Context) takeBack(s Session, r *journal.Reader, o bulk.Options) error {
	n, err := r.Index()
	if err != nil {
		return &Failure{Text: "undo: " + err.Error()}
	}
	if n == 0 {
		return &Failure{Text: fmt.Sprintf("undo: %s cannot be taken back: %s", r.Header.Line, joinReasons(r.Header))}
	}
	u := &undoing{c: c, s: s, r: r, order: r.Order(), mine: s.SessionID()}
	if c.Has("acl") {
		if u.instead, err = parseACL(c, c.FlagValue("acl"), "/"); err != nil {
			return err
		}
	}
	if err := u.check(); err != nil {
		return err
	}
	rec := u.record()
	if c.Has("n") {
		rec.Planned = true
		return u.print(rec)
	}
	if todo := rec.Created + rec.Deleted + rec.Data + rec.ACLs; todo > largeTree && !c.Confirm(fmt.Sprintf("Take back %q, %s?", r.Header.Line, count(todo, "znode"))) {
		return &Failure{Text: "undo: nothing was taken back"}
	}
	o.Progress = func(n int) {
		if n >= 1000 {
			c.Progress(fmt.Sprintf("undo: %d of %d znodes", n, len(u.order)))
		}
	}
	o.Resolve = u.resolve
	report, err := bulk.Apply(c, s, u.steps(), o)
	if u.broken != nil {
		err = u.broken
	}
	if err != nil {
		if report.Done > 0 {
			c.Shell.Out.Note(fmt.Sprintf("undo: %d of %d znodes were taken back; the same command goes on from there", report.Done, len(u.order)))
		}
		return err
	}
	if err := u.note(); err != nil {
		c.Shell.Out.Note("undo: changes before this one may not be taken back any more: " + err.Error())
	}
	r.Close() // Windows removes no open file
	if err := c.Shell.Journal.Remove(r.Header.Number); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.Warn("undo: the change was taken back, but stays in the journal: " + err.Error())
	}
	return u.print(rec)
}

func joinReasons(h journal.Header) string {
	if len(h.Reasons) == 0 {
		return "it was not recorded"
	}
	text := h.Reasons[0]
	for _, r := range h.Reasons[1:] {
		text += "; " + r
	}
	return text
}
