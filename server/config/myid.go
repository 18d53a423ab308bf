package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
)

// A myidFile is dataDir/myid as it was found.
type myidFile struct {
	path string
	word string // the first line
	err  error  // why there is none
	why  string // why the first line is no id
	more bool   // there is text on further lines
}

// readMyID reads dataDir/myid, of which Apache takes the first line (QuorumPeerConfig.setupMyId).
func (l *loader) readMyID() (f myidFile) {
	if l.config.DataDir == "" {
		f.err = fs.ErrNotExist
		return f
	}
	f.path = filepath.Join(l.config.DataDir, "myid")
	text, err := l.env.readFile(f.path)
	if err != nil {
		f.err = err
		return f
	}
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	f.word = strings.TrimSuffix(string(line), "\r")
	f.more = len(bytes.TrimSpace(rest)) > 0
	n, why := wholeNumber(f.word)
	if why != "" {
		f.why = fmt.Sprintf("%q is not a number", cut(f.word))
		return f
	}
	l.config.MyID = n
	return f
}

// checkMyID says what is wrong with the file. A server alone needs none, and reads none it may not read.
func (l *loader) checkMyID(f myidFile) {
	if l.failed("dataDir") || f.path == "" {
		return
	}
	c := l.config
	refuse := func(line int, why, mend string) {
		l.problems = append(l.problems, &Error{File: f.path, Line: line, Value: cut(f.word), Why: why, Mend: mend})
	}
	if !c.Distributed() {
		if f.why != "" {
			refuse(1, f.why, "write the server's number alone on the first line, or remove the file: a server alone needs none")
		}
		return
	}
	_, known := c.Self()
	_, why := serverID(f.word)
	switch {
	case errors.Is(f.err, fs.ErrNotExist) || errors.Is(f.err, syscall.EISDIR):
		refuse(0, "the file is missing, and a server of an ensemble has its number in it", "write this machine's N of server.N into it, alone on the first line")
	case f.err != nil:
		refuse(0, readFailure(f.err), "make the file readable")
	case f.why != "":
		refuse(1, f.why, "write this machine's N of server.N, alone on the first line and without blanks")
	case why != "":
		refuse(1, why, "write this machine's N of server.N")
	case !known && c.Ensemble.ReconfigEnabled && c.Ensemble.Servers.Version != 0:
		refuse(1, fmt.Sprintf("server %d is no member of the ensemble any more: the configuration of version %x is of the servers %s", c.MyID, uint64(c.Ensemble.Servers.Version), l.ids()),
			fmt.Sprintf("to have it join again, remove the line dynamicConfigFile from %s, write the server lines of the ensemble and its own there, start it, and add it with reconfig", printable(l.file)))
	case !known:
		refuse(1, fmt.Sprintf("there is no server.%d among the servers %s", c.MyID, l.ids()), "write the number of this machine's server line, or add that line on every server")
	case c.ExtendedTypes && c.MyID > maxExtendedID:
		refuse(1, fmt.Sprintf("with extendedTypesEnabled=true a server's id is at most %d", maxExtendedID), "renumber the server, or leave TTL nodes off")
	case f.more:
		l.warnAt(f.path, "", "only the first line counts; %d is taken", c.MyID)
	}
}

// maxExtendedID is EphemeralType.MAX_EXTENDED_SERVER_ID: an owner whose first byte is 0xff is a TTL.
const maxExtendedID = 254

// ids lists the servers of the configuration, not more than a line's worth.
func (l *loader) ids() string {
	var ids []string
	for i, m := range l.config.Ensemble.Servers.Members {
		if i == 16 {
			ids = append(ids, "…")
			break
		}
		ids = append(ids, fmt.Sprint(m.ID))
	}
	return strings.Join(ids, ", ")
}
