package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"zookit/protocol"
	"zookit/shell/session"
)

// sourceScheme begins the name of an offline source: file:DATADIR,
// file:snapshot.N, file:export.jsonl.
const sourceScheme = "file:"

// Target is the session and the path that an argument names:
//
//	/app/a          a path here
//	prod:/app/a     a path on the connection or profile prod, opened when needed
//	h1:2181:/app/a  a path on servers that are no profile (h1:2181,h2:2181:/app/a)
//	file:DIR:/app/a a path in an offline source, which ends at the last ":/"
//	file:DIR        its root
//
// The path is checked before anything is dialed. A session of another
// connection stays open for the commands that follow.
func (c *Context) Target(text string) (Session, string, error) {
	name, path := c.named(text)
	if err := protocol.ValidatePath(path); err != nil {
		return nil, "", err
	}
	s, err := c.sessionOf(name)
	return s, path, err
}

// named cuts an argument as SplitTarget does; the path, which is not checked, is
// resolved when it is one here.
func (c *Context) named(text string) (name, path string) {
	if name, path = SplitTarget(text); name == "" || c.Compat.Release != Own {
		return "", c.Shell.resolve(text)
	}
	return name, path
}

// sessionOf is the session of a connection that was named, "" for this one.
func (c *Context) sessionOf(name string) (Session, error) {
	if name == "" {
		return c.Session()
	}
	conn, err := c.Shell.connectionOf(name)
	if err != nil {
		return nil, err
	}
	return c.open(conn)
}

// connectionAt is the connection of a session that a command got.
func (c *Context) connectionAt(s Session) *connection {
	if w, ok := s.(writing); ok && w.conn != nil {
		return w.conn
	}
	return c.Shell.here()
}

// SplitTarget cuts an argument into the name of a connection, profile, list of
// servers or offline source, and a path there. The name is "" for a path here.
func SplitTarget(text string) (name, path string) {
	if source, ok := strings.CutPrefix(text, sourceScheme); ok && source != "" {
		if i := strings.LastIndex(source, ":/"); i > 0 {
			return text[:len(sourceScheme)+i], source[i+1:]
		}
		return text, "/"
	}
	i := strings.Index(text, ":/")
	if i <= 0 || strings.Contains(text[:i], "/") {
		return "", text
	}
	return text[:i], text[i+1:]
}

// Opened is the session of a target and the path there, without opening
// anything: nil when there is no such session yet.
func (s *Shell) Opened(text string) (Session, string) {
	name, path := SplitTarget(text)
	if name == "" {
		return s.Current(), text
	}
	conn := s.find(name)
	if conn == nil {
		return nil, path
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return conn.session, path
}

// connectionOf finds or adds the connection that a target or use names.
func (s *Shell) connectionOf(name string) (*connection, error) {
	if conn := s.find(name); conn != nil {
		return conn, nil
	}
	p, err := s.profileOrServers(name)
	if err != nil {
		return nil, err
	}
	if p.isWord() {
		return nil, noSuchConnection(name)
	}
	return s.add(p), nil
}

// isWord tells of servers that are a bare word, which may be a mistyped name.
func (p *Profile) isWord() bool { return p.Name == "" && !strings.ContainsAny(p.Servers, ":,/") }

func noSuchConnection(name string) error {
	return &Failure{Text: fmt.Sprintf("there is no connection or profile %q (\"use\" lists them; servers are written host:port)", name)}
}

// profileOrServers is the profile of a name, else one for servers given by
// their addresses, which are looked at but not dialed.
func (s *Shell) profileOrServers(name string) (*Profile, error) {
	p, err := s.profile(name)
	if p != nil || err != nil {
		return p, err
	}
	if strings.HasPrefix(name, sourceScheme) {
		return &Profile{Servers: name, ReadOnly: true}, nil
	}
	if _, _, err := session.ParseServers(name); err != nil {
		return nil, err
	}
	return &Profile{Servers: name}, nil
}

// open is the session of a connection as a command gets it.
func (c *Context) open(conn *connection) (Session, error) {
	s, err := c.Shell.open(c.Context, conn)
	if connect := (*session.ConnectError)(nil); errors.As(err, &connect) {
		// Apache's client fails the first request instead, naming its path.
		loss := &session.ConnectionLossError{Reason: connect}
		if len(c.Args) > 0 && strings.HasPrefix(c.Args[0], "/") {
			loss.Path = c.Args[0]
		}
		return nil, loss
	}
	if err != nil {
		return nil, err
	}
	return writing{s, c, conn, false}, nil
}

// dialAny opens a session with servers, or an offline source.
func (s *Shell) dialAny(ctx context.Context, servers string, onEvent func(session.Event)) (Session, error) {
	source, ok := strings.CutPrefix(servers, sourceScheme)
	if !ok {
		return s.Dial(ctx, servers, onEvent)
	}
	if s.OpenSource == nil {
		return nil, &Failure{Text: servers + ": this program reads no data of stopped servers"}
	}
	return s.OpenSource(ctx, source)
}
