// Package shell is zkcli: options, the one-liner, the script and the
// interactive shell around the command table of shell/command.
//
// Options and start-up are those of Apache's shell (ZooKeeperMain.java in 3.9)
// and a few of zkcli's own; what zkcli prints beside results goes to stderr,
// unless -compat asks for the manner of a release of Apache's.
package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"zookit/shell/command"
	"zookit/shell/render"
)

// Env is the world as zkcli sees it.
type Env struct {
	Program        string // argv[0]; called zkCli.sh it behaves as Apache's
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string // nil is os.Getenv
	Location       *time.Location      // of the dates in Stats; nil is time.Local

	// Which of the three are terminals. The interactive shell needs Stdin and
	// Stdout to be some, and *os.File.
	StdinTerminal, StdoutTerminal, StderrTerminal bool

	Version, Built string // of this program

	// AskTimeout bounds a question to one server about itself (status, sessions,
	// owner, …); 0 is probe.DefaultTimeout.
	AskTimeout time.Duration

	// CompletionPatience bounds what a Tab in the system's shell may take; 0 is a
	// second.
	CompletionPatience time.Duration

	// StartEmbedded starts a throw-away server for -embedded and tells its
	// address. Nil: this program has none.
	StartEmbedded func() (addr string, stop func(), err error)

	// OpenSource opens the data of a stopped server, what follows "file:" in
	// -server and in targets. Nil: this program has no such thing.
	OpenSource func(ctx context.Context, source string) (command.Session, error)
}

// Main runs zkcli with args, argv without the program's name, and returns the
// exit code: that of the last command, or one of command's Exit constants. It
// returns when the work is done, the input ends, ctx ends or SIGINT or SIGTERM
// arrives; the session is closed then.
func Main(ctx context.Context, env Env, args []string) int {
	if env.Getenv == nil {
		env.Getenv = os.Getenv
	}
	if env.CompletionPatience == 0 {
		env.CompletionPatience = time.Second
	}
	if len(args) > 0 && args[0] == completeWord {
		return completion(ctx, env, args[1:])
	}
	if len(args) == 3 && args[0] == completeBash {
		return bashCompletion(ctx, env, args[1], args[2])
	}
	o, known, err := withProfiles(env, args)
	if err != nil {
		fmt.Fprintln(env.Stderr, "zkcli: "+render.Visible(err.Error()))
		return command.ExitFailed
	}
	switch {
	case o.help:
		io.WriteString(env.Stdout, helpText(o.compat))
		return command.ExitOK
	case o.version:
		fmt.Fprintf(env.Stdout, "zkcli %s, built on %s\n", env.Version, orUnknown(env.Built))
		return command.ExitOK
	}
	for _, text := range o.complaints {
		fmt.Fprintln(env.Stderr, text)
	}
	out := console(env, o)
	if o.embedded {
		addr, stop, err := startEmbedded(env)
		if err != nil {
			out.Warn("zkcli: -embedded: " + err.Error())
			return command.ExitFailed
		}
		defer stop()
		o.servers, o.serversGiven = addr, true
	}
	if o.compat.Noise {
		out.Print([]byte("Connecting to " + o.servers + "\n"))
		_ = out.Flush()
	}
	if code, ok := o.check(out); !ok {
		return code
	}
	first, err := known.begin()
	if err != nil {
		out.Warn("zkcli: " + err.Error())
		return command.ExitClientConfig
	}
	sh := command.NewFor(o.compat, out, known.dialer(nil), first)
	if o.compat.Release == command.Own {
		sh.Profiles, sh.ProfileNames = known.find, known.names
	}
	sh.Version, sh.Built, sh.OpenSource = env.Version, env.Built, env.OpenSource
	sh.TLS = known.tlsOf(nil)
	sh.AskTimeout, sh.Getenv = env.AskTimeout, env.Getenv
	sh.AskSecret = secretAsker(env, sh)
	sh.Edit = editWith(env, sh)
	sh.Format, sh.Yes, sh.Stop = o.format, o.yes, o.stopAtFailure
	sh.Journal = changeJournal(env)
	defer sh.FlushJournal()
	sh.FullScreen = fullScreen(env)
	switch {
	case o.lines != "":
		sh.Stdin = env.Stdin
		return script(ctx, sh, o, strings.NewReader(o.lines))
	case len(o.command) > 0:
		sh.Stdin = env.Stdin
		return oneLiner(ctx, sh, o.command)
	case o.file != "" && o.file != "-":
		sh.Stdin = env.Stdin
		return scriptFile(ctx, sh, o)
	case o.file == "" && env.StdinTerminal && env.StdoutTerminal:
		return interactive(ctx, env, o, sh)
	}
	welcome(o, sh, false)
	return script(ctx, sh, o, env.Stdin)
}

func orUnknown(built string) string {
	if built == "" {
		return "an unknown date"
	}
	return built
}

func startEmbedded(env Env) (string, func(), error) {
	if env.StartEmbedded == nil {
		return "", nil, errors.New("this program was built without a server")
	}
	return env.StartEmbedded()
}

