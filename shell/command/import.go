package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"zookit/protocol"
	"zookit/shell/bulk"
	"zookit/shell/export"
)

var importTree = &Command{
	Name:  "import",
	In:    Own,
	Usage: Usage{Own: "[-n] [-on-conflict fail|skip|overwrite] [-rate N] FILE [path]"},
	Flags: []Flag{
		{Name: "n", Help: "say what would be done and do nothing"},
		{Name: "on-conflict", Arg: "rule", Words: []Word{{"fail", "write nothing when one is in the way"}, {"skip", "leave it as it is"}, {"overwrite", "set its data and ACL"}}, Help: "what to do with a znode that is there with other data or another ACL (default fail)"},
		{Name: "rate", Arg: "N", Help: "write at most so many znodes a second"},
	},
	Args:    []Arg{{Name: "file", Kind: FileArg}, {Name: "path", Kind: TargetArg}},
	Summary: "create the znodes of an export",
	Help: "They go where they were, or below path. The file is checked as a whole first; one that was cut short or changed is refused.\n" +
		"Znodes that are there already with the same data and ACL are left as they are, so after an interruption the same command goes on.\n" +
		"With fail, nothing is written when any other znode is in the way; overwrite checks the version it has just read. Nothing is deleted.\n" +
		"Kept are data, ACLs, containers and TTLs; zxids, times and versions begin anew. Ephemerals belong to sessions and are left out, by name.",
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
	File      string   `json:"file"`
	Root      string   `json:"root"` // of the export
	Target    string   `json:"target"`
	DryRun    bool     `json:"dryRun,omitempty"`
	Created   int      `json:"created"`
	Bytes     int64    `json:"bytes"` // of their data
	Same      int      `json:"same"`
	Conflicts int      `json:"conflicts"`           // there with other data or another ACL
	Overwrote int      `json:"overwrote"`           // of those
	Examples  []string `json:"examples,omitempty"`  // of the conflicts, the first ones
	LeftOut   int      `json:"leftOut"`             // ephemerals
	Left      []string `json:"left,omitempty"`      // the first of those
	Plain     int      `json:"plain,omitempty"`     // containers and TTL znodes that the server takes only as persistent ones
	PlainOnes []string `json:"plainOnes,omitempty"` // the first of those
}

// importer is one import. It goes through the file twice: to check it and to
// count what there is to do, then to do it.
type importer struct {
	c      *Context
	s      Session
	file   string
	root   string // of the export
	target string
	rule   conflictRule
	rate   int  // znodes written a second at most; 0 is as fast as the server
	write  bool // the second time
	began  time.Time
	all    int64 // znodes in the file, known the second time

	// void is a path below which nothing exists, "" when none is known.
	void   string
	result ImportResult

	masked []string // znodes of the file whose ACLs have hidden digests; the first shownRefusals
	masks  int
}

func runImport(c *Context) error {
	im := &importer{c: c, file: c.Args[0], rule: conflictFail}
	if c.Has("on-conflict") {
		im.rule = conflictRule(c.FlagValue("on-conflict"))
	}
	switch im.rule {
	case conflictFail, conflictSkip, conflictOverwrite:
	default:
		return &Failure{Text: fmt.Sprintf("import: -on-conflict %s: it is none of fail, skip, overwrite", im.rule)}
	}
	if text := c.FlagValue("rate"); c.Has("rate") {
		if im.rate, _ = strconv.Atoi(text); im.rate <= 0 {
			return &Failure{Text: fmt.Sprintf("import: -rate %s: it must be a number of znodes a second, at least 1", text)}
		}
	}
	f, err := os.Open(im.file)
	if err != nil {
		return &Failure{Text: "import: " + err.Error(), Err: err}
	}
	defer f.Close()
	if err := im.open(f); err != nil {
		return err
	}
	if err := im.pass(f, false); err != nil {
		return err
	}
	if im.masks > 0 {
		return im.unusable(fmt.Errorf("the ACLs of %s are not whole, because their digests were hidden from the session that exported them: %s; export them again after addauth",
			count(im.masks, "znode"), andMore(im.masked, im.masks)))
	}
	plan := im.result
	if plan.Conflicts > 0 && im.rule == conflictFail {
		err = &Failure{Text: fmt.Sprintf("import: %s there with other data or another ACL: %s; nothing was written (-on-conflict skip leaves them, overwrite replaces them; diff shows them)",
			isOrAre(plan.Conflicts, "znode"), andMore(plan.Examples, plan.Conflicts))}
	}
	if c.Has("n") {
		plan.DryRun = true
		if plan.Overwrote = 0; im.rule == conflictOverwrite {
			plan.Overwrote = plan.Conflicts
		}
		return errors.Join(c.Emit(&plan, func() { c.Printf("%s\n", plan.text(im.rule)) }), err)
	}
	if err != nil {
		return err
	}
	if im.rule == conflictOverwrite {
		plan.Overwrote = plan.Conflicts
	}
	if plan.Created+plan.Overwrote > largeTree && !c.Confirm(fmt.Sprintf("%s to %s: create %s and overwrite %d?", im.file, im.target, count(plan.Created, "znode"), plan.Overwrote)) {
		return &Failure{Text: "import: nothing was written"}
	}
	im.all = int64(plan.Created + plan.Same + plan.Conflicts + plan.LeftOut)
	if err := im.pass(f, true); err != nil {
		return im.interrupted(err, plan.Created+plan.Overwrote)
	}
	return c.Emit(&im.result, func() { c.Printf("%s\n", im.result.text(im.rule)) })
}

