package command

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Format is the form in which results are printed.
type Format int

const (
	FormatText  Format = iota // for people and for scripts that read Apache's lines
	FormatTable               // the records as a table
	FormatJSON                // an array of the command's records
	FormatJSONL               // a record a line
)

// formats are the names of the formats, in their order.
var formats = []string{"text", "table", "json", "jsonl"}

// ParseFormat is the format of a name.
func ParseFormat(name string) (Format, error) {
	i := slices.Index(formats, name)
	if i < 0 {
		return 0, fmt.Errorf("%q is none of %s", name, strings.Join(formats, ", "))
	}
	return Format(i), nil
}

// Emit prints one result: record in the JSON formats, what plain prints
// otherwise. A record is a struct whose fields have json names; it is the
// documented form of the command's results.
func (c *Context) Emit(record any, plain func()) error {
	switch c.Shell.Format {
	case FormatText:
		plain()
		return nil
	case FormatTable:
		return c.emitRow(record)
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
func (c *Context) records() bool { return c.Shell.Format != FormatText }

// endEmit ends the results: the array of FormatJSON, an empty one when a command
// succeeded without a result, and the table of FormatTable. It returns err, or
// what failed here.
func (c *Context) endEmit(err error) error {
	switch {
	case c.Shell.Format == FormatTable:
		if failed := c.flushRows(); err == nil {
			err = failed
		}
	case c.Shell.Format != FormatJSON:
	case c.emitted > 0:
		c.Print([]byte("]\n"))
	case err == nil:
		c.Print([]byte("[]\n"))
	}
	return err
}
