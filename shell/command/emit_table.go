package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

const (
	// tableChunk is how many records one table holds; more become another,
	// since the width of a column is known when its last row is.
	tableChunk = 1000
	// tallAbove is the number of fields from which a single record stands
	// upright, a field a row.
	tallAbove = 6
)

// tableRows are the records of a command in FormatTable.
type tableRows struct {
	header []string
	rows   [][]string
}

// emitRow adds a record to the table. Its fields are the columns, in the order
// of its JSON form; records of another kind begin another table.
func (c *Context) emitRow(record any) error {
	b, err := marshal(record)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Command.Name, err)
	}
	header, row, err := fields(b)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Command.Name, err)
	}
	t := &c.rows
	if t.header != nil && !slices.Equal(t.header, header) || len(t.rows) == tableChunk {
		// A field that is left out when it is empty does not end the table.
		if merged, ok := t.merge(header, row); ok && len(t.rows) < tableChunk {
			t.rows = append(t.rows, merged)
			return nil
		}
		if err := c.flushRows(); err != nil {
			return err
		}
	}
	t.header, t.rows = header, append(t.rows, row)
	return nil
}

// merge fits a row whose fields are some of the header's, or have a few more.
func (t *tableRows) merge(header, row []string) ([]string, bool) {
	known := map[string]int{}
	for i, h := range t.header {
		known[h] = i
	}
	shared := 0
	for _, h := range header {
		if _, ok := known[h]; ok {
			shared++
		}
	}
	if shared == 0 {
		return nil, false
	}
	for _, h := range header {
		if _, ok := known[h]; !ok {
			known[h] = len(t.header)
			t.header = append(t.header, h)
		}
	}
	for i, r := range t.rows {
		for len(r) < len(t.header) {
			r = append(r, "")
		}
		t.rows[i] = r
	}
	merged := make([]string, len(t.header))
	for i, h := range header {
		merged[known[h]] = row[i]
	}
	return merged, true
}

// flushRows prints the table.
func (c *Context) flushRows() error {
	header, rows := c.rows.header, c.rows.rows
	c.rows = tableRows{}
	if len(rows) == 0 {
		return nil
	}
	if len(rows) == 1 && len(header) > tallAbove {
		upright := make([][]string, len(header))
		for i, h := range header {
			upright[i] = []string{h, rows[0][i]}
		}
		header, rows = []string{"field", "value"}, upright
	}
	return c.PrintTable(header, rows)
}

// fields are the names and the values of a JSON object in their order. A record
// that is no object is one field.
func fields(b []byte) (names, values []string, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return []string{"value"}, []string{cell(b)}, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, nil, err
		}
		names, values = append(names, fmt.Sprint(name)), append(values, cell(value))
	}
	return names, values, nil
}

// cell is a value for people: texts without quotation marks, lists of texts with
// commas, objects as JSON.
func cell(b json.RawMessage) string {
	var text string
	var list []string
	switch {
	case string(b) == "null":
		return ""
	case json.Unmarshal(b, &text) == nil:
		return text
	case json.Unmarshal(b, &list) == nil:
		return strings.Join(list, ", ")
	}
	return string(b)
}
