package probe

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"zookit/protocol"
)

// Dump is what a server knows of all sessions of the ensemble.
type Dump struct {
	// Sessions that have not ended, ascending: all of them from a leader, those
	// it knows from another server. Nil when the server did not tell them: a
	// follower's AdminServer leaves them out.
	Sessions []protocol.SessionID
	// Ephemerals are the paths of each session's, sorted.
	Ephemerals map[protocol.SessionID][]string
}

// Dump asks for sessions and their ephemerals (dump).
func (p *Prober) Dump(ctx context.Context, server string) (*Dump, Via, error) {
	var d *Dump
	via, err := p.ask(ctx, server, "dump", "dump",
		func(text string) error { d = ParseDump(text); return nil },
		func(body []byte) (err error) { d, err = parseAdminDump(body); return err })
	return d, via, err
}

// ParseDump reads the three parts of the answer: sessions, by the time of their
// expiry (leader and standalone: "\t0x…") or with their timeout (learners:
// "0x…\t4000ms"); ephemerals ("0x…:" and "\t/path" lines); connections.
func ParseDump(text string) *Dump {
	d := &Dump{Ephemerals: map[protocol.SessionID][]string{}}
	const (
		sessions = iota
		ephemerals
		connections
	)
	part, owner := sessions, protocol.SessionID(0)
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "ephemeral nodes dump:"):
			part = ephemerals
		case strings.HasPrefix(line, "Connections dump:"):
			part = connections
		case part == sessions:
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			if id, err := ParseSession(word); err == nil && strings.HasPrefix(word, "0x") {
				d.Sessions = append(d.Sessions, id)
			}
		case part == ephemerals && strings.HasPrefix(line, "0x"):
			owner, _ = ParseSession(strings.TrimSuffix(line, ":"))
		case part == ephemerals && strings.HasPrefix(line, "\t") && owner != 0:
			d.Ephemerals[owner] = append(d.Ephemerals[owner], line[1:])
		}
	}
	return d.sorted()
}

func parseAdminDump(body []byte) (*Dump, error) {
	var answer struct {
		Expiries   map[string][]protocol.SessionID `json:"expiry_time_to_session_ids"`
		Ephemerals map[string][]string             `json:"session_id_to_ephemeral_paths"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	d := &Dump{Ephemerals: map[protocol.SessionID][]string{}}
	for _, ids := range answer.Expiries {
		d.Sessions = append(d.Sessions, ids...)
	}
	for text, paths := range answer.Ephemerals {
		id, err := ParseSession(text)
		if err != nil {
			return nil, err
		}
		d.Ephemerals[id] = paths
	}
	return d.sorted(), nil
}

// Add takes in what another server knows.
func (d *Dump) Add(o *Dump) {
	d.Sessions = append(d.Sessions, o.Sessions...)
	for id, paths := range o.Ephemerals {
		d.Ephemerals[id] = append(d.Ephemerals[id], paths...)
	}
	d.sorted()
}

func (d *Dump) sorted() *Dump {
	slices.Sort(d.Sessions)
	d.Sessions = slices.Compact(d.Sessions)
	for id := range maps.Keys(d.Ephemerals) {
		slices.Sort(d.Ephemerals[id])
		d.Ephemerals[id] = slices.Compact(d.Ephemerals[id])
	}
	return d
}
