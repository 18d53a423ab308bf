package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"zookit/protocol"
	"zookit/shell/render"
	"zookit/shell/value"
)

var edit = &Command{
	Name:    "edit",
	In:      Own,
	Usage:   Usage{Own: "path"},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "change the data of a znode in an editor",
	Help: "The editor is that of VISUAL or EDITOR, else vi. It gets the data unpacked (gzip, zlib, zstd, snappy) and JSON of one line\n" +
		"laid out; what is saved is packed, and put on one line, again. JSON, YAML and XML must still be such. The change is shown, asked\n" +
		"about at the prompt, and written only if the znode still has the version that was read: otherwise, and whenever it cannot be\n" +
		"written, the edited file stays and is named. Binary data is for \"get -o FILE\" and \"set path @FILE\".",
	Example: []string{"edit /app/config"},
	Min:     1, Max: 1,
	Unpaged: true,
	Run:     runEdit,
}

// EditRecord is what edit yields in the JSON formats.
type EditRecord struct {
	Path    string `json:"path"`
	Changed bool   `json:"changed"`
	Version int32  `json:"version"`        // dataVersion now
	Diff    string `json:"diff,omitempty"` // unified, of the data unpacked
}

// editing is the data of a znode while it is in an editor.
type editing struct {
	c       *Context
	s       Session
	path    string
	version int32
	value   *value.Value
	kind    value.Kind // what the data must still be
	compact bool       // JSON of one line
	draft   []byte     // what the editor was given
	file    string
}

func runEdit(c *Context) error {
	if c.Shell.Edit == nil {
		return &Failure{Text: "edit: there is no terminal here to run an editor on"}
	}
	if c.Shell.txn != nil {
		return &Failure{Text: "edit cannot be part of a transaction; commit or abort it first"}
	}
	s, path, err := c.Target(c.Args[0])
	if err != nil {
		return err
	}
	data, st, err := s.Get(c, path, false)
	if err != nil {
		return err
	}
	e := &editing{c: c, s: s, path: path, version: st.Version, value: value.Decode(path, data)}
	if kind := e.value.Kind; kind != value.Absent && !kind.IsText() {
		return &Failure{Text: fmt.Sprintf("edit: the data of %s is binary; \"get -o FILE %s\" takes it out and \"set %s @FILE\" puts it back", path, path, path)}
	}
	if err := e.prepare(); err != nil {
		return &Failure{Text: "edit: " + err.Error()}
	}
	edited, err := e.edit()
	if err != nil || edited == nil {
		return err
	}
	return e.write(edited)
}

// prepare writes the file that the editor gets.
func (e *editing) prepare() error {
	e.kind = e.value.Kind
	extension := map[value.Kind]string{value.JSON: ".json", value.YAML: ".yaml", value.XML: ".xml", value.Properties: ".properties"}[e.kind]
	if len(e.value.Data) == 0 {
		extension, e.kind = kindByName(e.path)
	}
	e.draft = e.value.Data
	if e.kind == value.JSON && len(e.draft) > 0 && !bytes.ContainsRune(bytes.TrimSpace(e.draft), '\n') {
		e.compact = true
		e.draft = render.AppendPlain(nil, e.value.Lines())
	}
	if len(e.draft) > 0 && !bytes.HasSuffix(e.draft, []byte("\n")) {
		e.draft = append(e.draft[:len(e.draft):len(e.draft)], '\n') // as editors want it; taken off again
	}
	f, err := os.CreateTemp("", "zkcli-"+fileName(protocol.Base(e.path))+"-*"+extension)
	if err != nil {
		return err
	}
	e.file = f.Name()
	_, err = f.Write(e.draft)
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err != nil {
		os.Remove(e.file)
	}
	return err
}

// kindByName is what the data of a znode without any is to be, by its name.
func kindByName(path string) (extension string, kind value.Kind) {
	for _, k := range []struct {
		end  string
		kind value.Kind
	}{{".json", value.JSON}, {".yaml", value.YAML}, {".yml", value.YAML}, {".xml", value.XML}} {
		if strings.HasSuffix(path, k.end) {
			return k.end, k.kind
		}
	}
	return "", value.Text
}

// fileName is a znode's name without what file systems and editors trip over.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '_'
	}, name)
	return name[:min(len(name), 40)]
}

