package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"zookit/protocol"
	"zookit/shell/bulk"
	"zookit/shell/export"
)

// openImport opens the file of an import, which is read twice: stdin is copied
// into a private file first. done closes it, and removes the copy.
func (c *Context) openImport(name string) (f *os.File, done func(), err error) {
	if name != "-" {
		if f, err = os.Open(name); err != nil {
			return nil, nil, &Failure{Text: "import: " + err.Error(), Err: err}
		}
		return f, func() { f.Close() }, nil
	}
	if c.Shell.Stdin == nil {
		return nil, nil, &Failure{Text: "import: - is stdin, from which the commands come here; name a file (./- is one of that name)"}
	}
	if f, err = os.CreateTemp("", "zkcli-import-*"); err != nil { // mode 0600
		return nil, nil, &Failure{Text: "import: stdin is kept in a file while it is read: " + err.Error(), Err: err}
	}
	done = func() {
		f.Close()
		_ = os.Remove(f.Name())
	}
	if err := c.copyAll(f, c.Shell.Stdin); err != nil {
		done()
		return nil, nil, err
	}
	return f, done, nil
}

// copyAll copies to the end. A read that waits for its other end is left behind
// when the command is interrupted.
func (c *Context) copyAll(to *os.File, from io.Reader) error {
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(to, from)
		done <- err
	}()
	select {
	case <-c.Done():
		return context.Cause(c)
	case err := <-done:
		if err != nil {
			return &Failure{Text: "import: stdin: " + plainReason(err), Err: err}
		}
		_, err = to.Seek(0, io.SeekStart)
		return err
	}
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
	if im.s, im.target, err = im.c.Target(target); err != nil {
		return err
	}
	if _, ok := atRest(im.s); ok {
		_, _, err := im.s.Create(im.c, im.target, nil, protocol.OpenACL, protocol.FlagPersistent, 0)
		return err // it refuses in its own words
	}
	im.s, im.rec = unrecorded(im.s)
	im.may = im.c.permits(im.s)
	if im.target == "/" {
		return nil
	}
	parent := protocol.Parent(im.target)
	acl, _, err := im.s.GetACL(im.c, parent)
	switch {
	case errors.Is(err, protocol.NoNode):
		return &Failure{Text: fmt.Sprintf("Node does not exist: %s; create it first, it is to hold %s", parent, im.target), Err: err}
	case errors.Is(err, protocol.NoAuth): // neither r nor a; c may be granted all the same
	case err != nil:
		return err
	}
	im.above = []granting{{parent, acl}}
	return nil
}

// unusable is the failure for a file that is no whole export.
func (im *importer) unusable(err error) error {
	text := "import: " + im.file + ": " + err.Error()
	if !im.write {
		text += "; nothing was written"
	}
	return &Failure{Text: text, Err: err}
}

// pass goes through the file, in chunks.
func (im *importer) pass(f io.ReadSeeker, write bool, each func(chunk []*importEntry) error) error {
	im.write, im.void, im.above = write, "", im.above[:min(len(im.above), 1)]
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
		if err := im.c.Err(); err != nil {
			return err
		}
		var chunk []*importEntry
		if chunk, done, err = im.read(r); err != nil {
			return im.unusable(err)
		}
		if err := each(chunk); err != nil {
			return err
		}
		if !write {
			im.c.Progress(fmt.Sprintf("import: %s compared", count(int(r.Count()), "znode")))
		}
	}
	return nil
}

// A chunk is what is compared together.
const (
	importChunk      = 1000
	importChunkBytes = bulk.MaxBatchBytes
)

// read takes the next chunk from the file; ephemerals are noted and left out.
func (im *importer) read(r *export.Reader) (chunk []*importEntry, done bool, err error) {
	size := 0
	for len(chunk) < importChunk && size < importChunkBytes {
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
			im.counting.Lock()
			note(&im.result.LeftOut, &im.result.Left, e.Path)
			im.counting.Unlock()
			continue
		}
		chunk = append(chunk, &importEntry{Entry: e})
		size += len(e.Path) + len(e.Data)
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
