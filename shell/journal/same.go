package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"zookit/protocol"
)

// Same says that a znode is again what it was, though its zxids and versions
// are new, because a change was taken back. With it the change before that one
// can be taken back, too.
type Same struct {
	Path string `json:"path"` // without any chroot
	Was  State  `json:"was"`
	Is   State  `json:"is"`
}

// State is what changes with each write of a znode.
type State struct {
	Czxid    protocol.Zxid `json:"czxid"`
	Mzxid    protocol.Zxid `json:"mzxid"`
	Version  int32         `json:"version"`
	Aversion int32         `json:"aversion"`
}

// StateOf is that part of a Stat.
func StateOf(st *protocol.Stat) State { return State{st.Czxid, st.Mzxid, st.Version, st.Aversion} }

// sameFile holds a line of JSON for each Same, the newest last; when it grows
// beyond sameBytes the older half goes.
const (
	sameFile  = "same"
	sameBytes = 1 << 20
)

// Note remembers what undo brought back.
func (j *Journal) Note(list []Same) error {
	name := filepath.Join(j.dir, sameFile)
	old, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, s := range list {
		line, err := json.Marshal(s)
		if err != nil {
			return err
		}
		old = append(append(old, line...), '\n')
	}
	if len(old) > sameBytes {
		old = old[len(old)-sameBytes/2:]
		old = old[bytes.IndexByte(old, '\n')+1:]
	}
	next := name + ".new"
	if err := os.WriteFile(next, old, 0o600); err != nil {
		return err
	}
	return os.Rename(next, name)
}

// Noted is what Note remembers: for a path and state, the state it was before.
// A line that cannot be read is passed over.
func (j *Journal) Noted() map[string]map[State]State {
	noted := map[string]map[State]State{}
	b, err := os.ReadFile(filepath.Join(j.dir, sameFile))
	if err != nil {
		return noted
	}
	for line := range bytes.Lines(b) {
		var s Same
		if json.Unmarshal(line, &s) != nil {
			continue
		}
		if noted[s.Path] == nil {
			noted[s.Path] = map[State]State{}
		}
		noted[s.Path][s.Is] = s.Was
	}
	return noted
}
