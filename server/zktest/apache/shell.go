package apache

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// shellPatience bounds one run of the shell.
const shellPatience = 3 * time.Minute

// A Result is what one run of the shell left.
type Result struct {
	Stdout, Stderr string // without the lines of a missing SLF4J logger
	Code           int
}

// Shell runs Apache's shell against a server: with args as its one command, or, without, with stdin as a script of one
// command a line. Words with a dash before the command are options of the shell.
func Shell(t testing.TB, addr, stdin string, args ...string) Result {
	t.Helper()
	return ShellWith(t, nil, addr, stdin, args...)
}

// ShellWith is Shell with arguments of java's.
func ShellWith(t testing.TB, flags []string, addr, stdin string, args ...string) Result {
	t.Helper()
	Need(t)
	ctx, cancel := context.WithTimeout(t.Context(), shellPatience)
	defer cancel()
	java := append(append(javaFlags(false), flags...), ShellMain, "-server", addr)
	cmd := exec.CommandContext(ctx, "java", append(java, args...)...)
	var stdout, stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	cmd.Dir = t.TempDir()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("Apache's shell did not end in %v\n%s%s", shellPatience, stdout.String(), stderr.String())
	}
	return Result{Stdout: stdout.String(), Stderr: withoutLogger(stderr.String()), Code: cmd.ProcessState.ExitCode()}
}

// withoutLogger drops the lines SLF4J prints where no logger is installed.
func withoutLogger(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "SLF4J: ") {
			b.WriteString(line)
		}
	}
	return b.String()
}
