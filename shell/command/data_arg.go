package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxData bounds what is read from a file or stdin to become the data of a
// znode, in bytes: far more than any server takes.
const maxData = 64 << 20

// literal is the flag by which an argument is the data itself, whatever it
// looks like. The releases of Apache's know nothing else.
var literal = Flag{Name: "l", Help: "take the data as it stands: @, - and << mean nothing", In: Own}

// dataHelp explains the forms of a data argument; it ends the help of the
// commands that have one.
const dataHelp = "The data may be @FILE (the file's bytes), - (stdin, not in a script that is read from there, nor at the prompt) or <<WORD\n" +
	"(the lines below, up to the line WORD, without the last line break). With -l it is the text itself: set -l /a @home."

// Data is the data that the argument at i stands for: in zkcli's own manner a
// file for @FILE, stdin for -, the lines below for <<WORD; the argument itself
// otherwise, and with -l. Any bytes may come from a file or stdin.
func (c *Context) Data(i int) ([]byte, error) {
	text := c.Args[i]
	if c.Compat.Release != Own || c.Has(literal.Name) {
		return []byte(text), nil
	}
	switch {
	case text == "-":
		if c.Shell.Stdin == nil {
			return nil, c.refuseData("- is stdin, from which the commands come here; write the text below with <<END, or name a file with @FILE")
		}
		return c.readAll("stdin", c.Shell.Stdin)
	case strings.HasPrefix(text, "@"):
		return c.readFile(text[1:])
	case hereWord(text) != "":
		if c.hereText == nil {
			return nil, c.refuseData(text + " wants lines below it, which a command line of its own does not have; use - or @FILE")
		}
		return c.hereText, nil
	}
	return []byte(text), nil
}

// refuseData is a failure that ends with the way to write the text itself.
func (c *Context) refuseData(text string) error {
	return &Failure{Text: c.Command.Name + ": " + text + " (-l takes the argument as it stands)"}
}

func (c *Context) readFile(name string) ([]byte, error) {
	if name == "" {
		return nil, c.refuseData("@ without the name of a file behind it")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, c.refuseData("@" + name + ": " + plainReason(err))
	}
	defer f.Close()
	return c.readAll("@"+name, f)
}

// plainReason is a PathError without the operation and the path.
func plainReason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// readAll reads to the end. A read that waits for its other end, of a pipe or a
// terminal, is left behind when the command is interrupted.
func (c *Context) readAll(name string, r io.Reader) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(r, maxData+1))
		done <- result{data, err}
	}()
	select {
	case <-c.Done():
		return nil, context.Canceled
	case got := <-done:
		switch {
		case got.err != nil:
			return nil, c.refuseData(name + ": " + plainReason(got.err))
		case len(got.data) > maxData:
			return nil, c.refuseData(fmt.Sprintf("%s has more than %d bytes; no znode holds that", name, maxData))
		}
		return got.data, nil
	}
}
