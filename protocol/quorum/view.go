package quorum

import (
	"bytes"
	"slices"
)

// A View is a configuration with what a server needs of it: who decides
// (Verifier) and what it tells others (Text). It does not change.
type View struct {
	*Config
	Verifier *Verifier
	Text     []byte // String of the Config
}

// NewView makes the view of a configuration, which is not changed afterwards.
// The error is NewVerifier's.
func NewView(c *Config) (*View, error) {
	v, err := NewVerifier(c)
	if err != nil {
		return nil, err
	}
	return &View{Config: c, Verifier: v, Text: []byte(c.String())}, nil
}

// ParseView is NewView of the text of a configuration. The text is kept as it
// came, for another implementation may list the servers in another order.
func ParseView(text []byte) (*View, error) {
	c, err := ParseConfig(string(text))
	if err != nil {
		return nil, err
	}
	view, err := NewView(c)
	if err == nil {
		view.Text = bytes.Clone(text)
	}
	return view, err
}

// WithVersion is the same configuration under another version.
func (v *View) WithVersion(version int64) *View {
	c := *v.Config
	c.Version = version
	verifier := *v.Verifier
	verifier.version = version
	return &View{Config: &c, Verifier: &verifier, Text: []byte(c.String())}
}

// SameLeader tells that a server which leads in v can go on leading in next: it
// is a voter there, and where others reach it has not changed
// (Leader.getDesignatedLeader).
func (v *View) SameLeader(next *View, sid int64) bool {
	was, known := v.Member(sid)
	will, stays := next.Member(sid)
	if !known || !stays || will.Observer || len(was.Addresses) != len(will.Addresses) {
		return false
	}
	for _, a := range was.Addresses {
		if !slices.ContainsFunc(will.Addresses, func(b Address) bool { return a.Host == b.Host && a.QuorumPort == b.QuorumPort }) {
			return false
		}
	}
	return true
}
