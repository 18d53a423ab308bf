package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"zookit/protocol"
	"zookit/shell/export"
	"zookit/shell/value"
)

var logCommand = &Command{
	Name:  "log",
	In:    Own,
	Usage: Usage{Own: "[-R] [-v] path"},
	Flags: []Flag{
		{Name: "R", Help: "also the znodes below it"},
		{Name: "v", Help: "show how data changed, line by line"},
	},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "show the history of a znode from the transaction logs of a server",
	Help: "path is file:DATADIR:/path, or /path under -server file:DATADIR; the server may be running. A line each change: zxid, time, session,\n" +
		"operation, data before → after, version. How far back it goes depends on what the server has purged.",
	Example: []string{"log file:/var/lib/zookeeper:/app/config", "log -v file:/etc/zookeeper/zoo.cfg:/app/config"},
	Min:     1, Max: 1,
	Run: runLog,
}

// LogEntry is the record of a change that log found.
type LogEntry struct {
	Zxid      string   `json:"zxid"`
	Time      string   `json:"time"`    // RFC 3339, UTC
	Session   string   `json:"session"` // "0x0": the server itself
	Op        string   `json:"op"`      // create, setData, setACL, delete, closeSession, …
	Multi     bool     `json:"multi,omitempty"`
	Path      string   `json:"path"`
	Kind      string   `json:"kind,omitempty"` // of a created znode: ephemeral, container, ttl
	TTLMs     int64    `json:"ttl,omitempty"`
	Version   *int32   `json:"version,omitempty"` // after create and setData
	Aversion  *int32   `json:"aversion,omitempty"`
	ACL       []string `json:"acl,omitempty"`       // after create and setACL
	Old       *string  `json:"old,omitempty"`       // data before, where it is known and text
	OldBase64 []byte   `json:"oldBase64,omitempty"` // data before, where it is known and no text
	New       *string  `json:"new,omitempty"`
	NewBase64 []byte   `json:"newBase64,omitempty"`
}

func runLog(c *Context) error {
	s, path, err := c.Target(c.Args[0])
	if err != nil {
		return err
	}
	rest, ok := atRest(s)
	if !ok {
		return &Failure{Text: fmt.Sprintf("log: a server tells nobody its transactions; name its data directory: log file:DATADIR:%s", path)}
	}
	found := 0
	notes, err := rest.History(c, path, c.Has("R"), func(change *Change) error {
		found++
		if c.Shell.Out.Broken() {
			return errDiffer
		}
		return c.Emit(logEntry(change), func() { c.printChange(change) })
	})
	for _, n := range notes {
		c.Shell.Out.Note("log: " + n)
	}
	if err == nil && found == 0 {
		c.Shell.Out.Note(fmt.Sprintf("log: the transaction logs that are there do not touch %s", path))
	}
	return err
}

func logEntry(ch *Change) *LogEntry {
	e := &LogEntry{Zxid: ch.Zxid.String(), Time: time.UnixMilli(ch.TimeMs).UTC().Format("2006-01-02T15:04:05.000Z07:00"), Session: ch.Session.String(),
		Op: ch.Op, Multi: ch.Multi, Path: ch.Path, Kind: ch.Kind, TTLMs: ch.TTLMs}
	if ch.ACL != nil {
		e.ACL = export.ACLText(ch.ACL)
	}
	if ch.OldSeen {
		e.Old, e.OldBase64 = textOrBytes(ch.Old)
	}
	switch {
	case ch.setsData():
		e.Version = &ch.Version
		e.New, e.NewBase64 = textOrBytes(ch.Data)
	case ch.Op == protocol.OpSetACL.String():
		e.Aversion = &ch.Version
	}
	return e
}

func textOrBytes(data []byte) (*string, []byte) {
	switch {
	case data == nil:
		return nil, nil
	case export.IsText(data):
		text := string(data)
		return &text, nil
	}
	return nil, data
}

// setsData tells that the change left data behind.
func (ch *Change) setsData() bool { return !ch.removes() && ch.Op != protocol.OpSetACL.String() }

func (ch *Change) removes() bool {
	switch ch.Op {
	case protocol.OpDelete.String(), protocol.OpDeleteContainer.String(), protocol.OpCloseSession.String():
		return true
	}
	return false
}

// creates tells that there was nothing before.
func (ch *Change) creates() bool { return strings.HasPrefix(ch.Op, protocol.OpCreate.String()) }

// printChange prints a line, and with -v the data.
func (c *Context) printChange(ch *Change) {
	at := time.UnixMilli(ch.TimeMs).In(c.Shell.Out.location()).Format("2006-01-02 15:04:05.000 MST")
	op := ch.Op
	if ch.Multi {
		op = "multi:" + op
	}
	old := "?"
	if ch.OldSeen {
		old = brief(ch.Old)
	}
	var what string
	switch {
	case ch.creates():
		what = brief(ch.Data)
		switch ch.Kind {
		case "":
		case string(export.TTL):
			what += fmt.Sprintf("  ttl %d ms", ch.TTLMs)
		default:
			what += "  " + ch.Kind
		}
	case ch.removes():
		what = old
	case ch.setsData():
		what = fmt.Sprintf("%s → %s  version %d", old, brief(ch.Data), ch.Version)
	default:
		what = fmt.Sprintf("%s  version %d", strings.Join(export.ACLText(ch.ACL), ","), ch.Version)
	}
	c.Printf("%v  %s  %v  %-7s  %s  %s\n", ch.Zxid, at, ch.Session, op, ch.Path, what)
	if !c.Has("v") || !ch.setsData() || !ch.creates() && !ch.OldSeen {
		return
	}
	c.printDataDiff(value.Diff(ch.Old, ch.Data))
}

// briefRunes is how much of a text stands in a line.
const briefRunes = 48

// brief is data in a few words: short text in quotes, else its size.
func brief(data []byte) string {
	switch {
	case data == nil:
		return "null"
	case len(data) <= 4*briefRunes && export.IsText(data) && utf8.RuneCount(data) <= briefRunes:
		return strconv.Quote(string(data))
	}
	return count(len(data), "byte")
}
