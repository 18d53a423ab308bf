package command

import (
	"bytes"
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

// formatWords are the same with what they mean.
var formatWords = []Word{{"text", "for people, and as Apache prints"}, {"table", "the records as a table"},
	{"json", "an array of records"}, {"jsonl", "a record a line"}}

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
	b, err := marshal(record)
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

// marshal is json.Marshal with <, > and & as they are: no browser reads this, and
// people do.
func marshal(record any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(record)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// emitSilent is Emit for a result of which text says nothing.
func (c *Context) emitSilent(record any) error { return c.Emit(record, func() {}) }

// remark prints a line that is part of the text Apache prints, and of no record:
// among records it is a note.
func (c *Context) remark(text string) {
	if c.records() {
		c.Shell.Out.Note(text)
		return
	}
	c.Printf("%s\n", text)
}

// records tells whether results are printed as records.
func (c *Context) records() bool { return c.Shell.Format != FormatText }

// endEmit ends the results: the array of FormatJSON, an empty one when a command
// succeeded without a result and did not hand over to another, and the table of FormatTable. It returns err, or
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
	case err == nil && !c.handed:
		c.Print([]byte("[]\n"))
	}
	return err
}