// withProfiles parses the options. A first word that is no command and names a
// profile stands for -profile.
func withProfiles(env Env, args []string) (*options, *profiles, error) {
	compat, program := env.Getenv("ZKCLI_COMPAT"), filepath.Base(env.Program)
	o, err := parseOptions(args, compat, program)
	if err != nil {
		return nil, nil, err
	}
	known := &profiles{env: env, o: o}
	if o.compat.Release != command.Own || len(o.command) == 0 || o.profile != "" || o.serversGiven ||
		command.Lookup(o.compat, o.command[0]) != nil {
		return o, known, nil
	}
	file, err := known.load()
	if err != nil {
		return nil, nil, err
	}
	if file.Profiles[o.command[0]] == nil {
		return o, known, nil
	}
	at := len(args) - len(o.command)
	words := slices.Concat(args[:at], []string{"-profile", args[at]}, args[at+1:])
	if known.o, err = parseOptions(words, compat, program); err != nil {
		return nil, nil, err
	}
	return known.o, known, nil
}

// console joins the streams. Colour is for terminals, and for whoever asks.
func console(env Env, o *options) *command.Console {
	colour := func(terminal bool) render.Style {
		switch o.color {
		case "always":
			return render.NewStyle(true)
		case "never":
			return render.NewStyle(false)
		}
		plain := env.Getenv("NO_COLOR") != "" || env.Getenv("TERM") == "dumb" || o.compat.Release != command.Own
		return render.NewStyle(terminal && !plain)
	}
	return &command.Console{
		Stdout: env.Stdout, Stderr: env.Stderr,
		OutTerminal: env.StdoutTerminal, ErrTerminal: env.StderrTerminal,
		Redraws:  env.StderrTerminal && env.Getenv("TERM") != "dumb" && o.compat.Release == command.Own,
		OutStyle: colour(env.StdoutTerminal), ErrStyle: colour(env.StderrTerminal),
		Width:    func() int { columns, _ := window(env.Stdout); return columns },
		Location: env.Location, Quiet: o.quiet,
	}
}

// welcome is what Apache prints when it was given no command.
func welcome(o *options, sh *command.Shell, lineEditor bool) {
	if !o.compat.Noise {
		return
	}
	word := "disabled"
	if lineEditor {
		word = "enabled"
	}
	sh.Out.Print([]byte("Welcome to ZooKeeper!\nJLine support is " + word + "\n"))
	_ = sh.Out.Flush()
}

// untilSignal is ctx until SIGINT or SIGTERM. The exit code is then 128 and
// the signal's number. A second signal ends the program at once.
func untilSignal(ctx context.Context) (_ context.Context, code func(int) int, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	// A pipe that nobody reads shall end the work, not the process: the
	// session has to be closed. It is not ignored, or programs that are
	// started would ignore it, too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		select {
		case sig := <-signals:
			signal.Stop(signals)
			cancel(&signalError{sig})
		case <-ctx.Done():
		}
	}()
	code = func(last int) int {
		var got *signalError
		switch {
		case !errors.As(context.Cause(ctx), &got):
			return last
		case got.sig == syscall.SIGTERM:
			return 128 + int(syscall.SIGTERM)
		}
		return command.ExitInterrupted
	}
	return ctx, code, func() { signal.Stop(signals); cancel(nil) }
}

type signalError struct{ sig os.Signal }

func (e *signalError) Error() string { return e.sig.String() }

// oneLiner runs one command and closes its session.
func oneLiner(ctx context.Context, sh *command.Shell, args []string) int {
	ctx, code, stop := untilSignal(ctx)
	defer stop()
	defer sh.Close(false)
	return code(sh.Run(ctx, args))
}

func scriptFile(ctx context.Context, sh *command.Shell, o *options) int {
	f, err := os.Open(o.file)
	if err != nil {
		sh.Out.Warn("zkcli: -f: " + err.Error())
		return command.ExitFailed
	}
	defer f.Close()
	welcome(o, sh, false)
	return script(ctx, sh, o, f)
}

// maxLine is the longest line of a script, in bytes: more than any znode of
// the default jute.maxbuffer needs.
const maxLine = 4 << 20

// script runs a command a line. The exit code is that of the last command.
func script(ctx context.Context, sh *command.Shell, o *options, in io.Reader) int {
	ctx, code, stop := untilSignal(ctx)
	defer stop()
	defer sh.Close(false)
	// A read of stdin cannot be interrupted; let it go on by itself.
	lines, failed := readLines(ctx, in)
	for number := 1; ; number++ {
		select {
		case <-ctx.Done():
			return code(sh.Exit())
		case text, ok := <-lines:
			if !ok {
				if err := *failed; err != nil {
					sh.Out.Warn(fmt.Sprintf("zkcli: line %d: %v", number, err))
					return command.ExitFailed
				}
				return code(sh.EndInput())
			}
			exit := sh.Execute(ctx, text)
			switch {
			case ctx.Err() != nil:
				return code(exit)
			case sh.Done(), sh.Out.Broken():
				return exit
			case o.stopAtFailure && exit != 0:
				sh.Out.Note(fmt.Sprintf("zkcli: -e: stopped at line %d", number))
				return exit
			case exit == command.ExitNoConnection && sh.NeverConnected():
				// No server: none of the other lines would fare better.
				return exit
			}
		}
	}
}

// readLines reads lines until the input ends or ctx does. *failed is set
// before the channel is closed.
func readLines(ctx context.Context, in io.Reader) (<-chan string, *error) {
	lines, failed := make(chan string), new(error)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, maxLine)
		for first := true; scanner.Scan(); first = false {
			text := scanner.Text()
			if first { // editors on Windows leave a byte order mark there
				text = strings.TrimPrefix(text, "\ufeff")
			}
			select {
			case lines <- text:
			case <-ctx.Done():
				return
			}
		}
		if *failed = scanner.Err(); errors.Is(*failed, bufio.ErrTooLong) {
			*failed = fmt.Errorf("it is longer than %d bytes", maxLine)
		}
	}()
	return lines, failed
}
