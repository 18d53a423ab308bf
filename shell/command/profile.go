package command

import (
	"context"
	"crypto/tls"
)

// Profile is what a name stands for: servers, and how to deal with them.
type Profile struct {
	Name    string // "" for servers that were given by their addresses
	Servers string // a connect string, or file:… for an offline source

	// Dial opens its sessions; nil means the shell's. A ReadOnly profile's
	// opens sessions that refuse to write.
	Dial Dial

	// TLS is how its servers are spoken to where a session is not: for
	// four-letter words. Nil for plain TCP.
	TLS func(context.Context) (*tls.Config, error)

	ReadOnly  bool   // told by the prompt
	Protected bool   // at the prompt, a command that writes asks for the name first
	Color     string // of the prompt: red, green, yellow, blue, magenta, cyan; "" for none
	NoJournal bool   // changes are not kept for undo
	Pager     string // shows long results: a command line, or off; "" is the shell's
}

// Label is how the profile is called: by its name, else by its servers.
func (p *Profile) Label() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Servers
}

// profile finds a profile by its name; nil when there is none.
func (s *Shell) profile(name string) (*Profile, error) {
	if s.Profiles == nil || name == "" {
		return nil, nil
	}
	return s.Profiles(name)
}
