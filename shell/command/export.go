package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"zookit/shell/export"
)

var exportTree = &Command{
	Name:    "export",
	In:      Own,
	Usage:   Usage{Own: "[-nostat] path [FILE]"},
	Flags:   []Flag{{Name: "nostat", Help: "leave out zxids, times and versions, so that the file changes only with the data"}},
	Args:    []Arg{{Name: "path", Kind: TargetArg}, {Name: "file", Kind: FileArg}},
	Summary: "write a subtree into a file: data, ACLs, kinds and Stats, a JSON line each znode",
	Help: "Without FILE, or with -, it goes to stdout. The same znodes give the same bytes, sorted, text as text, so a file is good in git;\n" +
		"its last line seals it with a count and a checksum. A FILE appears when it is whole. path may be name:/path or file:DATADIR:/path.\n" +
		"A server tells nobody which znodes are containers or have a TTL; an export of file:DATADIR keeps that too.\n" +
		"/zookeeper is left out of / and can be exported by its name.",
	Example: []string{"export /app app.jsonl", "export -nostat prod:/app app.jsonl", "export file:/var/lib/zookeeper:/app old.jsonl"},
	Min:     1, Max: 2,
	Many: true, // a file holds one subtree
	Run:  runExport,
}

// ExportResult is the record of an export into a file.
type ExportResult struct {
	Root       string   `json:"root"`
	File       string   `json:"file"`
	Znodes     int64    `json:"znodes"`
	Bytes      int64    `json:"bytes"`             // of all data
	Ephemerals int      `json:"ephemerals"`        // of sessions, which an import leaves out
	Containers int      `json:"containers"`        // told by files alone
	TTLs       int      `json:"ttls"`              // likewise
	Refused    []string `json:"refused,omitempty"` // may not be read; the first ones
	Left       int      `json:"left,omitempty"`    // how many those are
}

func runExport(c *Context) error {
	defer saveMemory()()
	s, path, err := c.Target(c.Args[0])
	if err != nil {
		return err
	}
	r := newSubtreeReader(s, path)
	r.stat = !c.Has("nostat")
	r.progress = func(done, pending int) {
		c.Progress(fmt.Sprintf("export: %s, %d more are known of", count(done, "znode"), pending))
	}
	if len(c.Args) == 1 || c.Args[1] == "-" {
		_, err := writeExport(c, r, printer{c})
		if errors.Is(err, errBroken) {
			return nil // the shell tells why, unless the reader has had enough
		}
		return err
	}
	result := &ExportResult{Root: path, File: c.Args[1]}
	err = replaceFile(result.File, func(out io.Writer) error {
		count, err := writeExport(c, r, out)
		if count != nil {
			*result = ExportResult{path, result.File, count.Znodes, count.Bytes, count.Ephemerals, count.Containers, count.TTLs, r.refused, r.left}
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := c.Emit(result, func() { c.exported(r, result) }); err != nil {
		return err
	}
	return errors.Join(r.refusal("export"), r.hiding())
}

// writeExport writes the subtree. What may not be read is left out, and told:
// on stdout by the failure that is returned, in a file by the caller.
func writeExport(c *Context, r *subtreeReader, out io.Writer) (*ExportResult, error) {
	w := export.NewWriter(out, r.root)
	count := &ExportResult{}
	err := r.each(c, func(e *export.Entry) error {
		count.Bytes += int64(len(e.Data))
		switch e.Kind {
		case export.Ephemeral:
			count.Ephemerals++
		case export.Container:
			count.Containers++
		case export.TTL:
			count.TTLs++
		}
		return w.Write(e)
	})
	if err != nil {
		return nil, err
	}
	count.Znodes = w.Count()
	if err := w.Close(); err != nil {
		return nil, err
	}
	if _, stdout := out.(printer); stdout {
		return count, errors.Join(r.refusal("export"), r.hiding())
	}
	return count, nil
}

// hiding is the failure of an export that holds ACLs which are not whole.
func (r *subtreeReader) hiding() error {
	if r.masks == 0 {
		return nil
	}
	return &Failure{Text: fmt.Sprintf("export: this server hides the digests in the ACLs of %s from this session, so an import of the file would be refused (addauth as one who may change them): %s",
		count(r.masks, "znode"), andMore(r.masked, r.masks))}
}

// exported tells what went into a file.
func (c *Context) exported(r *subtreeReader, result *ExportResult) {
	text := fmt.Sprintf("%s: %s with %s of data below %s", result.File, count(int(result.Znodes), "znode"), count(int(result.Bytes), "byte"), result.Root)
	if result.Ephemerals > 0 {
		text += fmt.Sprintf("; %s, which an import leaves out", count(result.Ephemerals, "ephemeral"))
	}
	if r.ownsSystem() {
		text += "; /zookeeper is not in it"
	}
	if r.rest == nil {
		text += "; a server does not tell containers and TTL znodes from others"
	}
	c.Shell.Out.Note(text)
}

// errBroken ends an export that goes nowhere any more.
var errBroken = errors.New("stdout cannot be written to")

// printer writes to the console's stdout.
type printer struct{ c *Context }

func (p printer) Write(b []byte) (int, error) {
	p.c.Print(b)
	if p.c.Shell.Out.Broken() {
		return 0, errBroken
	}
	return len(b), nil
}

// replaceFile makes or replaces a file as a whole: what was there stays until
// the new content is complete and on the disk.
func replaceFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if st, err := os.Stat(name); err == nil {
		mode = st.Mode().Perm()
	}
	if err := os.Chmod(f.Name(), mode); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
