package main_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"zookit/server/zktest/apache"
)

// A player runs what a script says and tells what came of it.
type player interface {
	// play runs the entries in order and returns the outcome of each that runs.
	play(t testing.TB, server string, entries []entry) []outcome
}

// commandLimit bounds one command or session; nothing in the scripts waits.
const commandLimit = 60 * time.Second

// run starts a program and waits for it.
func run(t testing.TB, stdin string, argv ...string) outcome {
	t.Helper()
	return runWith(t, strings.NewReader(stdin), new(watched), argv...)
}

func runWith(t testing.TB, stdin io.Reader, stdout *watched, argv ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(cmd.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8", "NO_COLOR=1")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%q: %v", argv, err)
	}
	if ctx.Err() != nil {
		t.Errorf("%q did not end within %v", argv, commandLimit)
	}
	return outcome{stdout.text.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// words splits a command line as both shells do: blanks separate, quotes keep
// together.
func words(t testing.TB, line string) []string {
	t.Helper()
	var out []string
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		if q := line[0]; q == '"' || q == '\'' {
			end := strings.IndexByte(line[1:], q)
			if end < 0 {
				t.Fatalf("unterminated quote in %q", line)
			}
			out, line = append(out, line[1:1+end]), line[2+end:]
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		out, line = append(out, word), rest
	}
	return out
}

// shellPlayer runs a zkcli-like program: a process for each command, one with
// a piped stdin for each session.
type shellPlayer struct{ argv []string }

func (p shellPlayer) play(t testing.TB, server string, entries []entry) (out []outcome) {
	t.Helper()
	for _, e := range entries {
		argv := append(append([]string{}, p.argv...), "-server", server)
		switch {
		case e.session != nil:
			out = append(out, run(t, strings.Join(withQuit(e.session), "\n")+"\n", argv...))
		case e.runs():
			out = append(out, run(t, "", append(argv, words(t, e.command)...)...))
		}
	}
	return out
}

// withQuit ends a session by closing it: Apache's shell leaves it to time out
// at the end of its input, ephemerals included.
func withQuit(lines []string) []string {
	if n := len(lines); n > 0 && lines[n-1] == "quit" {
		return lines
	}
	return append(append([]string{}, lines...), "quit")
}

// runEvented runs a session of Apache's shell and types quit only when as many
// node events as are wanted were printed: that shell prints them from a thread
// which its end does not wait for. An event that never comes is a difference.
func runEvented(t testing.TB, e entry, argv ...string) outcome {
	t.Helper()
	lines := withQuit(e.session)
	out := &watched{want: len(nodeEvents(e.want.stdout)), seen: make(chan struct{})}
	if out.want == 0 {
		close(out.seen)
	}
	typed := io.MultiReader(
		strings.NewReader(strings.Join(lines[:len(lines)-1], "\n")+"\n"),
		out,
		strings.NewReader("quit\n"))
	return runWith(t, typed, out, argv...)
}

// eventLimit bounds the wait for a session's events.
const eventLimit = 10 * time.Second

// watched collects an output. Reading from it gives nothing, and ends when the
// output holds the node events that are wanted or after eventLimit.
type watched struct {
	text bytes.Buffer // of the goroutine that copies, until the process has ended
	want int
	seen chan struct{} // closed with the last event that is wanted
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.text.Write(p)
	if w.want > 0 && len(nodeEvents(w.text.String())) >= w.want {
		w.want = 0
		close(w.seen)
	}
	return n, err
}

func (w *watched) Read([]byte) (int, error) {
	select {
	case <-w.seen:
	case <-time.After(eventLimit):
	}
	return 0, io.EOF
}

var javaShell = []string{"java", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", apache.ClassPath(), apache.ShellMain}

// pipedJava runs Apache's shell with as few processes as can be: a script's
// commands go through one piped session, with marks between them, and each
// session of the script through one of its own.
//
// A piped session has one exit status, so a single command's is not seen here;
// recordings made with a process a command hold it.
type pipedJava struct{}

const (
	// Both print one line in every state of the shell and change nothing.
	markStdout = "printwatches" // answers "printwatches is off"
	markStderr = "redo 99999"   // answers "Command index out of range"
)

func (p pipedJava) play(t testing.TB, server string, entries []entry) (out []outcome) {
	t.Helper()
	argv := append(append([]string{}, javaShell...), "-server", server)
	const opening = "printwatches off\n" + markStdout + "\n" + markStderr + "\n"
	input := opening
	var group []int // indexes into out that the input's commands fill
	flush := func() {
		if len(group) == 0 {
			return
		}
		all := run(t, input+"quit\n", argv...)
		stdout := strings.Split(all.stdout, "printwatches is off\n")
		stderr := strings.Split(all.stderr, "Command index out of range\n")
		if len(stdout) != len(group)+2 || len(stderr) != len(group)+2 {
			t.Errorf("Apache's shell ended early: %d of %d answers\n%v", len(stdout)-2, len(group), all)
			stdout = append(stdout, make([]string, len(group)+2)...)
			stderr = append(stderr, make([]string, len(group)+2)...)
		}
		banner, _, _ := strings.Cut(stdout[0], "Welcome to ZooKeeper!\n") // a process a command prints it each time
		for i, at := range group {
			out[at] = outcome{stdout: banner + stdout[i+1], stderr: stderr[i+1], exit: exitUnseen}
		}
		input, group = opening, nil
	}
	for _, e := range entries {
		switch {
		case e.session != nil:
			flush()
			out = append(out, runEvented(t, e, argv...))
		case e.runs():
			group = append(group, len(out))
			out = append(out, outcome{})
			input += e.command + "\n" + markStdout + "\n" + markStderr + "\n"
		}
	}
	flush()
	return out
}

// exitUnseen is the exit status of a command that shared its process.
const exitUnseen = -1
