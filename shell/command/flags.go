package command

import (
	"slices"
	"strconv"
	"strings"
)

// Flag is one option of a command. Apache registers even its long names
// (reconfig -members) as short ones, so a name is matched whole and never
// abbreviated (seen on Apache 3.8.0: "Unrecognized option: -rem").
type Flag struct {
	Name string
	Arg  string  // placeholder of its value, "" for a switch
	Help string  // one line; Apache's words where its usage shows them
	In   Release // the releases that know it; 0 means all

	Kind  ArgKind // of its value
	Words []Word  // the values it can have, when they are few
}

// parsed is a command line split into flags and arguments. Args does not hold
// the command's name.
type parsed struct {
	values map[string]string // first value of each flag given; "" for a switch
	args   []string
	tail   []string // the command behind Command.Tail; nil when that is not there
}

// ParseError is a command line that Commons CLI refuses. Class is the name of
// the Java exception, printed in front of the text by the releases that show
// it.
type ParseError struct {
	Class string
	Text  string
}

func (e *ParseError) Error() string { return e.Text }

// parseFlags splits args by the grammar of Commons CLI 1.4's DefaultParser as
// far as Apache's shell uses it: flags anywhere, "--" ends them, switches may
// be clustered (-sw), a flag's value may be glued to it (-t5, -v=3), a value
// that looks like a known flag is not taken as a value unless it is a negative
// number, "-" alone is an argument. With oneOf the flags exclude one another;
// with required one of them must be there.
func parseFlags(known []Flag, args []string, oneOf, required bool) (*parsed, error) {
	p := &flagParser{known: known, oneOf: oneOf, out: parsed{values: map[string]string{}}}
	for i, token := range args {
		if token == "--" {
			p.out.args = append(p.out.args, args[i+1:]...)
			break
		}
		if err := p.token(token); err != nil {
			return nil, err
		}
	}
	if err := p.wantNothing(); err != nil {
		return nil, err
	}
	if required && p.chosen == "" {
		return nil, &ParseError{"MissingOptionException", "Missing required option: " + describeGroup(known)}
	}
	return &p.out, nil
}

// shortened lets the long flags of zkcli's own commands be written with two
// dashes as well: --exec for -exec.
func shortened(cmd *Command, args []string) []string {
	out := slices.Clone(args)
	for i, a := range args {
		if a == "--" {
			break
		}
		for _, f := range cmd.Flags {
			if len(f.Name) > 1 && a == "--"+f.Name {
				out[i] = a[1:]
			}
		}
	}
	return out
}

type flagParser struct {
	known   []Flag
	oneOf   bool
	chosen  string // the flag of the group that was given
	pending string // flag that still waits for its value
	out     parsed
}

func (p *flagParser) lookup(name string) *Flag {
	for i := range p.known {
		if p.known[i].Name == name {
			return &p.known[i]
		}
	}
	return nil
}

func (p *flagParser) token(token string) error {
	switch {
	case p.pending != "" && p.isValue(token):
		p.take(p.pending, unquoteValue(token))
		p.pending = ""
		return nil
	case strings.HasPrefix(token, "--"):
		return unrecognized(token)
	case strings.HasPrefix(token, "-") && token != "-":
		return p.flag(token)
	}
	// Apache's parser finds the missing value at the end; so does this one.
	p.out.args = append(p.out.args, token)
	return nil
}

// isValue is false for what would be read as a flag.
func (p *flagParser) isValue(token string) bool {
	if len(token) < 2 || token[0] != '-' {
		return true
	}
	if _, err := strconv.ParseFloat(token, 64); err == nil {
		return true
	}
	name, _, _ := strings.Cut(token[1:], "=")
	return name == "" || p.lookup(name) == nil && p.lookup(name[:1]) == nil
}

func (p *flagParser) flag(token string) error {
	body := token[1:]
	if p.lookup(body) != nil {
		return p.open(body)
	}
	if name, value, ok := strings.Cut(body, "="); ok {
		// Only a one-letter flag takes its value after "=".
		if f := p.lookup(name); f != nil && len(name) == 1 && f.Arg != "" {
			return p.openWith(name, value)
		}
		return unrecognized(token)
	}
	for i := range body {
		name := body[i : i+1]
		f := p.lookup(name)
		if f == nil {
			return unrecognized(token)
		}
		if f.Arg != "" && i+1 < len(body) {
			return p.openWith(name, body[i+1:])
		}
		if err := p.open(name); err != nil {
			return err
		}
	}
	return nil
}

// open notes a flag; one with a value waits for it.
func (p *flagParser) open(name string) error {
	if err := p.wantNothing(); err != nil {
		return err
	}
	if p.oneOf && !isGlobal(*p.lookup(name)) {
		if p.chosen != "" && p.chosen != name {
			return &ParseError{"AlreadySelectedException", "The option '" + name +
				"' was specified but an option from this group has already been selected: '" + p.chosen + "'"}
		}
		p.chosen = name
	}
	if p.lookup(name).Arg != "" {
		p.pending = name
		return nil
	}
	p.take(name, "")
	return nil
}

func (p *flagParser) openWith(name, value string) error {
	if err := p.open(name); err != nil {
		return err
	}
	p.take(name, unquoteValue(value))
	p.pending = ""
	return nil
}

// take keeps the first value of a flag, as CommandLine.getOptionValue does.
func (p *flagParser) take(name, value string) {
	if _, given := p.out.values[name]; !given {
		p.out.values[name] = value
	}
}

func (p *flagParser) wantNothing() error {
	if p.pending == "" {
		return nil
	}
	return &ParseError{"MissingArgumentException", "Missing argument for option: " + p.pending}
}

// unquoteValue drops one pair of quotation marks around a flag's value when
// there are none inside.
func unquoteValue(v string) string {
	if len(v) > 1 && v[0] == '"' && v[len(v)-1] == '"' && !strings.Contains(v[1:len(v)-1], `"`) {
		return v[1 : len(v)-1]
	}
	return v
}

func unrecognized(token string) error {
	return &ParseError{"UnrecognizedOptionException", "Unrecognized option: " + token}
}

// isGlobal tells whether it is one of globalFlags: those belong to no group.
func isGlobal(f Flag) bool {
	return slices.ContainsFunc(globalFlags, func(g Flag) bool { return g.Name == f.Name && g.Help == f.Help })
}

// describeGroup prints an option group as Commons CLI does in its exceptions.
func describeGroup(flags []Flag) string {
	var parts []string
	for _, f := range flags {
		if !isGlobal(f) {
			parts = append(parts, "-"+f.Name+" "+f.Help)
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
