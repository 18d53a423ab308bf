package command

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"zookit/protocol"
	"zookit/shell/render"
	"zookit/shell/value"
)

var get = &Command{
	Name:    "get",
	Aliases: []string{"cat"},
	Usage: Usage{
		R34: "path [watch]", R38: "[-s] [-w] path", R39: "[-s] [-w] [-b] [-x] path", Own: "[-s] [-w] [-b] [-x] [-f form] [-o file] path",
	},
	Flags: []Flag{
		{Name: "s", Help: "Print znode stats additionally"},
		{Name: "w", Help: "Watch for changes on the znode"},
		{Name: "b", Help: "Output data in base64 format", In: Since39},
		{Name: "x", Help: "Output data in hexdump format", In: Since39},
		{Name: "f", Arg: "form", Help: "auto, raw, text, json, hex or base64", In: Own, Words: dataForms},
		{Name: "o", Arg: "file", Help: "write the bytes to a file", In: Own, Kind: FileArg},
	},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "print the data of a znode",
	Help: "On a terminal the data is shown as what it is: JSON and XML indented, YAML, properties and text in colour, gzip, zlib, zstd and\n" +
		"snappy unpacked, binary data as a hex dump, and what the znodes of Kafka, HBase, Solr, ClickHouse, Hadoop, Dubbo and Curator\n" +
		"mean in a line that begins with #. Bytes a terminal would act on are shown as \\x1b. Through a pipe the data leaves byte by byte\n" +
		"as it is stored, with a line break behind it.\n" +
		"-f chooses the form wherever it goes: auto is what a terminal gets; raw the bytes as they are stored, without a line break; text\n" +
		"them unpacked; json laid out (a failure when they are none); hex a dump (as -x); base64 (as -b).\n" +
		"-o FILE writes the bytes as they are stored, or in the form of -f. A znode without data prints null; -s tells it from the word\n" +
		"by its dataLength.",
	Example: []string{"get /app/config", "get -s -w /app/config", "get -f hex /app/blob", "get -o /tmp/blob /app/blob"},
	Min:     1, Max: 2,
	Titled: true,
	Run:    runGet,
}

// dataForms are the values of get -f.
var dataForms = []Word{
	{"auto", "as what it is, on a terminal"}, {"raw", "the bytes as they are"}, {"text", "unpacked, laid out where its form is known"},
	{"json", "as JSON"}, {"hex", "a hex dump"}, {"base64", ""},
}

// DataRecord is what get yields in the JSON formats. Of Text and Base64 there
// is one, neither when the znode has no data.
type DataRecord struct {
	Path    string          `json:"path"`
	Kind    string          `json:"kind"`              // absent, empty, text, json, yaml, xml, properties, record, binary
	Packed  []string        `json:"packed,omitempty"`  // what the data is packed in, outermost first
	Summary string          `json:"summary,omitempty"` // what it means, for znodes of well-known systems
	JSON    json.RawMessage `json:"json,omitempty"`    // the data unpacked, when it is JSON
	Text    *string         `json:"text,omitempty"`    // the data unpacked, when it is text
	Base64  *string         `json:"base64,omitempty"`  // the bytes as they are stored, when they are not text
	Stat    StatRecord      `json:"stat"`
}

func runGet(c *Context) error {
	form := c.FlagValue("f")
	if err := oneOf(c, "-f", form, dataForms); err != nil {
		return err
	}
	watch, err := c.watchAsked()
	if err != nil {
		return err
	}
	s, path, err := c.Target(c.Args[0])
	if err != nil {
		return err
	}
	data, st, err := s.Get(c, path, watch)
	if err != nil {
		return err
	}
	switch {
	case c.Has("x"):
		form = "hex"
	case c.Has("b"):
		form = "base64"
	case form == "" && c.Compat.Release == Own && c.Shell.Out.OutTerminal:
		form = "auto"
	}
	if c.Has("o") {
		return writeData(c, path, data, form)
	}
	var failed error
	err = c.Emit(dataRecord(path, data, st), func() {
		if failed = printData(c, path, data, form); failed == nil && (c.Has("s") || c.Compat.StatAlways) {
			c.PrintStat(st)
		}
	})
	if err != nil {
		return err
	}
	return failed
}

