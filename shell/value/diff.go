package value

import (
	"bytes"
	"fmt"

	"github.com/rogpeppe/go-internal/diff"

	"zookit/shell/render"
)

// maxDiff bounds what is compared line by line, in bytes of either side.
const maxDiff = 4 << 20

// Diff says in the unified format how data changed, for people: what is packed
// is unpacked and JSON laid out first, binary data is compared as hex dumps.
// The same bytes give nothing; bytes that differ only in how they are packed
// or laid out give a line that says so. Lines hold data as it is.
func Diff(old, new []byte) []byte {
	if bytes.Equal(old, new) && (old == nil) == (new == nil) {
		return nil
	}
	a, b := Decode("", old), Decode("", new)
	if len(a.Data) > maxDiff || len(b.Data) > maxDiff {
		return fmt.Appendf(nil, "(%s before, %s now: too much to compare line by line)\n", size(len(a.Data)), size(len(b.Data)))
	}
	left, right := comparable(a, b)
	if !ends(left) && !ends(right) {
		// Few znodes end with a line break; only that one does and the other
		// does not is worth a line.
		left, right = ended(left), ended(right)
	}
	out := diff.Diff("old", left, "new", right)
	// The first three lines name the two sides.
	for range 3 {
		if i := bytes.IndexByte(out, '\n'); i >= 0 {
			out = out[i+1:]
		}
	}
	if len(out) == 0 {
		return fmt.Appendf(nil, "(the same when unpacked and laid out; stored: %s before, %s now)\n", stored(a), stored(b))
	}
	return out
}

func ends(text []byte) bool { return len(text) == 0 || text[len(text)-1] == '\n' }

func ended(text []byte) []byte { return append(text[:len(text):len(text)], '\n') }

func stored(v *Value) string {
	if v.Kind == Absent {
		return "no data"
	}
	text := size(len(v.Raw))
	if len(v.Layers) > 0 {
		text = v.Layers[0].String() + ", " + text
	}
	return text
}

// comparable is the text in which two values are compared.
func comparable(a, b *Value) (left, right []byte) {
	switch {
	case a.Kind == JSON && b.Kind == JSON:
		return render.AppendPlain(nil, a.Lines()), render.AppendPlain(nil, b.Lines())
	case (a.Kind == Absent || a.Kind.IsText()) && (b.Kind == Absent || b.Kind.IsText()):
		return a.Data, b.Data
	}
	return dump(a.Data), dump(b.Data)
}

func dump(data []byte) []byte {
	if len(data) == 0 {
		return nil
	}
	return append(render.AppendHexDump(nil, data), '\n')
}

// DiffLines gives the lines of a Diff their roles.
func DiffLines(text []byte) []render.Line {
	return eachLine(text, func(line string) render.Line {
		role := render.Plain
		switch {
		case line == "":
		case line[0] == '+':
			role = render.Added
		case line[0] == '-':
			role = render.Removed
		case line[0] == '@' || line[0] == '\\':
			role = render.Comment
		}
		return render.Line{{Role: role, Text: line}}
	})
}