// edit runs the editor until what it leaves is of its kind. It returns nil
// without an error when nothing was changed.
func (e *editing) edit() ([]byte, error) {
	for {
		if err := e.c.Shell.Edit(e.file); err != nil {
			return nil, e.keep("edit: the editor: "+err.Error(), ExitFailed)
		}
		if e.c.Err() != nil {
			return nil, e.keep("edit: interrupted", ExitInterrupted)
		}
		saved, err := e.saved()
		if err != nil {
			return nil, e.keep("edit: "+err.Error(), ExitFailed)
		}
		if bytes.Equal(saved, e.draft) {
			os.Remove(e.file)
			return nil, e.c.Emit(&EditRecord{Path: e.path, Version: e.version}, func() { e.c.Shell.Out.Note("edit: nothing was changed") })
		}
		edited, err := e.undress(saved)
		if err == nil {
			return edited, nil
		}
		text := fmt.Sprintf("edit: this is not %s: %v", strings.ToUpper(e.kind.String()), err)
		if !e.c.asks() {
			return nil, e.keep(text, ExitFailed)
		}
		e.c.Warn(text)
		if !e.c.Shell.Confirm("Edit it again?") {
			return nil, e.keep("edit: nothing was written", ExitFailed)
		}
	}
}

// saved reads the file that the editor has left.
func (e *editing) saved() ([]byte, error) {
	f, err := os.Open(e.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return e.c.readAll(e.file, f)
}

// undress checks what was saved and takes off what prepare has put on.
func (e *editing) undress(saved []byte) ([]byte, error) {
	if err := e.kind.Check(saved); err != nil {
		return nil, err
	}
	original := e.value.Data
	if e.compact {
		var b bytes.Buffer
		if err := json.Compact(&b, saved); err != nil {
			return nil, err
		}
		if bytes.HasSuffix(original, []byte("\n")) {
			b.WriteByte('\n')
		}
		return b.Bytes(), nil
	}
	if !bytes.HasSuffix(original, []byte("\n")) {
		saved = bytes.TrimSuffix(saved, []byte("\n"))
	}
	return saved, nil
}

// write shows the change, asks, and writes it under the version that was read.
func (e *editing) write(edited []byte) error {
	diff := value.Diff(e.value.Data, edited)
	record := &EditRecord{Path: e.path, Changed: true, Diff: string(diff)}
	if plain := e.c.Shell.Format == FormatText || e.c.Shell.Format == FormatTable; plain {
		e.c.PrintLines(value.DiffLines(diff))
	}
	if !e.c.Confirm("Write this to " + e.path + "?") {
		return e.keep("edit: nothing was written", ExitFailed)
	}
	packed, err := e.value.Repack(edited)
	if err != nil {
		return e.keep("edit: "+err.Error(), ExitFailed)
	}
	st, err := e.s.Set(e.c, e.path, packed, e.version)
	switch {
	case errors.Is(err, protocol.BadVersion):
		return e.conflict()
	case err != nil:
		text, exit := e.c.Compat.Describe(e.c.Command, err)
		return e.keep(text, exit)
	}
	os.Remove(e.file)
	record.Version = st.Version
	return e.c.Emit(record, func() { e.c.Printf("Written %s (version %d)\n", e.path, st.Version) })
}

// conflict says what somebody else has written meanwhile.
func (e *editing) conflict() error {
	text := fmt.Sprintf("edit: %s was changed by somebody else since it was read (version %d)", e.path, e.version)
	if data, st, err := e.s.Get(e.c, e.path, false); err == nil {
		text = fmt.Sprintf("edit: %s was changed by somebody else since it was read: version %d is %d now", e.path, e.version, st.Version)
		if diff := value.Diff(e.value.Raw, data); len(diff) > 0 && e.c.Shell.Format == FormatText {
			e.c.Shell.Out.Note("What they changed:")
			e.c.PrintLines(value.DiffLines(diff))
		}
	}
	return e.keep(text+"; nothing was written", ExitFailed)
}

// keep is a failure that says where the edited text is.
func (e *editing) keep(text string, exit int) error {
	if saved, err := os.ReadFile(e.file); err == nil && bytes.Equal(saved, e.draft) {
		os.Remove(e.file) // there is nothing in it to lose
		return &Failure{Text: text, Exit: exit}
	}
	hint := fmt.Sprintf("; your text is in %s", e.file)
	if len(e.value.Layers) > 0 {
		hint += " (unpacked)"
	}
	return &Failure{Text: text + hint, Exit: exit}
}
