package shell

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"

	"zookit/shell/command"
	"zookit/shell/profile"
	"zookit/shell/session"
)

// profiles is the configuration, read when the first name is asked for: a
// one-liner on given servers shall not wait for it.
type profiles struct {
	env  Env
	o    *options
	once sync.Once
	file *profile.File
	err  error

	mu  sync.Mutex
	tls map[*profile.Profile]*tls.Config // read so far; guarded by mu
}

func (p *profiles) load() (*profile.File, error) {
	p.once.Do(func() { p.file, p.err = profile.Load(profile.Place(p.env.Getenv)) })
	return p.file, p.err
}

// find is the profile of a name, nil when there is none.
func (p *profiles) find(name string) (*command.Profile, error) {
	file, err := p.load()
	if err != nil {
		return nil, err
	}
	entry := file.Profiles[name]
	if entry == nil {
		return nil, nil
	}
	return &command.Profile{
		Name: name, Servers: entry.ConnectString(), Dial: p.dialer(entry), TLS: p.tlsOf(entry),
		ReadOnly: entry.ReadOnly, Protected: entry.Protected, Color: entry.Color,
		NoJournal: entry.Undo != nil && !*entry.Undo, Pager: entry.Pager,
	}, nil
}

func (p *profiles) names() []string {
	file, err := p.load()
	if err != nil {
		return nil
	}
	return file.Names()
}

// begin is the profile that the program starts with: the one that is named, or
// the default when no servers are.
func (p *profiles) begin() (*command.Profile, error) {
	name := p.o.profile
	if name == "" && p.o.compat.Release == command.Own && !p.o.serversGiven {
		file, err := p.load()
		if err != nil {
			return nil, err
		}
		name = file.Default
	}
	if name == "" {
		return &command.Profile{Servers: p.o.servers}, nil
	}
	found, err := p.find(name)
	if err == nil && found == nil {
		file, _ := p.load()
		err = fmt.Errorf("there is no profile %q in %s", name, file.Name)
	}
	return found, err
}

// dialer opens sessions as the options and a profile say; nil is no profile.
// Secrets are read when they are needed.
func (p *profiles) dialer(entry *profile.Profile) command.Dial {
	return func(ctx context.Context, servers string, onEvent func(session.Event)) (command.Session, error) {
		so, err := p.sessionOptions(ctx, entry)
		if err != nil {
			return nil, &command.Failure{Text: "profile " + entry.Name + ": " + err.Error(), Exit: command.ExitClientConfig}
		}
		so.Servers, so.OnEvent = servers, onEvent
		s, err := session.Dial(ctx, so)
		if err != nil {
			return nil, err
		}
		return rooted{s}, nil
	}
}

// sessionOptions are those of the command line, over the profile's, over the
// defaults.
func (p *profiles) sessionOptions(ctx context.Context, entry *profile.Profile) (session.Options, error) {
	o := p.o
	so := session.Options{
		SessionTimeout: o.timeout, ConnectTimeout: o.connectTimeout,
		KeepTrying: o.wait, Background: o.background, ReadOnly: o.readOnly,
		MaxBuffer: o.client.maxBuffer, TLS: o.client.config,
	}
	if entry == nil {
		return so, nil
	}
	if entry.SessionTimeout > 0 && !o.timeoutGiven {
		so.SessionTimeout = entry.SessionTimeout
	}
	if entry.ConnectTimeout > 0 && !o.connectTimeoutGiven {
		so.ConnectTimeout = entry.ConnectTimeout
	}
	so.ReadOnly = so.ReadOnly || entry.ReadOnlyServer
	so.Frozen = entry.ReadOnly
	if entry.MaxBuffer > 0 {
		so.MaxBuffer = entry.MaxBuffer
	}
	for _, a := range entry.Auth {
		identity, err := a.Identity(ctx, p.env.Getenv)
		if err != nil {
			return so, fmt.Errorf("auth: %s: %w", a.Scheme, err)
		}
		so.Identities = append(so.Identities, session.Identity{Scheme: a.Scheme, Auth: identity})
	}
	var err error
	if so.TLS, err = p.tlsOf(entry)(ctx); err != nil {
		return so, fmt.Errorf("tls: %w", err)
	}
	return so, nil
}

// tlsOf is how the servers of a profile are spoken to, read when it is needed:
// as the profile says, else as -client-configuration does. Nil is plain TCP.
func (p *profiles) tlsOf(entry *profile.Profile) func(context.Context) (*tls.Config, error) {
	return func(ctx context.Context) (*tls.Config, error) {
		if entry == nil || entry.TLS == nil {
			return p.o.client.config, nil
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if known := p.tls[entry]; known != nil {
			return known, nil // a command that tells a password asks a person, perhaps
		}
		t, err := entry.TLS.Options(ctx, p.env.Getenv)
		if err != nil {
			return nil, err
		}
		config, err := t.Config()
		if err != nil {
			return nil, err
		}
		if p.tls == nil {
			p.tls = map[*profile.Profile]*tls.Config{}
		}
		p.tls[entry] = config
		return config, nil
	}
}
