package command

import (
	"errors"
	"strconv"

	"zookit/shell/line"
)

// shownHistory is how many lines history prints beside its own.
const shownHistory = 10

var history = &Command{
	Name:    "history",
	Summary: "print the last lines with their numbers",
	RawArgs: true,
	Local:   true,
	Run:     runHistory,
}

var redo = &Command{
	Name:    "redo",
	Usage:   Usage{R38: "cmdno"},
	Args:    []Arg{{Name: "cmdno"}},
	Summary: "run a line of the history again",
	Example: []string{"redo 3"},
	RawArgs: true,
	Local:   true,
	Run:     runRedo,
}

func runHistory(c *Context) error {
	sh := c.Shell
	n := sh.count()
	for i := max(0, n-shownHistory); i <= n; i++ {
		text, ok := sh.history[i]
		if !ok {
			text = "null"
		}
		if c.Compat.Release == Own {
			text = Mask(c.Compat, text)
		}
		if err := c.Emit(HistoryRecord{i, text}, func() { c.Printf("%d - %s\n", i, text) }); err != nil {
			return err
		}
	}
	return nil
}

// runRedo runs a line again; in the history the line takes redo's place.
func runRedo(c *Context) error {
	if len(c.Args) == 0 {
		if c.Compat.Release == Own {
			return errUsage
		}
		return nil
	}
	sh := c.Shell
	n := sh.count()
	i, err := strconv.ParseInt(c.Args[0], 0, 32)
	if err != nil {
		return &NumberError{Input: c.Args[0], What: "redo: the line's number"}
	}
	if i < 0 || int(i) >= n {
		return redoRefused(c, "Command index out of range")
	}
	text := sh.history[int(i)]
	args := line.Words(text)
	if len(args) > 0 && args[0] == "redo" {
		return redoRefused(c, "No redoing redos")
	}
	sh.history[n] = text
	sh.literal = quotedWords(text)
	c.handed = true
	cmd, err := sh.execute(c.Context, args, nil)
	if err == nil || errors.Is(err, errQuit) || c.Compat.Exits == ExitOwn {
		return commandError(cmd, err)
	}
	// Apache takes redo itself for a success, whatever came of the line.
	described, _ := c.Compat.Describe(cmd, err)
	if described != "" {
		c.Warn(described)
	}
	return nil
}

func redoRefused(c *Context, text string) error {
	if c.Compat.RedoOnStdout {
		c.Print([]byte(text + "\n"))
		return nil
	}
	return &Failure{Text: text}
}

// inner is a failure of another command than the one that was typed.
type inner struct {
	cmd *Command
	err error
}

func (e *inner) Error() string { return e.err.Error() }
func (e *inner) Unwrap() error { return e.err }

func commandError(cmd *Command, err error) error {
	if err == nil {
		return nil
	}
	return &inner{cmd, err}
}
