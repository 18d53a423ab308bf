package storage

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"zookit/protocol"
)

// ErrCorrupt marks every error that says a file does not hold what was once
// written to it. Whether that is the end a crash leaves or damage is decided
// by recovery alone.
var ErrCorrupt = errors.New("corrupt")

// DamageError refuses a history that is not whole. Nothing has been changed
// on the disk.
type DamageError struct {
	File   string // path
	Offset int64  // in File
	// FirstZxid to LastZxid are the txns at stake: the first that cannot be
	// read and the highest known to have been there. 0 when they are not known;
	// LastZxid may be only a lower bound.
	FirstZxid, LastZxid protocol.Zxid
	Cause               string
	Mend                string
	// Acceptable says that Config.AcceptDataLoss = FirstZxid would start without
	// them.
	Acceptable bool
}

func (e *DamageError) Error() string {
	var b strings.Builder
	b.WriteString(e.Brief())
	mend := e.Mend
	if mend == "" {
		mend = "restore " + filepath.Dir(e.File) + " from a backup"
	}
	fmt.Fprintf(&b, ". To mend: %s", mend)
	if e.Acceptable {
		fmt.Fprintf(&b, "; or, to start without them for good, set %s=%v for one start (the files are kept in %s)",
			AcceptDataLossKey, e.FirstZxid, damagedDir(filepath.Dir(e.File), e.FirstZxid))
	}
	return b.String()
}

// Brief is what is damaged and what is at stake, without the mend.
func (e *DamageError) Brief() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is damaged", e.File)
	if e.Offset > 0 {
		fmt.Fprintf(&b, " at offset %d", e.Offset)
	}
	fmt.Fprintf(&b, ": %s", e.Cause)
	switch {
	case e.FirstZxid > 0 && e.LastZxid > e.FirstZxid:
		fmt.Fprintf(&b, "; transactions %v to at least %v are at stake", e.FirstZxid, e.LastZxid)
	case e.FirstZxid > 0:
		fmt.Fprintf(&b, "; transactions from %v on are at stake", e.FirstZxid)
	}
	return b.String()
}

// Is makes errors.Is(err, ErrCorrupt) true.
func (e *DamageError) Is(target error) bool { return target == ErrCorrupt }

func damagedDir(dir string, first protocol.Zxid) string {
	return filepath.Join(dir, damagedPrefix+first.String())
}
