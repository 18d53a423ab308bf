package command

import (
	"fmt"
	"slices"
	"strings"

	"zookit/shell/render"
)

var help = &Command{
	Name:    "help",
	Aliases: []string{"h", "?"},
	In:      Own,
	Usage:   Usage{R38: "[command|topic]"},
	Args:    []Arg{{Name: "command", Kind: CommandArg}},
	Summary: "list the commands, or explain one",
	Example: []string{"help create"},
	RawArgs: true,
	Max:     1,
	Local:   true,
	Run:     runHelp,
}

func runHelp(c *Context) error {
	if len(c.Args) == 0 {
		if c.Shell.Format != FormatText {
			return listCommands(c)
		}
		c.Print([]byte(fitted(overview(c.Compat), c.width())))
		return nil
	}
	if c.Args[0] == "topics" {
		for _, t := range topics {
			if err := c.Emit(t.record(), func() { c.Printf("%-10s %s\n", t.name, t.summary) }); err != nil {
				return err
			}
		}
		if !c.records() {
			c.Print([]byte("\n\"help TOPIC\" shows one.\n"))
		}
		return nil
	}
	cmd := Lookup(c.Compat, c.Args[0])
	if t := findTopic(c.Args[0]); t != nil && cmd == nil {
		return c.Emit(t.record(), func() { c.Print([]byte(fitted(strings.TrimLeft(t.text, "\n"), c.width()))) })
	}
	if cmd == nil {
		return c.Shell.notFound(c.Args[0])
	}
	return c.Emit(HelpRecord{cmd.Name, cmd.Syntax(c.Compat), cmd.Summary}, func() { c.Print([]byte(fitted(cmd.Explain(c.Compat), c.width()))) })
}

func listCommands(c *Context) error {
	for _, cmd := range sortedTable(c.Compat) {
		if err := c.Emit(HelpRecord{cmd.Name, cmd.Syntax(c.Compat), cmd.Summary}, nil); err != nil {
			return err
		}
	}
	return nil
}

// sortedTable is the commands without regard to case.
func sortedTable(compat *Compat) []*Command {
	table := Table(compat)
	slices.SortFunc(table, func(a, b *Command) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return table
}

// overview is a line a command, sorted without regard to case.
func overview(compat *Compat) string {
	table := sortedTable(compat)
	wide := 0
	for _, cmd := range table {
		wide = max(wide, len(cmd.Name))
	}
	var b strings.Builder
	for _, cmd := range table {
		fmt.Fprintf(&b, "%-*s  %s\n", wide, cmd.Name, cmd.Summary)
	}
	b.WriteString("\n\"help COMMAND\" explains one; \"help topics\" lists what else there is to know.\n")
	return b.String()
}

// proseWidth is the length from which on a line of prose was broken for its
// length alone.
const proseWidth = 100

// fitted is an explanation for a terminal of that many columns, 0 for anything
// else: prose flows, flags and summaries stay in their column.
func fitted(text string, columns int) string {
	if columns == 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	var b strings.Builder
	for i := 0; i < len(lines); i++ {
		whole := lines[i]
		for len(lines[i]) >= proseWidth && !strings.Contains(lines[i], "  ") && i+1 < len(lines) && lines[i+1] != "" {
			i++
			whole += " " + lines[i]
		}
		if b.WriteString(render.Hang(whole, columns)); i+1 < len(lines) {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Explain is the help of one command: syntax, what it does, flags, examples.
func (c *Command) Explain(compat *Compat) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s.\n", c.Syntax(compat), sentence(c.Summary))
	if c.Help != "" {
		b.WriteString(c.Help + "\n")
	}
	if flags := c.FlagsIn(compat); len(flags) > 0 {
		b.WriteString("\n")
		for _, f := range sortedFlags(flags) {
			name := "-" + f.Name
			if f.Arg != "" {
				name += " " + f.Arg
			}
			fmt.Fprintf(&b, "  %-16s %s\n", name, f.Help)
		}
	}
	for i, e := range c.Example {
		if i == 0 {
			b.WriteString("\n")
		}
		b.WriteString("  " + e + "\n")
	}
	if len(c.Aliases) > 0 {
		b.WriteString("\nAlso: " + strings.Join(c.Aliases, ", ") + "\n")
	}
	return b.String()
}

func sentence(text string) string {
	return strings.ToUpper(text[:1]) + text[1:]
}

// sortedFlags sorts without regard to case, as Commons CLI does.
func sortedFlags(flags []Flag) []Flag {
	sorted := slices.Clone(flags)
	slices.SortStableFunc(sorted, func(a, b Flag) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return sorted
}
