package shell

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"

	"zookit/shell/command"
)

// editorOf is the user's editor, as a command line.
func editorOf(getenv func(string) string) string {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if text := strings.TrimSpace(getenv(name)); text != "" {
			return text
		}
	}
	if runtime.GOOS == "windows" {
		return "notepad"
	}
	return "vi"
}

// editWith runs the user's editor on the shell's streams; where commands come
// from stdin it gets none. As for git the editor is a command line for sh, so
// it may have options and quotes. What other goroutines want to print waits
// until the editor has left the screen.
func editWith(env Env, sh *command.Shell) func(file string) error {
	return func(file string) error {
		line := editorOf(env.Getenv)
		var cmd *exec.Cmd
		if runtime.GOOS == "windows" {
			words := append(strings.Fields(line), file)
			cmd = exec.Command(words[0], words[1:]...)
		} else {
			cmd = exec.Command("sh", "-c", line+` "$@"`, line, file)
		}
		if sh.Interactive || sh.Stdin != nil {
			cmd.Stdin = env.Stdin
		}
		cmd.Stdout, cmd.Stderr = env.Stdout, env.Stderr
		sh.Out.EndPaging()
		if err := sh.Out.Flush(); err != nil {
			return err
		}
		sh.Out.Pause()
		err := cmd.Run()
		sh.Out.Resume()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			return fmt.Errorf("%s ended with %v (EDITOR chooses another)", line, exit)
		}
		return err
	}
}
