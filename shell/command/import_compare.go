package command

import (
	"bytes"
	"errors"

	"zookit/protocol"
	"zookit/shell/bulk"
	"zookit/shell/export"
)

// importEntry is a znode of the file, at its new path, and what stands there.
type importEntry struct {
	*export.Entry
	there   *protocol.Stat // nil: nothing
	data    []byte
	acl     []protocol.ACL
	closed  bool // data or ACL may not be read
	renewed int  // how often it was found changed by others while it was written
}

func (e *importEntry) missing() bool { return e.there == nil }
func (e *importEntry) sameData() bool {
	return bytes.Equal(e.data, e.Data) && (e.data == nil) == (e.Data == nil)
}
func (e *importEntry) sameACL() bool { return sameACL(e.acl, e.ACL) }
func (e *importEntry) same() bool {
	return !e.missing() && !e.closed && e.sameData() && e.sameACL()
}

// granting is a znode and its ACL; nil when that is not known.
type granting struct {
	path string
	acl  []protocol.ACL
}

// aclsInFlight is how many getACL are on their way at once.
const aclsInFlight = 64

// compareChunk compares a chunk and counts what is to be done.
func (im *importer) compareChunk(chunk []*importEntry) error {
	if err := im.compare(chunk); err != nil {
		return err
	}
	for _, e := range chunk {
		im.plan(e)
	}
	return nil
}

// plan counts what becomes of a znode.
func (im *importer) plan(e *importEntry) {
	r := &im.result
	for len(im.above) > 0 && !export.Under(e.Path, im.above[len(im.above)-1].path) {
		im.above = im.above[:len(im.above)-1]
	}
	after := e.acl
	switch {
	case e.missing():
		after = e.ACL
		r.Created++
		r.Bytes += int64(len(e.Data))
		if n := len(im.above); n > 0 && im.may.forbids(im.above[n-1].acl, protocol.PermCreate) {
			im.refuse(e.Path + " (permission c of " + im.above[n-1].path + ")")
		}
	case e.same():
		r.Same++
	default:
		note(&r.Conflicts, &r.Examples, e.Path)
		if im.rule == conflictOverwrite {
			after = e.ACL
			im.planOverwrite(e)
		}
	}
	im.above = append(im.above, granting{e.Path, after})
}

func (im *importer) planOverwrite(e *importEntry) {
	r := &im.result
	r.Overwrote++
	if owner := protocol.EphemeralSession(e.there.EphemeralOwner, true); owner != 0 {
		if im.owners[owner]++; r.Ephemerals == nil {
			r.Ephemerals = map[string]int{}
		}
		r.Ephemerals[owner.String()]++
	}
	switch {
	case e.closed:
		im.refuse(e.Path + " (it may not be read)")
	case !e.sameData() && im.may.forbids(e.acl, protocol.PermWrite):
		im.refuse(e.Path + " (permission w)")
	case !e.sameACL() && im.may.forbids(e.acl, protocol.PermAdmin):
		im.refuse(e.Path + " (permission a)")
	}
}

func (im *importer) refuse(place string) { note(&im.refused, &im.result.Refused, place) }

// compare finds out what stands where the znodes of a chunk are to go. Nobody
// is asked about what lies below a znode that is missing or has no children.
func (im *importer) compare(chunk []*importEntry) error {
	for len(chunk) > 0 {
		n := 0
		for n < len(chunk) && !im.isVoid(chunk[n].Path) {
			n++
		}
		if n == 0 {
			chunk = chunk[1:]
			continue
		}
		// The first alone: it often answers for all that follow.
		if err := im.look(chunk[:1]); err != nil {
			return err
		}
		if chunk[0].missing() || chunk[0].there.NumChildren == 0 {
			im.void = chunk[0].Path
			chunk = chunk[1:]
			continue
		}
		rest := chunk[1:n]
		if err := im.look(rest); err != nil {
			return err
		}
		for _, e := range rest {
			if e.missing() && !im.isVoid(e.Path) {
				im.void = e.Path
			}
		}
		chunk = chunk[n:]
	}
	return nil
}

// isVoid tells that nothing stands at a path, as far as is known.
func (im *importer) isVoid(path string) bool {
	return im.void != "" && path != im.void && export.Under(path, im.void)
}

// look reads what stands at the paths of entries.
func (im *importer) look(entries []*importEntry) error {
	if len(entries) == 0 {
		return nil
	}
	paths := make([]string, len(entries))
	for i, e := range entries {
		paths[i] = e.Path
	}
	looks, err := bulk.LookAt(im.c, im.s, paths)
	if err != nil {
		return err
	}
	var there []*importEntry
	for i, e := range entries {
		l := &looks[i]
		e.there, e.data, e.acl, e.closed = nil, nil, nil, false
		switch {
		case l.Err == nil:
			e.there, e.data = &l.Stat, l.Data
			there = append(there, e)
		case errors.Is(l.Err, protocol.NoAuth):
			e.there, e.closed = &l.Stat, true
			there = append(there, e)
		case !errors.Is(l.Err, protocol.NoNode):
			return l.Err
		}
	}
	return inParallel(len(there), aclsInFlight, func(i int) error {
		e := there[i]
		acl, st, err := im.s.GetACL(im.c, e.Path)
		switch {
		case err == nil:
			if e.acl = acl; e.closed {
				e.there = st
			}
			e.there.Aversion, e.there.EphemeralOwner, e.there.NumChildren = st.Aversion, st.EphemeralOwner, st.NumChildren
		case errors.Is(err, protocol.NoNode):
			e.there = nil
		case errors.Is(err, protocol.NoAuth):
			e.closed = true
			st, err := im.s.Exists(im.c, e.Path, false)
			if err != nil {
				return err
			}
			e.there = st
		default:
			return err
		}
		return nil
	})
}
