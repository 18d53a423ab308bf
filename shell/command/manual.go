package command

import (
	"fmt"
	"strings"
)

// Manual is the man page zkcli(1) in roff; options are those of the program, a
// name with its value and a meaning each.
func Manual(options [][2]string) string {
	own, _ := CompatFor("")
	var b strings.Builder
	b.WriteString(".TH ZKCLI 1\n.SH NAME\nzkcli \\- shell for ZooKeeper\n.SH SYNOPSIS\n.B zkcli\n[profile] [options] [command arguments]\n" +
		".SH DESCRIPTION\nRuns one command, the commands of \\-c, the lines of a script (\\-f, or standard input when it is no terminal), or a prompt.\n.SH OPTIONS\n")
	for _, o := range options {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(o[0]), roff(o[1]))
	}
	b.WriteString(".SH COMMANDS\n")
	for _, c := range sortedTable(own) {
		fmt.Fprintf(&b, ".SS %s\n%s.\n", roff(c.Syntax(own)), roff(sentence(c.Summary)))
		if c.Help != "" {
			b.WriteString(roff(c.Help) + "\n")
		}
		for _, f := range sortedFlags(c.FlagsIn(own)) {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(strings.TrimSpace("-"+f.Name+" "+f.Arg)), roff(f.Help))
		}
		if len(c.Example) > 0 {
			fmt.Fprintf(&b, ".PP\n.nf\n%s\n.fi\n", roff(strings.Join(c.Example, "\n")))
		}
	}
	for _, t := range topics {
		fmt.Fprintf(&b, ".SH %s\n.nf\n%s\n.fi\n", strings.ToUpper(t.name), roff(strings.TrimRight(t.text, "\n")))
	}
	b.WriteString(".SH EXIT STATUS\n0 done; 1 failed or misused; 2 bad configuration; 3 no connection, nothing was written; " +
		"4 connection lost after a write was sent; 127 unknown command; 130 interrupted.\n")
	return b.String()
}

// roff keeps what roff would take for requests and escapes as it is.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
