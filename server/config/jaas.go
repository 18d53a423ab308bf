package config

import (
	"fmt"
	"strings"

	"zookit/protocol/certs"
)

// A jaasModule is one login module of a section of a JAAS file.
//
//	Section {
//	    org.apache.zookeeper.server.auth.DigestLoginModule required
//	    user_NAME="PASSWORD"
//	    …;
//	};
type jaasModule struct {
	class   string
	line    int
	options map[string]certs.Secret
}

// parseJAAS reads a JAAS login configuration file (sun.security.provider.ConfigFile): sections by name. The error names
// the line, and repeats no option: each may be a password.
func parseJAAS(text string) (sections map[string][]jaasModule, line int, err error) {
	p := jaasParser{text: text, line: 1}
	sections = map[string][]jaasModule{}
	for p.next(); p.kind != jaasEnd; {
		name := p.token
		if _, twice := sections[name]; twice {
			return nil, p.line, fmt.Errorf("the section %s stands twice in it", printable(name))
		}
		modules, err := p.section()
		if err != nil {
			return nil, p.line, err
		}
		sections[name] = modules
	}
	return sections, 0, p.err
}

type jaasKind int

const (
	jaasEnd jaasKind = iota
	jaasWord
	jaasQuoted
	jaasSign // one of { } ; =
)

type jaasParser struct {
	text  string
	line  int
	kind  jaasKind
	token string
	err   error // of the reading of tokens
}

// section reads from its name, the token at hand, to what stands behind its end.
func (p *jaasParser) section() ([]jaasModule, error) {
	if p.kind == jaasSign {
		return nil, fmt.Errorf("%q stands where the name of a section should", p.token)
	}
	if p.next(); !p.sign("{") {
		return nil, p.fault("{ behind the name of a section")
	}
	p.next()
	var modules []jaasModule
	for !p.sign("}") {
		m, err := p.module()
		if err != nil {
			return nil, err
		}
		modules = append(modules, m)
	}
	if p.next(); !p.sign(";") {
		return nil, p.fault("; behind the } of a section")
	}
	p.next()
	return modules, p.err
}

// module reads a class, a flag and options up to the semicolon.
func (p *jaasParser) module() (m jaasModule, err error) {
	if p.kind != jaasWord && p.kind != jaasQuoted {
		return m, p.fault("the class of a login module, or }")
	}
	m = jaasModule{class: p.token, line: p.line, options: map[string]certs.Secret{}}
	if p.next(); p.kind != jaasWord {
		return m, p.fault("required behind the class of a login module")
	}
	switch strings.ToLower(p.token) {
	case "required", "requisite", "sufficient", "optional":
	default:
		return m, p.fault("required behind the class of a login module")
	}
	for p.next(); !p.sign(";"); p.next() {
		name := p.token
		if p.kind != jaasWord && p.kind != jaasQuoted {
			return m, p.fault(`an option, NAME="VALUE", or ; behind the last one`)
		}
		if p.next(); !p.sign("=") {
			return m, p.fault(`= behind the name of an option`)
		}
		if p.next(); p.kind != jaasWord && p.kind != jaasQuoted {
			return m, p.fault(`the value of an option`)
		}
		if _, twice := m.options[name]; twice {
			return m, fmt.Errorf("an option stands twice in a login module")
		}
		m.options[name] = certs.Secret(p.token)
	}
	p.next()
	return m, p.err
}

func (p *jaasParser) sign(s string) bool { return p.kind == jaasSign && p.token == s }

func (p *jaasParser) fault(wanted string) error {
	if p.err != nil {
		return p.err
	}
	if p.kind == jaasEnd {
		return fmt.Errorf("the file ends where there should be %s", wanted)
	}
	return fmt.Errorf("there should be %s", wanted)
}

// next takes the next token.
func (p *jaasParser) next() {
	p.kind, p.token = jaasEnd, ""
	p.blanks()
	if p.text == "" || p.err != nil {
		return
	}
	switch c := p.text[0]; c {
	case '{', '}', ';', '=':
		p.kind, p.token, p.text = jaasSign, string(c), p.text[1:]
	case '"', '\'':
		p.quoted(c)
	default:
		end := strings.IndexAny(p.text, " \t\r\n\f{};=\"'")
		if end < 0 {
			end = len(p.text)
		}
		p.kind, p.token, p.text = jaasWord, p.text[:end], p.text[end:]
		if strings.Contains(p.token, "${") {
			p.err = fmt.Errorf("variables are not expanded: write the value itself")
		}
	}
}

// blanks skips what is no token: white space and the three kinds of comments.
func (p *jaasParser) blanks() {
	for p.text != "" {
		switch {
		case p.text[0] == '\n':
			p.line++
			p.text = p.text[1:]
		case strings.ContainsRune(" \t\r\f", rune(p.text[0])):
			p.text = p.text[1:]
		case strings.HasPrefix(p.text, "//"):
			_, after, found := strings.Cut(p.text, "\n")
			if p.text = after; found {
				p.line++
			}
		case strings.HasPrefix(p.text, "/*"):
			comment, after, _ := strings.Cut(p.text[2:], "*/")
			p.line += strings.Count(comment, "\n")
			p.text = after
		default:
			return
		}
	}
}

// quoted takes a text in quotation marks, on one line; a backslash makes the next character literal, but for \n, \r and \t
// (java.io.StreamTokenizer).
func (p *jaasParser) quoted(mark byte) {
	escapes := map[byte]byte{'n': '\n', 'r': '\r', 't': '\t'}
	var b strings.Builder
	for i := 1; i < len(p.text); i++ {
		switch c := p.text[i]; c {
		case mark:
			p.kind, p.token, p.text = jaasQuoted, b.String(), p.text[i+1:]
			if strings.Contains(p.token, "${") {
				p.err = fmt.Errorf("variables are not expanded: write the value itself")
			}
			return
		case '\n':
			i = len(p.text)
		case '\\':
			if i++; i < len(p.text) {
				if e, ok := escapes[p.text[i]]; ok {
					b.WriteByte(e)
				} else {
					b.WriteByte(p.text[i])
				}
			}
		default:
			b.WriteByte(c)
		}
	}
	p.err = fmt.Errorf("a quotation mark is not closed on its line")
}
