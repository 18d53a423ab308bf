package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"zookit/protocol/certs"
)

// A SASL is what the keys that begin with quorum.auth. say, with what the JAAS file holds (Apache QuorumPeerConfig,
// SaslQuorumAuthServer, SaslQuorumAuthLearner, SaslQuorumServerCallbackHandler).
type SASL struct {
	Enabled        bool   // quorum.auth.enableSasl
	LearnerRequire bool   // quorum.auth.learnerRequireSasl: this server logs in where it dials
	ServerRequire  bool   // quorum.auth.serverRequireSasl: whoever calls must log in
	LearnerContext string // quorum.auth.learner.saslLoginContext: the section of JAASFile to log in by
	ServerContext  string // quorum.auth.server.saslLoginContext: the section with the users that may call
	JAASFile       string // java.security.auth.login.config

	User     string // of the learner's section
	Password certs.Secret
	Users    map[string]certs.Secret // of the server's section: passwords by name
}

const (
	digestModule   = "org.apache.zookeeper.server.auth.DigestLoginModule"
	kerberosModule = "com.sun.security.auth.module.Krb5LoginModule"
	userOption     = "user_"
)

func defaultSASL() SASL { return SASL{LearnerContext: "QuorumLearner", ServerContext: "QuorumServer"} }

var saslKeys = []key{
	only(fileOnly("quorum.auth.enableSasl", saslFlag(func(s *SASL) *bool { return &s.Enabled }))),
	only(fileOnly("quorum.auth.learnerRequireSasl", saslFlag(func(s *SASL) *bool { return &s.LearnerRequire }))),
	only(fileOnly("quorum.auth.serverRequireSasl", saslFlag(func(s *SASL) *bool { return &s.ServerRequire }))),
	only(fileOnly("quorum.auth.learner.saslLoginContext", saslText(func(s *SASL) *string { return &s.LearnerContext }))),
	only(fileOnly("quorum.auth.server.saslLoginContext", saslText(func(s *SASL) *string { return &s.ServerContext }))),
	only(fileOnly("quorum.auth.kerberos.servicePrincipal", anyText)), // of Kerberos, which the login module decides
	only(fileOnly("quorum.cnxn.threads.size", anyInt)),               // each login has its own goroutine
	only(fileOnly("quorum.*", anyText)),
	only(bare("java.security.auth.login.config", saslText(func(s *SASL) *string { return &s.JAASFile }))),
}

func saslFlag(field func(*SASL) *bool) setter {
	return security(func(s *Security) *bool { return field(&s.SASL) })
}

func saslText(field func(*SASL) *string) setter {
	return func(c *Config, v string) (note, why, mend string) {
		if v == "" {
			return "", "the value is missing", "write it, or leave the line out"
		}
		*field(&c.Ensemble.Security.SASL) = v
		return "", "", ""
	}
}

// peerSASL reads the two sections of the JAAS file.
func (l *loader) peerSASL() {
	s := &l.config.Ensemble.Security.SASL
	if !s.Enabled || l.failed("java.security.auth.login.config") {
		return
	}
	at := l.lines["quorum.auth.enableSasl"]
	if s.JAASFile == "" {
		l.refuse(at.Line, at.Key, at.Bare, "there is no JAAS file", "start with -Djava.security.auth.login.config=FILE, or add it as a line here (Apache takes the argument alone)")
		return
	}
	text, err := l.env.readFile(s.JAASFile)
	if err != nil {
		l.refuse(at.Line, at.Key, at.Bare, "the JAAS file "+printable(s.JAASFile)+": "+readFailure(err), "make it readable, or correct java.security.auth.login.config")
		return
	}
	sections, line, err := parseJAAS(string(text))
	if err != nil {
		l.problems = append(l.problems, &Error{File: s.JAASFile, Line: line, Why: err.Error(), Mend: `write SECTION { CLASS required NAME="VALUE" …; };`})
		return
	}
	if m := l.login(s, sections, s.ServerContext); m != nil {
		s.Users = map[string]certs.Secret{}
		for _, name := range slices.Sorted(maps.Keys(m.options)) {
			if user, ok := strings.CutPrefix(name, userOption); ok && user != "" && m.options[name] != "" {
				s.Users[user] = m.options[name]
			}
		}
		if len(s.Users) == 0 {
			l.problems = append(l.problems, &Error{File: s.JAASFile, Line: m.line, Key: s.ServerContext, Why: "there is no user with a password in it, so no server could call", Mend: `add user_NAME="PASSWORD"`})
		}
	}
	if m := l.login(s, sections, s.LearnerContext); m != nil {
		s.User, s.Password = string(m.options["username"]), m.options["password"]
		if s.User == "" || s.Password == "" {
			l.problems = append(l.problems, &Error{File: s.JAASFile, Line: m.line, Key: s.LearnerContext, Why: "user or password is missing in it", Mend: `write username="NAME" and password="PASSWORD"`})
		}
	}
	if !s.ServerRequire {
		l.warn(at.Line, at.Key, "whoever reaches the ports between servers is let in, with a login or without: set quorum.auth.learnerRequireSasl=true and then quorum.auth.serverRequireSasl=true once all servers have this line")
	}
}

// login is the login module of a section; nil when it was refused.
func (l *loader) login(s *SASL, sections map[string][]jaasModule, name string) *jaasModule {
	modules, known := sections[name]
	refused := &Error{File: s.JAASFile, Key: name}
	switch {
	case !known:
		refused.Why, refused.Mend = "there is no such section", fmt.Sprintf("add %s { %s required …; };", name, digestModule)
	case len(modules) != 1:
		refused.Why, refused.Mend = fmt.Sprintf("%d login modules", len(modules)), "leave one, "+digestModule
	case modules[0].class == kerberosModule:
		refused.Line, refused.Why, refused.Mend = modules[0].line, "Kerberos is not supported by this release", "use "+digestModule+", or TLS (sslQuorum=true), on every server"
	case modules[0].class != digestModule:
		refused.Line, refused.Why, refused.Mend = modules[0].line, "the login module is not known", "use "+digestModule
	default:
		return &modules[0]
	}
	l.problems = append(l.problems, refused)
	return nil
}