// printData prints data in a form; "" is the bytes and a line break, as
// Apache's shell has it.
func printData(c *Context, path string, data []byte, form string) error {
	v := value.Decode(path, data)
	if form == "auto" {
		if headline := v.Headline(); headline != "" {
			c.PrintLines([]render.Line{{{Role: render.Comment, Text: "# " + headline}}})
		}
		if lines := v.Lines(); lines != nil || v.Summary != "" {
			c.PrintLines(lines)
			return nil
		}
		form = "" // null, or nothing
	}
	if data == nil && (form == "" || c.Compat.NullAsText) {
		v = value.Decode(path, []byte("null"))
	}
	out, err := inForm(c, v, form)
	if err != nil {
		return err
	}
	c.Print(out)
	if form != "raw" {
		c.endLine(out, form)
	}
	return nil
}

// endLine ends what was printed with a line break: always where Apache does,
// in a form of zkcli's own only when there is none.
func (c *Context) endLine(out []byte, form string) {
	if (form == "text" || form == "json") && strings.HasSuffix(string(out), "\n") {
		return
	}
	c.Print([]byte("\n"))
}

// inForm is data in one of the forms but auto.
func inForm(c *Context, v *value.Value, form string) ([]byte, error) {
	switch form {
	case "hex":
		return render.AppendHexDump(nil, v.Raw), nil
	case "base64":
		return []byte(render.Base64(v.Raw)), nil
	case "text":
		return v.Data, nil
	case "json":
		if v.Kind == value.JSON {
			return render.AppendPlain(nil, v.Lines()), nil
		}
		var scalar json.RawMessage
		if err := json.Unmarshal(v.Data, &scalar); err == nil {
			return scalar, nil // a number, a string, a word
		}
		return nil, &Failure{Text: fmt.Sprintf("%s: the data of %s is not JSON but %s; -f auto shows it as what it is", c.Command.Name, c.Args[0], v.Kind)}
	}
	return v.Raw, nil
}

// writeData writes the data to a file, exactly: no line break is added.
func writeData(c *Context, path string, data []byte, form string) error {
	v := value.Decode(path, data)
	out := v.Raw
	if form == "auto" && c.Has("f") {
		out = render.AppendPlain(nil, v.Lines())
	} else if form != "auto" { // which a terminal gets where nothing was asked for
		var err error
		if out, err = inForm(c, v, form); err != nil {
			return err
		}
	}
	name := c.FlagValue("o")
	if name == "-" {
		c.Print(out)
		return nil
	}
	if err := os.WriteFile(name, out, 0o666); err != nil {
		return &Failure{Text: c.Command.Name + ": -o: " + err.Error(), Err: err}
	}
	if c.Shell.Interactive {
		c.Shell.Out.Note(fmt.Sprintf("%d bytes of %s written to %s", len(out), path, name))
	}
	return nil
}

func dataRecord(path string, data []byte, st *protocol.Stat) *DataRecord {
	v := value.Decode(path, data)
	r := &DataRecord{Path: path, Kind: v.Kind.String(), Summary: v.Summary, Stat: statRecord(st)}
	for _, l := range v.Layers {
		r.Packed = append(r.Packed, l.String())
	}
	switch {
	case v.Kind == value.Absent:
	case v.Kind == value.JSON:
		r.JSON = v.Data
		fallthrough
	case v.Kind.IsText():
		text := string(v.Data)
		r.Text = &text
	default:
		text := render.Base64(data)
		r.Base64 = &text
	}
	return r
}

// oneOf refuses a flag's value that is none of its words; "" is not given.
func oneOf(c *Context, flag, given string, words []Word) error {
	if given == "" {
		return nil
	}
	var texts []string
	for _, w := range words {
		if w.Text == given {
			return nil
		}
		texts = append(texts, w.Text)
	}
	return &Failure{Text: fmt.Sprintf("%s: %s: %q is none of %s", c.Command.Name, flag, given, strings.Join(texts, ", "))}
}
