package command

import (
	"bytes"
	"context"
	"sync"

	"zookit/shell/export"
)

// subtreeDiff compares two subtrees while both are being read.
type subtreeDiff struct {
	left, right *subtreeReader
	noACL       bool
	found       func(*Difference) error

	only *Difference // a subtree on one side, which may go on
	top  string      // its top, below the root of its side
}

// Difference is the record of one that diff found.
type Difference struct {
	Change  string   `json:"change"`          // left or right: only there; changed
	Left    string   `json:"left,omitempty"`  // the path on that side
	Right   string   `json:"right,omitempty"` // likewise
	Znodes  int      `json:"znodes"`          // of a subtree on one side alone, with its top
	Aspects []string `json:"aspects,omitempty"`

	LeftACL   []string `json:"leftACL,omitempty"` // with the aspect acl
	RightACL  []string `json:"rightACL,omitempty"`
	LeftKind  string   `json:"leftKind,omitempty"` // with the aspect kind
	RightKind string   `json:"rightKind,omitempty"`

	LeftData  []byte `json:"leftData,omitempty"` // base64, with the aspect data; null when there is none
	RightData []byte `json:"rightData,omitempty"`
}

// The aspects in which a znode on both sides can differ.
const (
	aspectData = "data"
	aspectACL  = "acl"
	aspectKind = "kind"
)

// run compares.
func (d *subtreeDiff) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	left, right := startReading(ctx, d.left), startReading(ctx, d.right)
	defer left.wg.Wait()
	defer right.wg.Wait()
	defer cancel()
	l, r := left.next(), right.next()
	for l != nil || r != nil {
		var err error
		switch {
		case r == nil || l != nil && export.Before(l.rel, r.rel):
			err = d.onOne("left", l.rel, l.Path)
			l = left.next()
		case l == nil || export.Before(r.rel, l.rel):
			err = d.onOne("right", r.rel, r.Path)
			r = right.next()
		default:
			if err = d.flush(); err == nil {
				err = d.onBoth(l, r)
			}
			l, r = left.next(), right.next()
		}
		if err != nil {
			return err
		}
		// A side that broke off must not read as one that has ended.
		if l == nil && left.err != nil {
			return left.err
		}
		if r == nil && right.err != nil {
			return right.err
		}
	}
	if left.err != nil {
		return left.err
	}
	if right.err != nil {
		return right.err
	}
	return d.flush()
}

// onOne is a znode on one side. What lies below one that was told is counted.
func (d *subtreeDiff) onOne(side, rel, path string) error {
	if d.only != nil && d.only.Change == side && export.Under(rel, d.top) {
		d.only.Znodes++
		return nil
	}
	if err := d.flush(); err != nil {
		return err
	}
	d.only, d.top = &Difference{Change: side, Znodes: 1}, rel
	if side == "left" {
		d.only.Left = path
	} else {
		d.only.Right = path
	}
	return nil
}

func (d *subtreeDiff) flush() error {
	only := d.only
	if d.only = nil; only == nil {
		return nil
	}
	return d.found(only)
}

func (d *subtreeDiff) onBoth(l, r *sideEntry) error {
	diff := &Difference{Change: "changed", Left: l.Path, Right: r.Path, Znodes: 1}
	if !bytes.Equal(l.Data, r.Data) || (l.Data == nil) != (r.Data == nil) {
		diff.Aspects = append(diff.Aspects, aspectData)
		diff.LeftData, diff.RightData = l.Data, r.Data
	}
	if !d.noACL && !sameACL(l.ACL, r.ACL) {
		diff.Aspects = append(diff.Aspects, aspectACL)
		diff.LeftACL, diff.RightACL = export.ACLText(l.ACL), export.ACLText(r.ACL)
	}
	if left, right := d.kind(l.Entry), d.kind(r.Entry); left != right {
		diff.Aspects = append(diff.Aspects, aspectKind)
		diff.LeftKind, diff.RightKind = left, right
	}
	if diff.Aspects == nil {
		return nil
	}
	return d.found(diff)
}

// kind is what sort of znode one is, as far as both sides can tell.
func (d *subtreeDiff) kind(e *export.Entry) string {
	if e.Kind != export.Persistent && (e.Kind == export.Ephemeral || d.left.rest != nil && d.right.rest != nil) {
		return string(e.Kind)
	}
	return "persistent"
}

// side is a subtree that is being read by a goroutine of its own.
type side struct {
	entries chan *sideEntry
	err     error // valid when entries is closed
	wg      sync.WaitGroup
}

// sideEntry is a znode and its path below the root of its side, "/" for that.
type sideEntry struct {
	*export.Entry
	rel string
}

// sideAhead is how many znodes a side is read ahead of the other.
const sideAhead = 64

func startReading(ctx context.Context, r *subtreeReader) *side {
	s := &side{entries: make(chan *sideEntry, sideAhead)}
	s.wg.Go(func() {
		defer close(s.entries)
		s.err = r.each(ctx, func(e *export.Entry) error {
			rel := e.Path
			if r.root != "/" {
				if rel = e.Path[len(r.root):]; rel == "" {
					rel = "/"
				}
			}
			select {
			case s.entries <- &sideEntry{e, rel}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	return s
}

// next is the next znode, nil at the end or after an error.
func (s *side) next() *sideEntry { return <-s.entries }
