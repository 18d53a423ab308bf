package command

import (
	"bytes"
	"errors"
	"fmt"

	"zookit/protocol"
	"zookit/shell/export"
)

// importEntry is a znode of the file, at its new path, and what stands there.
type importEntry struct {
	*export.Entry
	there *protocol.Stat // nil: nothing
	data  []byte
	acl   []protocol.ACL
}

func (e *importEntry) missing() bool { return e.there == nil }
func (e *importEntry) sameData() bool {
	return bytes.Equal(e.data, e.Data) && (e.data == nil) == (e.Data == nil)
}
func (e *importEntry) sameACL() bool { return sameACL(e.acl, e.ACL) }
func (e *importEntry) same() bool    { return !e.missing() && e.sameData() && e.sameACL() }

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
		if err := im.look(chunk[0]); err != nil {
			return err
		}
		if chunk[0].missing() || chunk[0].there.NumChildren == 0 {
			im.void = chunk[0].Path
			chunk = chunk[1:]
			continue
		}
		rest := chunk[1:n]
		if err := inParallel(len(rest), listsInFlight, func(i int) error { return im.look(rest[i]) }); err != nil {
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

// look reads what stands at the path of an entry.
func (im *importer) look(e *importEntry) error {
	e.there, e.data, e.acl = nil, nil, nil
	data, st, err := im.s.Get(im.c, e.Path, false)
	if errors.Is(err, protocol.NoNode) {
		return nil
	}
	if err != nil {
		return err
	}
	acl, _, err := im.s.GetACL(im.c, e.Path)
	if errors.Is(err, protocol.NoNode) {
		return nil
	}
	if err != nil {
		return err
	}
	e.there, e.data, e.acl = st, data, acl
	return nil
}

// importAttempts is how often a chunk is looked at again when others change
// its znodes meanwhile.
const importAttempts = 4

// apply writes a chunk: what is missing is created and, where the rule says so,
// what differs is overwritten, if it still has the version that was read. It
// goes in as few transactions as requests allow, and ACLs one by one.
func (im *importer) apply(chunk []*importEntry) error {
	for attempt := 1; ; attempt++ {
		if err := im.compare(chunk); err != nil {
			return err
		}
		err := im.send(chunk)
		changed := errors.Is(err, protocol.NodeExists) || errors.Is(err, protocol.BadVersion) || errors.Is(err, protocol.NoNode)
		if err == nil || !changed {
			return err
		}
		if attempt == importAttempts {
			return fmt.Errorf("others are changing the same znodes: %w", err)
		}
		im.void = ""
	}
}

func (im *importer) send(chunk []*importEntry) error {
	var ops []protocol.MultiOp
	size := 0
	flush := func() error {
		if len(ops) == 0 {
			return nil
		}
		_, err := im.s.Multi(im.c, ops)
		ops, size = nil, 0
		return err
	}
	for _, e := range chunk {
		if n := requestSize(e.Entry); size+n > importChunkBytes {
			if err := flush(); err != nil {
				return err
			}
			size = n
		} else {
			size += n
		}
		switch {
		case e.missing() && e.Kind != export.Persistent:
			if err := errors.Join(flush(), im.createSpecial(e)); err != nil {
				return err
			}
		case e.missing():
			ops = append(ops, protocol.MultiOp{Type: protocol.OpCreate, Record: &protocol.CreateRequest{Path: e.Path, Data: e.Data, ACL: e.ACL}})
		case e.same() || im.rule == conflictSkip:
		case im.rule == conflictFail:
			return &Failure{Text: fmt.Sprintf("import: %s has appeared with other data or another ACL", e.Path)}
		case !e.sameData():
			ops = append(ops, protocol.MultiOp{Type: protocol.OpSetData, Record: &protocol.SetDataRequest{Path: e.Path, Data: e.Data, Version: e.there.Version}})
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if im.rule != conflictOverwrite {
		return nil
	}
	for _, e := range chunk {
		if !e.missing() && !e.sameACL() {
			if _, err := im.s.SetACL(im.c, e.Path, e.ACL, e.there.Aversion); err != nil {
				return err
			}
		}
	}
	return nil
}

// createSpecial creates a container or a TTL znode, and a persistent one where
// the server has no such thing: 3.4 knows neither, and TTLs are an option.
func (im *importer) createSpecial(e *importEntry) error {
	flags := protocol.FlagContainer
	if e.Kind == export.TTL {
		flags = protocol.FlagTTL
	}
	_, _, err := im.s.Create(im.c, e.Path, e.Data, e.ACL, flags, e.TTLMs)
	if errors.Is(err, protocol.Unimplemented) {
		if _, _, err = im.s.Create(im.c, e.Path, e.Data, e.ACL, protocol.FlagPersistent, 0); err == nil {
			note(&im.result.Plain, &im.result.PlainOnes, e.Path)
		}
	}
	return err
}
