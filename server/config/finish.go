package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// finish settles the defaults that depend on other keys and checks the keys against each other.
func (l *loader) finish(props []property) {
	c := l.config
	if c.DataDir == "" && !l.failed("dataDir") {
		l.refuse(0, "dataDir", "", "not set", "add the line dataDir=/var/lib/zookeeper, or the directory of your choice")
	}
	if c.DataLogDir == "" {
		c.DataLogDir = c.DataDir
	}
	l.relativeDirs()
	l.ensemble(props)
	l.clientTLS()
	if c.ClientPort == unsetPort && c.SecureClients.Port == unsetPort && !l.failed("clientPort") && !l.failed("secureClientPort") {
		l.refuse(l.lines["clientPortAddress"].Line, "clientPort", "", "not set", "add the line clientPort=2181")
	}
	l.sessionTimeouts()
	l.throttle()
	if !l.isSet("jute.maxbuffer.extrasize", "zookeeper.jute.maxbuffer.extrasize") {
		c.MaxBufferExtra = max(c.MaxBuffer, minMaxBufferExtra)
	}
	if c.EnforceAuth && len(c.EnforceAuthSchemes) == 0 && !l.failed("enforce.auth.schemes") {
		l.refuse(l.lines["enforce.auth.enabled"].Line, "enforce.auth.enabled", "true", "enforce.auth.schemes is not set", "add the line enforce.auth.schemes=digest")
	}
	l.unsafe()
}

// failed reports that a line or argument for the key was refused already.
func (l *loader) failed(name string) bool {
	for _, p := range l.problems {
		if e, ok := p.(*Error); ok && (e.Key == name || e.Key == "zookeeper."+name) {
			return true
		}
	}
	return false
}

func (l *loader) isSet(name, property string) bool {
	if _, ok := l.lines[name]; ok {
		return true
	}
	for _, d := range l.defined {
		if d.name == property {
			return true
		}
	}
	return false
}

// relativeDirs warns as Apache's VerifyingFileFactory does; the directory is taken from where the server starts.
func (l *loader) relativeDirs() {
	for _, name := range []string{"dataDir", "dataLogDir"} {
		p, ok := l.lines[name]
		if !ok || filepath.IsAbs(p.Bare) || strings.HasPrefix(p.Bare, "./") || strings.HasPrefix(p.Bare, "/") || p.Bare == "" || l.failed(name) {
			continue
		}
		l.warn(p.Line, name, "%s is relative to the directory the server is started in; write the whole path, or ./ before it if you mean that", printable(p.Bare))
	}
}

func (l *loader) sessionTimeouts() {
	c := l.config
	shortest, longest := l.lines["minSessionTimeout"], l.lines["maxSessionTimeout"]
	if shortest.Line == 0 || c.MinSessionTimeoutMs == -1 {
		c.MinSessionTimeoutMs = 2 * c.TickMs
	}
	if longest.Line == 0 || c.MaxSessionTimeoutMs == -1 {
		c.MaxSessionTimeoutMs = 20 * c.TickMs
	}
	if c.MinSessionTimeoutMs <= c.MaxSessionTimeoutMs || l.failed("minSessionTimeout") || l.failed("maxSessionTimeout") {
		return
	}
	at := shortest
	if at.Line == 0 {
		at = longest
	}
	l.refuse(at.Line, at.Key, at.Value,
		fmt.Sprintf("the shortest session timeout (%d ms) is above the longest (%d ms)", c.MinSessionTimeoutMs, c.MaxSessionTimeoutMs),
		"unset they are 2 and 20 ticks; change minSessionTimeout, maxSessionTimeout or tickTime")
}

// unsafe warns of settings that give up a promise the server makes otherwise.
func (l *loader) unsafe() {
	c := l.config
	if !c.ForceSync {
		l.warn(l.lines["forceSync"].Line, "forceSync", "off: an acknowledged write can be lost in a power cut")
	}
	if c.SkipACL {
		l.warn(l.lines["skipACL"].Line, "skipACL", "on: every client may read and write everything")
	}
	if c.TrustEmpty {
		l.warn(l.lines["snapshot.trust.empty"].Line, "snapshot.trust.empty", "on: a lost snapshot goes unnoticed; turn it off after the upgrade it is for")
	}
	if c.ReadOnlyMode {
		if !c.Distributed() {
			l.warn(l.lines["readonlymode.enabled"].Line, "readonlymode.enabled", "a server alone always writes; only the four-letter word isro is allowed by it")
		}
		c.FourLetterWhitelist = withWord(c.FourLetterWhitelist, "isro")
	}
}

func withWord(words []string, word string) []string {
	for _, w := range words {
		if w == "*" || w == word {
			return words
		}
	}
	return append(words, word)
}
