package command

import (
	"fmt"
	"time"

	"zookit/shell/render"
)

// Rows prints records as one table: with PrintTable where tables are wanted, in
// plain columns elsewhere, as records in the JSON formats. No records are no
// table. A terminal that is too narrow does not get the columns spare.
func Rows[T any](c *Context, header []string, records []T, row func(T) []string, spare ...string) error {
	if c.Shell.Format == FormatJSON || c.Shell.Format == FormatJSONL {
		for _, r := range records {
			if err := c.Emit(r, func() {}); err != nil {
				return err
			}
		}
		return nil
	}
	if len(records) == 0 {
		return nil
	}
	rows := make([][]string, len(records))
	for i, r := range records {
		rows[i] = row(r)
	}
	if c.Tables() || c.Shell.Format == FormatTable {
		return c.PrintTable(header, rows, spare...)
	}
	c.Print(render.AppendColumns(nil, header, rows))
	return nil
}

// A fact is one line "name = value" about a thing; one without a value is left
// out.
type fact struct{ name, value string }

// printFacts prints the lines of a record.
func (c *Context) printFacts(facts []fact) {
	var b []byte
	for _, f := range facts {
		if f.value == "" {
			continue
		}
		value := f.value
		if c.Shell.Out.OutTerminal {
			value = render.Visible(value)
		}
		b = fmt.Appendf(b, "%s = %s\n", f.name, value)
	}
	c.Shell.settle(c)
	c.Shell.Out.PrintStat(b)
}

// ago is a time in words, with how long ago it is: "… (3h12m0s ago)".
func (c *Context) ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s (%s ago)", render.AppendDate(nil, t.UnixMilli(), c.Shell.Out.location()), short(time.Since(t)))
}

// short is a duration with its two largest units: 3d4h, 5m12s, 830ms.
func short(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/day, d%day/time.Hour)
}
