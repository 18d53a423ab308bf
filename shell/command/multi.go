package command

import (
	"errors"
	"fmt"

	"zookit/protocol"
	"zookit/shell/bulk"
)

var multi = &Command{
	Name:    "multi",
	In:      Own,
	Summary: "begin a transaction, or show what is in it",
	Help: "After multi, create, set, delete and check are collected instead of carried out; commit sends them as one, so that all are\n" +
		"done or none, and abort forgets them. multi again, or commit -n, shows them and what would go wrong now.",
	Example: []string{"multi"},
	Local:   true,
	Run:     runMulti,
}

var commit = &Command{
	Name:    "commit",
	In:      Own,
	Usage:   Usage{Own: "[-n]"},
	Flags:   []Flag{{Name: "n", Help: "show the operations and send nothing"}},
	Summary: "carry out a transaction",
	Help:    "All operations since multi are done, or none: the one that failed is named, and the transaction is over either way.",
	Example: []string{"commit"},
	Run:     runCommit,
}

var abort = &Command{
	Name:    "abort",
	In:      Own,
	Summary: "forget a transaction",
	Example: []string{"abort"},
	Local:   true,
	Run:     runAbort,
}

var check = &Command{
	Name:    "check",
	In:      Own,
	Usage:   Usage{Own: "[-v version] path"},
	Flags:   []Flag{{Name: "v", Arg: "version", Help: "dataVersion that the znode must have"}},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "in a transaction: let it fail unless a znode exists, with a version",
	Example: []string{"check -v 3 /app/config"},
	Min:     1, Max: 1,
	Run: runCheck,
}

// transaction is what multi collects.
type transaction struct {
	conn *connection // of the first operation
	ops  []protocol.MultiOp
}

// maxTransaction bounds a transaction. A server also bounds its bytes.
const maxTransaction = 10_000

// setTxn begins a transaction, or ends it.
func (s *Shell) setTxn(txn *transaction) {
	s.txn = txn
	s.queued.Store(0)
	if txn != nil {
		s.queued.Store(1)
	}
}

// errQueued: the write became part of the transaction.
var errQueued = errors.New("queued")

// OpRecord is an operation of a transaction.
type OpRecord struct {
	Number  int    `json:"number"` // from 1
	Op      string `json:"op"`     // create, set, delete, check
	Path    string `json:"path"`
	Version *int32 `json:"version,omitempty"` // expected, before; the new one, after a set
	Bytes   int    `json:"bytes,omitempty"`
	Done    bool   `json:"done"`
	Problem string `json:"problem,omitempty"` // what would go wrong now
}

func runMulti(c *Context) error {
	if c.Shell.txn == nil {
		c.Shell.setTxn(&transaction{})
		if c.Shell.Interactive {
			c.Shell.Out.Note("create, set, delete and check are collected until commit or abort")
		}
		return nil
	}
	return c.preview(c.Shell.txn)
}

func runAbort(c *Context) error {
	if c.Shell.txn == nil {
		return errNoTransaction
	}
	n := len(c.Shell.txn.ops)
	c.Shell.setTxn(nil)
	if c.Shell.Interactive {
		c.Shell.Out.Note(count(n, "operation") + " forgotten")
	}
	return nil
}

var errNoTransaction = &Failure{Text: "there is no transaction (\"multi\" begins one)"}

func runCheck(c *Context) error {
	if c.Shell.txn == nil {
		return errNoTransaction
	}
	version, err := c.versionFlag(-1)
	if err != nil {
		return err
	}
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	return s.(writing).queue(protocol.MultiOp{Type: protocol.OpCheck, Record: &protocol.CheckVersionRequest{Path: path, Version: version}})
}

func runCommit(c *Context) error {
	txn := c.Shell.txn
	if txn == nil {
		return errNoTransaction
	}
	if c.Has("n") {
		return c.preview(txn)
	}
	if txn.conn != nil && txn.conn != c.Shell.here() {
		return &Failure{Text: fmt.Sprintf("commit: the transaction is one on %s: \"use\" it first, or abort", txn.conn.profile.Label())}
	}
	c.Shell.setTxn(nil)
	if len(txn.ops) == 0 {
		return nil
	}
	s, err := c.Session()
	if err != nil {
		return err
	}
	results, err := s.Multi(c, txn.ops)
	if err != nil {
		return c.commitFailure(txn, results, err)
	}
	for i, op := range txn.ops {
		rec := opRecord(i, op)
		rec.Done, rec.Version = true, nil
		if results[i].Path != "" {
			rec.Path = results[i].Path
		}
		if op.Type == protocol.OpSetData {
			rec.Version = &results[i].Stat.Version
		}
		text := map[string]string{"create": "Created ", "set": "Set ", "delete": "Deleted ", "check": "Checked "}[rec.Op] + rec.Path
		if err := c.Emit(rec, func() { c.Printf("%s\n", text) }); err != nil {
			return err
		}
	}
	return nil
}

// commitFailure names the operation at fault.
func (c *Context) commitFailure(txn *transaction, results []protocol.MultiResult, err error) error {
	for i, r := range results {
		if r.Type != protocol.OpError || r.Err == protocol.OK || r.Err == protocol.RuntimeInconsistency {
			continue
		}
		return &Failure{Text: fmt.Sprintf("commit: operation %d of %d, %s, failed: %s; nothing was changed",
			i+1, len(txn.ops), describeOp(txn.ops[i]), describeOf(c, err)), Err: err}
	}
	return err
}

