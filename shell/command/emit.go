package command

import (
	"encoding/json"
	"fmt"
)

// Format is the form in which results are printed.
type Format int

const (
	FormatText  Format = iota // for people and for scripts that read Apache's lines
	FormatTable               // as FormatText, with tables off a terminal as well
	FormatJSON                // an array of the command's records
	FormatJSONL               // a record a line
)

// Emit prints one result: record in the JSON formats, what plain prints
// otherwise. A record is a struct whose fields have json names; it is the
// documented form of the command's results.
func (c *Context) Emit(record any, plain func()) error {
	switch c.Shell.Format {
	case FormatJSON, FormatJSONL:
	default:
		plain()
		return nil
	}
	b, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Command.Name, err)
	}
	switch {
	case c.Shell.Format == FormatJSONL:
		c.Print(append(b, '\n'))
	case c.emitted == 0:
		c.Print(append([]byte("["), b...))
	default:
		c.Print(append([]byte(",\n"), b...))
	}
	c.emitted++
	return nil
}

// records tells whether results are printed as records.
func (c *Context) records() bool {
	return c.Shell.Format == FormatJSON || c.Shell.Format == FormatJSONL
}

// endEmit closes the array of FormatJSON: one that has begun, and an empty one
// of a command that succeeded without a result.
func (c *Context) endEmit(err error) {
	if c.Shell.Format != FormatJSON {
		return
	}
	switch {
	case c.emitted > 0:
		c.Print([]byte("]\n"))
	case err == nil:
		c.Print([]byte("[]\n"))
	}
}
