package shell

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"zookit/shell/command"
	"zookit/shell/complete"
	"zookit/shell/profile"
	"zookit/shell/repl"
	"zookit/shell/session"
)

// interactive runs the shell on a terminal. It connects behind the prompt, so
// that a server which is down keeps nobody from typing "connect"; before it on
// a terminal without line editing, where what is told meanwhile would land on
// the line being typed.
func interactive(ctx context.Context, env Env, o *options, sh *command.Shell) int {
	in, isFile := env.Stdin.(*os.File)
	out, isFile2 := env.Stdout.(*os.File)
	if !isFile || !isFile2 {
		sh.Out.Warn("zkcli: the interactive shell needs a terminal")
		return command.ExitFailed
	}
	printer := repl.NewPrinter(out)
	sh.Out.Stdout = printer
	if env.StderrTerminal {
		sh.Out.Stderr = printer
	}
	lookup := repl.NewLookup(ctx, fetch(sh), printer)
	edits := repl.CanEdit(in, out, env.Getenv)
	o.background = edits
	sh.Interactive = true
	ask := &questioner{sh: sh, in: in, printer: printer, ctx: ctx}
	sh.Pager = pagerOf(env, o, out)
	sh.Foreground = func() (io.Writer, func()) { return out, printer.Echoed }
	sh.Confirm, sh.AskWord = ask.confirm, ask.word
	sh.SessionChanged = func() {
		lookup.Reset()
		printer.Refresh()
	}
	sh.StateChanged = printer.Refresh
	edit := sh.Edit
	sh.Edit = func(file string) error {
		defer printer.Echoed() // nobody knows where an editor leaves the cursor
		return edit(file)
	}
	defer sh.Close(true)
	if o.compat.Release == command.Own {
		keys := "Ctrl-D leaves"
		if edits {
			keys = "Tab completes, " + keys
		}
		sh.Out.Note("zkcli " + env.Version + ": \"help\" lists the commands, " + keys)
		firstRun(env, sh)
	}
	welcome(o, sh, edits)
	if err := sh.Connect(ctx); err != nil {
		text, exit := o.compat.Describe(nil, err)
		sh.Out.Warn(text)
		if exit != command.ExitNoConnection {
			return exit
		}
	}
	table := completionTable(o.compat)
	err := repl.Run(ctx, repl.Options{
		Prompt: sh.Prompt,
		Execute: func(ctx context.Context, line string) bool {
			ask.ctx = ctx
			sh.Execute(ctx, line)
			return sh.Done()
		},
		Verbatim: sh.InText,
		Cleared:  sh.DropText,
		Complete: func(line string, pos int) []complete.Suggestion {
			return complete.Complete(table, line, pos, located{lookup, sh})
		},
		HistoryFile: func() string { return historyFile(env, sh.Profile().Name) },
		Keep:        func(line string) bool { return !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") },
		Mask:        func(line string) string { return command.Mask(o.compat, line) },
		Color:       func() string { return sh.Profile().Color },
		Recall:      sh.Recall,
		In:          in, Out: out, Printer: printer, Getenv: env.Getenv,
	})
	sh.EndInput()
	return exitOf(err, o.compat.Release == command.Own, sh)
}

// exitOf is the exit code after the interactive shell has ended. Who leaves the
// prompt has read what failed: in zkcli's own manner that ends with 0, so that
// `make run` and the like do not report an error. Apache's shell ends with the
// code of the last command, and so do the manners that follow it.
func exitOf(err error, own bool, sh *command.Shell) int {
	var signaled *repl.SignalError
	var panicked *repl.PanicError
	switch {
	case errors.As(err, &signaled):
		return signaled.ExitCode()
	case errors.As(err, &panicked):
		sh.Out.Warn("zkcli: " + panicked.Error() + "\n" + string(panicked.Stack))
		return command.ExitFailed
	case errors.Is(err, context.Canceled):
		return command.ExitInterrupted
	case err != nil:
		sh.Out.Warn("zkcli: " + err.Error())
		return command.ExitFailed
	}
	if own {
		return command.ExitOK
	}
	return sh.Exit()
}

// errNoSession: completion does not open one.
var errNoSession = errors.New("no session")

// pagerOf is what shows long results: $PAGER, or less where it is there, unless
// a profile says otherwise. nil is none, for -no-pager and where nothing can
// be drawn.
func pagerOf(env Env, o *options, out *os.File) *command.Pager {
	program := env.Getenv("PAGER")
	if program == "" {
		if _, err := exec.LookPath("less"); err == nil {
			program = "less -FRX"
		}
	}
	if o.noPager || env.Getenv("TERM") == "dumb" { // such as an editor's, which scrolls by itself
		return nil
	}
	return &command.Pager{Program: program, Window: func() (cols, rows int) { return window(out) }}
}

// window is the size of what is a terminal, 0, 0 when it does not tell.
func window(out io.Writer) (columns, rows int) {
	f, ok := out.(*os.File)
	if !ok {
		return 0, 0
	}
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return columns, rows
}

// firstRun tells who has never been here the least there is to know.
func firstRun(env Env, sh *command.Shell) {
	file := historyFile(env, "")
	if file == "" {
		return
	}
	if old, err := filepath.Glob(file + "*"); err != nil || len(old) > 0 {
		return
	}
	sh.Out.Note("  look around:  ls /    get /path    help COMMAND    help topics\n" +
		"  results go on:  get /path | jq .    ls / > file    ls -o json /\n" +
		"  name your servers in " + profile.Place(env.Getenv) + ", then: zkcli NAME")
}

// questioner asks a person at the terminal while a command runs.
type questioner struct {
	sh      *command.Shell
	in      *os.File
	printer *repl.Printer
	ctx     context.Context // of the running command; commands run one after the other
}

// confirm asks a question; anything but y or yes is no, and so is Ctrl-C.
func (q *questioner) confirm(question string) bool {
	answer, ok := q.word(question + " [y/N] ")
	answer = strings.ToLower(answer)
	return ok && (answer == "y" || answer == "yes")
}

// word asks a question that a word answers. What happens meanwhile is told
// behind the answer.
func (q *questioner) word(question string) (string, bool) {
	repl.DropTyped(q.in)
	q.sh.Out.EndPaging()
	q.sh.Out.Pause()
	defer q.sh.Out.Resume()
	q.sh.Out.Ask(question)
	answer, err := repl.ReadAnswer(q.ctx, q.in)
	q.printer.Echoed()
	return strings.TrimSpace(answer), err == nil
}

// secretAsker asks for secrets on the terminal; nil where there is none.
func secretAsker(env Env, sh *command.Shell) func(ctx context.Context, question string) (string, bool) {
	in, isFile := env.Stdin.(*os.File)
	if !isFile || !env.StdinTerminal || !env.StderrTerminal {
		return nil
	}
	return func(ctx context.Context, question string) (string, bool) {
		answer, err := repl.ReadSecret(ctx, in, func() {
			repl.DropTyped(in)
			sh.Out.Ask(question)
		})
		if printer, ok := sh.Out.Stdout.(*repl.Printer); ok {
			printer.Echoed()
		}
		return answer, err == nil
	}
}

// historyFile is where lines are kept across runs: ZKCLI_HISTORY, or
// zkcli/history in the user's state directory (XDG_STATE_HOME), for a profile
// zkcli/history.NAME. "" when there is no such place; the directory is made
// when it is missing.
func historyFile(env Env, profile string) string {
	if name := env.Getenv("ZKCLI_HISTORY"); name != "" {
		return name
	}
	dir := stateDir(env)
	if dir == "" {
		return ""
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ""
	}
	if profile != "" {
		return filepath.Join(dir, "history."+profile)
	}
	return filepath.Join(dir, "history")
}

// completionTable is the command table as completion sees it.
func completionTable(compat *command.Compat) []complete.Command {
	var table []complete.Command
	for _, c := range command.Table(compat) {
		entry := complete.Command{Name: c.Name, Summary: c.Summary, Hidden: c.Old}
		for _, f := range append(c.FlagsIn(compat), c.GlobalFlags(compat)...) {
			flag := complete.Flag{Name: "-" + f.Name, Summary: f.Help}
			if f.Arg != "" {
				flag.Value = &complete.Arg{Kind: argKinds[f.Kind], Words: choice(f.Words)}
				if len(f.Words) > 0 {
					flag.Value.Kind = complete.Choice
				}
			}
			entry.Flags = append(entry.Flags, flag)
		}
		for _, a := range c.Args {
			entry.Args = append(entry.Args, complete.Arg{Kind: argKinds[a.Kind], Repeat: a.Repeat, Words: choice(a.Words)})
		}
		table = append(table, entry)
	}
	return table
}

// choice is words as completion sees them.
func choice(words []command.Word) []complete.Word {
	var list []complete.Word
	for _, w := range words {
		list = append(list, complete.Word{Text: w.Text, Summary: w.Help})
	}
	return list
}

var argKinds = map[command.ArgKind]complete.Kind{
	command.AnyArg: complete.Other, command.PathArg: complete.Path, command.ChoiceArg: complete.Choice,
	command.ACLArg: complete.ACL, command.CommandArg: complete.Help, command.VerbArg: complete.Name, command.ConnectionArg: complete.Connection,
	command.TargetArg: complete.Target, command.SessionArg: complete.Session, command.FileArg: complete.File,
	command.ServerArg: complete.Server, command.ChangeArg: complete.Change, command.HolderArg: complete.Holder,
}

// rooted is a session whose absolute view is one, too.
type rooted struct{ *session.Session }

// Absolute is the same session without its chroot.
func (r rooted) Absolute() command.Session { return rooted{r.Unrooted()} }

var _ command.Session = rooted{}