// queue makes a write part of the transaction.
func (w writing) queue(op protocol.MultiOp) error {
	txn := w.c.Shell.txn
	switch {
	case txn.conn != nil && txn.conn != w.conn:
		return &Failure{Text: fmt.Sprintf("%s: the transaction is one on %s; commit or abort it first", w.c.Command.Name, txn.conn.profile.Label())}
	case len(txn.ops) == maxTransaction:
		return &Failure{Text: fmt.Sprintf("%s: a transaction holds %d operations at most", w.c.Command.Name, maxTransaction)}
	}
	txn.conn = w.conn
	txn.ops = append(txn.ops, op)
	w.c.Shell.queued.Add(1)
	if w.c.Shell.Interactive {
		w.c.Shell.Out.Note(fmt.Sprintf("operation %d: %s", len(txn.ops), describeOp(op)))
	}
	return errQueued
}

// collects tells whether a write is to become part of a transaction. Commands
// that write in several steps cannot.
func (w writing) collects() (bool, error) {
	if w.c.Shell.txn == nil {
		return false, nil
	}
	switch w.c.Command {
	case create, set, del, check:
		return true, nil
	}
	return false, &Failure{Text: w.c.Command.Name + " cannot be part of a transaction (create, set, delete and check can); commit or abort it first"}
}

func opRecord(i int, op protocol.MultiOp) *OpRecord {
	rec := &OpRecord{Number: i + 1, Path: bulk.PathOf(op)}
	expect := func(v int32) {
		if v >= 0 {
			rec.Version = &v
		}
	}
	switch r := op.Record.(type) {
	case *protocol.DeleteRequest:
		rec.Op = "delete"
		expect(r.Version)
	case *protocol.SetDataRequest:
		rec.Op, rec.Bytes = "set", len(r.Data)
		expect(r.Version)
	case *protocol.CheckVersionRequest:
		rec.Op = "check"
		expect(r.Version)
	default:
		rec.Op, rec.Bytes = "create", len(dataOf(op))
	}
	return rec
}

// describeOp is an operation in a line.
func describeOp(op protocol.MultiOp) string {
	rec := opRecord(0, op)
	text := rec.Op + " " + rec.Path
	if rec.Version != nil {
		text += fmt.Sprintf(" at version %d", *rec.Version)
	}
	if rec.Op == "create" || rec.Op == "set" {
		text += ", " + count(rec.Bytes, "byte")
	}
	return text
}

// preview shows the operations, and which would fail now.
func (c *Context) preview(txn *transaction) error {
	problems := make([]string, len(txn.ops))
	if len(txn.ops) > 0 {
		s, err := c.open(txn.conn)
		if err != nil {
			return err
		}
		if problems, err = c.problems(s, txn); err != nil {
			return err
		}
	}
	for i, op := range txn.ops {
		rec := opRecord(i, op)
		rec.Problem = problems[i]
		if err := c.Emit(rec, func() {
			c.Printf("%d: %s\n", i+1, describeOp(op))
			if rec.Problem != "" {
				c.Printf("   would fail: %s\n", rec.Problem)
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// problems plays the operations on what is there now.
func (c *Context) problems(s Session, txn *transaction) ([]string, error) {
	type place struct {
		there    bool
		version  int32
		children int32
	}
	places := map[string]*place{}
	var paths []string
	add := func(path string) {
		if places[path] == nil {
			places[path] = &place{}
			paths = append(paths, path)
		}
	}
	for _, op := range txn.ops {
		add(bulk.PathOf(op))
		if parent := protocol.Parent(bulk.PathOf(op)); parent != "" {
			add(parent)
		}
	}
	looks, err := bulk.LookAt(c, s, paths)
	if err != nil {
		return nil, err
	}
	for i, l := range looks {
		// What may not be read is there, of an unknown version.
		*places[paths[i]] = place{!errors.Is(l.Err, protocol.NoNode), l.Stat.Version, l.Stat.NumChildren}
		if l.Err != nil {
			places[paths[i]].version = -1
		}
	}
	out := make([]string, len(txn.ops))
	for i, op := range txn.ops {
		path := bulk.PathOf(op)
		at, parent := places[path], places[protocol.Parent(path)]
		rec := opRecord(i, op)
		switch {
		case rec.Op == "create" && parent != nil && !parent.there:
			out[i] = "its parent does not exist"
		case rec.Op == "create":
			if r, ok := op.Record.(*protocol.CreateRequest); ok && r.Flags.Sequential() {
				continue
			}
			if at.there {
				out[i] = "it exists"
				continue
			}
			*at = place{there: true}
			parent.children++
		case !at.there:
			out[i] = "it does not exist"
		case rec.Version != nil && at.version >= 0 && *rec.Version != at.version:
			out[i] = fmt.Sprintf("its version is %d", at.version)
		case rec.Op == "set" && at.version >= 0:
			at.version++
		case rec.Op == "delete" && at.children > 0:
			out[i] = "it has " + count(int(at.children), "child")
		case rec.Op == "delete":
			at.there = false
			parent.children--
		}
	}
	return out, nil
}
