package offline

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/shell/export"
)

// onceFlag is true for the first who asks.
type onceFlag struct{ taken atomic.Bool }

func (o *onceFlag) first() bool { return o.taken.CompareAndSwap(false, true) }

// looksLikeExport tells whether a name is a file that begins as an export does.
func looksLikeExport(name string) (bool, error) {
	st, err := os.Stat(name)
	if err != nil || !st.Mode().IsRegular() {
		return false, nil // whoever opens it says what is wrong
	}
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, len(`{"export":`))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return n == 0 && strings.HasSuffix(name, ".jsonl") || string(head[:n]) == `{"export":`, nil
}

// file is Data from an export. Above its root are znodes without data, so that
// one can walk down to it.
type file struct {
	name       string
	root       string
	nodes      map[string]*fileNode
	ephemerals []string
}

type fileNode struct {
	entry    *export.Entry
	children []string
	below    int
}

func (d *file) Load() error {
	f, err := os.Open(d.name)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := export.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	d.nodes, d.root = map[string]*fileNode{}, r.Root()
	d.above(r.Root())
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
		d.add(e)
	}
}

// above adds the parents of a root.
func (d *file) above(root string) {
	if root == "/" {
		return
	}
	parent := protocol.Parent(root)
	d.above(parent)
	d.add(&export.Entry{Path: parent, ACL: protocol.OpenACL, Stat: &protocol.Stat{}})
}

func (d *file) add(e *export.Entry) {
	if e.Stat == nil {
		e.Stat = &protocol.Stat{DataLength: int32(len(e.Data)), EphemeralOwner: e.Owner}
	}
	d.nodes[e.Path] = &fileNode{entry: e}
	if e.Kind == export.Ephemeral {
		d.ephemerals = append(d.ephemerals, e.Path)
	}
	if e.Path == "/" {
		return
	}
	parent := protocol.Parent(e.Path)
	n := d.nodes[parent]
	n.children = append(n.children, protocol.Base(e.Path))
	for {
		d.nodes[parent].below++
		if parent == "/" {
			return
		}
		parent = protocol.Parent(parent)
	}
}

func (d *file) Root() string    { return d.root }
func (d *file) Notes() []string { return nil }

func (d *file) Znode(path string) (data []byte, acl []protocol.ACL, st protocol.Stat, owner protocol.SessionID, ok bool) {
	n := d.nodes[path]
	if n == nil {
		return nil, nil, st, 0, false
	}
	st = *n.entry.Stat
	st.NumChildren = int32(len(n.children))
	return n.entry.Data, n.entry.ACL, st, kindOwner(n.entry), true
}

func (d *file) Children(path string) ([]string, bool) {
	n := d.nodes[path]
	if n == nil {
		return nil, false
	}
	return append([]string{}, n.children...), true
}

func (d *file) Descendants(path string) int { return d.nodes[path].below }
func (d *file) Ephemerals() []string        { return append([]string(nil), d.ephemerals...) }

var errNoLog = errors.New("an export has no transactions; name a data directory")

func (d *file) Txns(func(*txn.Txn) error) ([]string, error) { return nil, errNoLog }
func (d *file) Base(func(string, []byte, protocol.SessionID, *protocol.StatPersisted)) (protocol.Zxid, error) {
	return -1, errNoLog
}