// open reads the head of the file and finds where the znodes go.
func (im *importer) open(f io.Reader) error {
	r, err := export.NewReader(f)
	if err != nil {
		return im.unusable(err)
	}
	im.root = r.Root()
	target := im.root
	if len(im.c.Args) > 1 {
		target = im.c.Args[1]
	}
	if im.s, im.target, err = im.c.Target(target); err != nil || im.target == "/" {
		return err
	}
	if _, ok := atRest(im.s); ok {
		return nil // whose refusal to write is the answer
	}
	parent := protocol.Parent(im.target)
	if _, err = im.s.Exists(im.c, parent, false); errors.Is(err, protocol.NoNode) {
		return &Failure{Text: fmt.Sprintf("Node does not exist: %s; create it first, it is to hold %s", parent, im.target), Err: err}
	}
	return err
}

// unusable is the failure for a file that is no whole export.
func (im *importer) unusable(err error) error {
	text := "import: " + im.file + ": " + err.Error()
	if !im.write {
		text += "; nothing was written"
	}
	return &Failure{Text: text, Err: err}
}

// pass goes through the file, in chunks. Without write it only compares.
func (im *importer) pass(f io.ReadSeeker, write bool) error {
	im.write, im.void, im.began = write, "", time.Now()
	im.result = ImportResult{File: im.file, Root: im.root, Target: im.target}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return im.unusable(err)
	}
	r, err := export.NewReader(f)
	if err != nil {
		return im.unusable(err)
	}
	if r.Root() != im.root {
		return im.unusable(errors.New("the file was replaced meanwhile"))
	}
	for done := false; !done; {
		var chunk []*importEntry
		if chunk, done, err = im.read(r); err != nil {
			return im.unusable(err)
		}
		if write {
			err = im.apply(chunk)
		} else {
			err = im.compare(chunk)
		}
		if err != nil {
			return err
		}
		im.count(chunk)
		im.progress(r.Count())
		if err := im.pace(); err != nil {
			return err
		}
	}
	return nil
}

func (im *importer) progress(read int64) {
	doing := "compared"
	if im.write {
		doing = fmt.Sprintf("written, of %d", im.all)
	}
	im.c.Progress(fmt.Sprintf("import: %s %s", count(int(read), "znode"), doing))
}

// pace waits until as much time has passed as the rate says.
func (im *importer) pace() error {
	if !im.write || im.rate == 0 {
		return nil
	}
	done := im.result.Created + im.result.Overwrote
	wait := time.NewTimer(time.Until(im.began.Add(time.Duration(float64(done) / float64(im.rate) * float64(time.Second)))))
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-im.c.Done():
		return im.c.Err()
	}
}

// A chunk is what is compared and written together.
const (
	importChunk      = 1000
	importChunkBytes = bulk.MaxBatchBytes
)

// read takes the next chunk from the file; ephemerals are noted and left out.
func (im *importer) read(r *export.Reader) (chunk []*importEntry, done bool, err error) {
	size, limit := 0, importChunk
	if im.rate > 0 {
		limit = min(limit, max(1, im.rate/4))
	}
	for len(chunk) < limit && size < importChunkBytes {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return chunk, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		e.Path = im.rebase(e.Path)
		if hidden(e.ACL) && !im.write {
			note(&im.masks, &im.masked, e.Path)
		}
		if e.Kind == export.Ephemeral {
			note(&im.result.LeftOut, &im.result.Left, e.Path)
			continue
		}
		chunk = append(chunk, &importEntry{Entry: e})
		size += requestSize(e)
	}
	return chunk, false, nil
}

// rebase is where a znode of the file goes.
func (im *importer) rebase(path string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(path, im.root), "/")
	if rest == "" {
		return im.target
	}
	return protocol.Join(im.target, rest)
}

// requestSize is about what a znode takes in a request, in bytes.
func requestSize(e *export.Entry) int {
	n := len(e.Path) + len(e.Data) + 64
	for _, a := range e.ACL {
		n += len(a.Scheme) + len(a.ID) + 12
	}
	return n
}

// count adds up what became, or would become, of a chunk.
func (im *importer) count(chunk []*importEntry) {
	for _, e := range chunk {
		switch {
		case e.missing():
			im.result.Created++
			im.result.Bytes += int64(len(e.Data))
		case e.same():
			im.result.Same++
		default:
			note(&im.result.Conflicts, &im.result.Examples, e.Path)
			if im.write && im.rule == conflictOverwrite {
				im.result.Overwrote++
			}
		}
	}
}

// interrupted says how far an import came that did not end.
func (im *importer) interrupted(err error, all int) error {
	if done := im.result.Created + im.result.Overwrote; done > 0 {
		im.c.Shell.Out.Note(fmt.Sprintf("import: %d of %s were written; the same command goes on from there", done, count(all, "znode")))
	}
	return err
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
