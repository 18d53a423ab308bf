package command

import (
	"slices"
	"strings"
)

// globalFlags are those that every command takes in zkcli's own manner, unless
// it has one of the name itself: the options -o and -y of the program for
// one command.
var globalFlags = []Flag{
	{Name: "o", Arg: "format", Help: "form of the results", Words: formatWords},
	{Name: "y", Help: "answer yes to every question"},
}

// GlobalFlags lists the flags that a command has as every command has.
func (c *Command) GlobalFlags(compat *Compat) []Flag {
	if compat.Release != Own {
		return nil
	}
	own := c.FlagsIn(compat)
	var list []Flag
	for _, g := range globalFlags {
		if !slices.ContainsFunc(own, func(f Flag) bool { return f.Name == g.Name }) {
			list = append(list, g)
		}
	}
	return list
}

// split parts the arguments of a command into flags and the rest. A command
// with raw arguments has the global flags alone, and those only when all that
// looks like a flag is one: what else there is, is its own.
func (s *Shell) split(cmd *Command, args []string) (*parsed, error) {
	global := cmd.GlobalFlags(s.Compat)
	if !cmd.RawArgs {
		args, tail := cutTail(cmd.Tail, args)
		p, err := parseFlags(append(cmd.FlagsIn(s.Compat), global...), args, cmd.OneOf, cmd.Required)
		if err == nil {
			p.tail = tail
		}
		return p, err
	}
	if slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") }) {
		if p, err := parseFlags(global, args, false, false); err == nil {
			return p, nil
		}
	}
	return &parsed{args: args, values: map[string]string{}}, nil
}

// leading takes the options that stand before a command, as on the program's
// own command line: -o json ls /.
func (s *Shell) leading(args []string) (rest []string, p *parsed) {
	p = &parsed{values: map[string]string{}}
	for s.Compat.Release == Own && len(args) > 1 {
		switch {
		case args[0] == "-y":
			p.values["y"], args = "", args[1:]
		case args[0] == "-o" && len(args) > 2:
			p.values["o"], args = args[1], args[2:]
		default:
			return args, p
		}
	}
	return args, p
}

// apply puts the global flags into force until back is called.
func (s *Shell) apply(cmd *Command, globals []Flag, p *parsed) (back func(), err error) {
	format, yes := s.Format, s.Yes
	back = func() {
		s.Format, s.Yes = format, yes
		s.Out.forRecords(s.Format != FormatText)
	}
	for _, f := range globals {
		value, given := p.values[f.Name]
		if !given {
			continue
		}
		switch f.Name {
		case "o":
			if s.Format, err = ParseFormat(value); err != nil {
				s.Format = format
				return back, &Failure{Text: cmd.Name + ": -o: " + err.Error()}
			}
		case "y":
			s.Yes = true
		}
	}
	s.Out.forRecords(s.Format != FormatText)
	return back, nil
}

// cutTail takes the flag that is followed by a command, and that command up to
// a ; or the end, out of the arguments. tail is nil when the flag is not there.
func cutTail(flag string, args []string) (rest, tail []string) {
	at := slices.Index(args, "-"+flag)
	if flag == "" || at < 0 {
		return args, nil
	}
	rest, tail = slices.Clone(args[:at]), args[at+1:]
	for i, w := range tail {
		if w == ";" || w == `\;` || w == `\` && i == len(tail)-1 { // the line's own ; is gone by now
			return append(rest, tail[i+1:]...), tail[:i:i]
		}
	}
	return rest, tail
}
