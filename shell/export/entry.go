// Package export is the file form of a subtree: JSON lines that are the same for
// the same znodes, in one order, readable and good to compare. It knows neither
// sessions nor the terminal.
//
// # The file
//
// UTF-8, each line one JSON object ended by a line feed, keys in the order given
// here. The first line:
//
//	{"export":"znodes","format":1,"root":"/app"}
//
// Then a line for root and for each znode below it, a parent before its
// children and siblings in the order of their bytes:
//
//	path    absolute, as the client that exported it saw it
//	kind    "ephemeral", "container" or "ttl"; missing: persistent, or not told
//	owner   the session of an ephemeral znode, "0x…"
//	ttl     of a TTL znode, in ms
//	data    the data, when it is text: valid UTF-8 without control characters but
//	        tab, line feed and carriage return
//	base64  the data otherwise; a znode with neither has null for data
//	acl     a list of "scheme:id:perms", perms of the letters cdrwa
//	stat    czxid, mzxid, pzxid ("0x…"), ctime, mtime (ms since 1970), version,
//	        cversion, aversion; missing when left out
//
// The last line seals those before it: how many znodes there are, and the
// SHA-256 of all bytes in front of it:
//
//	{"count":2,"sha256":"…"}
package export

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"zookit/protocol"
)

// Format is the version of the file form.
const Format = 1

// Kind is what sort of znode one is.
type Kind string

const (
	Persistent Kind = "" // or not told: the protocol shows containers and TTL znodes as persistent
	Ephemeral  Kind = "ephemeral"
	Container  Kind = "container"
	TTL        Kind = "ttl"
)

// KindOf is what a stored owner says of a znode, and its TTL in ms.
func KindOf(owner protocol.SessionID) (kind Kind, ttlMs int64) {
	switch {
	case owner == protocol.ContainerOwner:
		return Container, 0
	case protocol.TTLOf(owner, true) > 0:
		return TTL, protocol.TTLOf(owner, true)
	case owner != 0:
		return Ephemeral, 0
	}
	return Persistent, 0
}

// Entry is a znode.
type Entry struct {
	Path  string
	Kind  Kind
	Owner protocol.SessionID // of an ephemeral znode
	TTLMs int64              // of a TTL znode
	Data  []byte             // nil for null
	ACL   []protocol.ACL
	Stat  *protocol.Stat // nil when it was left out
}

// Before tells whether a path comes before another: a parent before its
// children, siblings in the order of their bytes.
func Before(a, b string) bool {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] == '/' || b[i] != '/' && a[i] < b[i]
		}
	}
	return len(a) < len(b)
}

// Under tells whether a path is root or lies below it.
func Under(path, root string) bool {
	return path == root || root == "/" || strings.HasPrefix(path, root) && path[len(root)] == '/'
}

// The lines, with their keys in the order of the file.
type (
	headLine struct {
		Export string `json:"export"`
		Format int    `json:"format"`
		Root   string `json:"root"`
	}
	entryLine struct {
		Path   string    `json:"path"`
		Kind   Kind      `json:"kind,omitempty"`
		Owner  string    `json:"owner,omitempty"`
		TTL    int64     `json:"ttl,omitempty"`
		Data   *string   `json:"data,omitempty"`
		Base64 *string   `json:"base64,omitempty"`
		ACL    []string  `json:"acl"`
		Stat   *statLine `json:"stat,omitempty"`
	}
	statLine struct {
		Czxid    string `json:"czxid"`
		Mzxid    string `json:"mzxid"`
		Pzxid    string `json:"pzxid"`
		Ctime    int64  `json:"ctime"`
		Mtime    int64  `json:"mtime"`
		Version  int32  `json:"version"`
		Cversion int32  `json:"cversion"`
		Aversion int32  `json:"aversion"`
	}
	tailLine struct {
		Count  int64  `json:"count"`
		SHA256 string `json:"sha256"`
	}
)

const headWord = "znodes"

func (e *Entry) line() *entryLine {
	l := &entryLine{Path: e.Path, Kind: e.Kind, TTL: e.TTLMs, ACL: ACLText(e.ACL)}
	if e.Kind == Ephemeral && e.Owner != 0 {
		l.Owner = e.Owner.String()
	}
	switch {
	case e.Data == nil:
	case IsText(e.Data):
		text := string(e.Data)
		l.Data = &text
	default:
		text := base64.StdEncoding.EncodeToString(e.Data)
		l.Base64 = &text
	}
	if st := e.Stat; st != nil {
		l.Stat = &statLine{st.Czxid.String(), st.Mzxid.String(), st.Pzxid.String(), st.Ctime, st.Mtime, st.Version, st.Cversion, st.Aversion}
	}
	return l
}

// entry is the znode of a line, without its ACL; children are not counted.
func (l *entryLine) entry() (*Entry, error) {
	if err := protocol.ValidatePath(l.Path); err != nil {
		return nil, err
	}
	e := &Entry{Path: l.Path, Kind: l.Kind, TTLMs: l.TTL}
	var err error
	switch l.Kind {
	case Persistent, Container:
	case TTL:
		err = protocol.ValidateTTL(l.TTL)
	case Ephemeral:
		var owner uint64
		owner, err = number(l.Owner)
		e.Owner = protocol.SessionID(owner)
	default:
		err = fmt.Errorf("kind %q is none of ephemeral, container, ttl", l.Kind)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case l.Data != nil && l.Base64 != nil:
		return nil, fmt.Errorf("%s: both data and base64", l.Path)
	case l.Data != nil:
		e.Data = []byte(*l.Data)
	case l.Base64 != nil:
		if e.Data, err = base64.StdEncoding.DecodeString(*l.Base64); err != nil {
			return nil, fmt.Errorf("%s: base64: %w", l.Path, err)
		}
	}
	if l.Stat != nil {
		if e.Stat, err = l.Stat.stat(); err != nil {
			return nil, fmt.Errorf("%s: stat: %w", l.Path, err)
		}
		e.Stat.DataLength = int32(len(e.Data))
		e.Stat.EphemeralOwner = e.Owner
	}
	return e, nil
}

func (l *statLine) stat() (*protocol.Stat, error) {
	st := &protocol.Stat{Ctime: l.Ctime, Mtime: l.Mtime, Version: l.Version, Cversion: l.Cversion, Aversion: l.Aversion}
	for _, z := range []struct {
		text string
		to   *protocol.Zxid
	}{{l.Czxid, &st.Czxid}, {l.Mzxid, &st.Mzxid}, {l.Pzxid, &st.Pzxid}} {
		n, err := number(z.text)
		if err != nil {
			return nil, err
		}
		*z.to = protocol.Zxid(n)
	}
	return st, nil
}

func number(text string) (uint64, error) {
	digits, ok := strings.CutPrefix(text, "0x")
	n, err := strconv.ParseUint(digits, 16, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("%q is no hexadecimal number", text)
	}
	return n, nil
}

// IsText tells whether data is written as text.
func IsText(data []byte) bool {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return false
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r >= 0x7f && r < 0xa0:
			return false
		}
		i += size
	}
	return true
}
