package value

import (
	"bytes"
	"compress/gzip"
	"errors"
	"slices"
	"strings"
	"testing"

	"zookit/shell/render"
)

// laidOut is the layout of data as text.
func laidOut(path string, data []byte) string {
	return string(render.AppendPlain(nil, Decode(path, data).Lines()))
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		data string
		want Kind
		out  string // the layout; "" when it is the data
	}{
		{"hello", Text, "hello\n"},
		{"zwei\nZeilen ✓\n", Text, "zwei\nZeilen ✓\n"},
		{"\x1b]0;owned\x07", Binary, ""}, // BEL is in no text
		{"esc \x1b[2J", Text, "esc \x1b[2J\n"},
		{"a\xff", Binary, ""},
		{"a\x00b", Binary, ""},
		{`{"b":1,"a":[true,{}, [] ,"x\"}"],"b":1.50e3}`, JSON, "{\n  \"b\": 1,\n  \"a\": [\n    true,\n    {},\n    [],\n    \"x\\\"}\"\n  ],\n  \"b\": 1.50e3\n}\n"},
		{"[ ]", JSON, "[]\n"},
		{`{"a":`, Text, "{\"a\":\n"},
		{"42", Text, "42\n"},
		{"max=10", Properties, "max=10\n"},
		{"# c\n\na.b-c = 1\nserver.1=h:2:3;4\n", Properties, "# c\n\na.b-c = 1\nserver.1=h:2:3;4\n"},
		{"SELECT a=b", Text, "SELECT a=b\n"},
		{"a: 1\nb:\n  - x # why\n  - \"y: z\"\n", YAML, "a: 1\nb:\n  - x # why\n  - \"y: z\"\n"},
		{"a: 1", Text, "a: 1\n"},
		{"Dear: all\n\tthis is: no: yaml", Text, "Dear: all\n\tthis is: no: yaml\n"},
		{"<a><b>x</b><c d='1'/><e></e></a>", XML, "<a>\n  <b>x</b>\n  <c d='1'/>\n  <e></e>\n</a>\n"},
		{"<?xml version=\"1.0\" encoding=\"latin1\"?>\n<a>\n\t<b/>\n</a>\n", XML, "<?xml version=\"1.0\" encoding=\"latin1\"?>\n<a>\n\t<b/>\n</a>\n"},
		{"<a><b></a>", Text, "<a><b></a>\n"},
		{"<a/><b/>", Text, "<a/><b/>\n"},
	} {
		v := Decode("/x", []byte(c.data))
		if v.Kind != c.want || len(v.Layers) != 0 || !bytes.Equal(v.Data, []byte(c.data)) {
			t.Errorf("%q: %v, layers %v", c.data, v.Kind, v.Layers)
		}
		if got := laidOut("/x", []byte(c.data)); c.out != "" && got != c.out {
			t.Errorf("%q: laid out %q, want %q", c.data, got, c.out)
		}
	}
	if v := Decode("/x", nil); v.Kind != Absent || v.Lines() != nil {
		t.Errorf("no data: %v", v.Kind)
	}
	if v := Decode("/x", []byte{}); v.Kind != Empty || v.Lines() != nil || !v.Plain() {
		t.Errorf("no bytes: %v", v.Kind)
	}
	if got := laidOut("/x", []byte("\x01\xfe")); !strings.Contains(got, "|00000000| 01 fe ") {
		t.Errorf("binary data is a hex dump: %q", got)
	}
	if got := Decode("/x", []byte{0xff, 0xff, 0xff, 0xfe}).Headline(); got != "binary (as a number -2), 4 bytes" {
		t.Errorf("four bytes: %q", got)
	}
	if got := Decode("/x", []byte("\xac\xed\x00\x05sr")).Headline(); got != "a serialised Java object, 6 bytes" {
		t.Errorf("Java: %q", got)
	}
}

// Each layer is found, taken off and put on again, alone and below another.
func TestLayers(t *testing.T) {
	t.Parallel()
	text := []byte(`{"name":"value","list":[1,2,3],"long":"` + strings.Repeat("abc ", 20_000) + `"}`)
	for l := Gzip; l < numLayers; l++ {
		packed, err := l.pack(text)
		if err != nil {
			t.Fatalf("%v: %v", l, err)
		}
		v := Decode("/x", packed)
		if !slices.Equal(v.Layers, []Layer{l}) || v.Kind != JSON || !bytes.Equal(v.Data, text) || !bytes.Equal(v.Raw, packed) {
			t.Errorf("%v: %v in %v, %d bytes; %s", l, v.Kind, v.Layers, len(v.Data), v.Note)
			continue
		}
		again, err := v.Repack(v.Data)
		if err != nil || !bytes.Equal(again, packed) {
			t.Errorf("%v: packed again it differs: %v", l, err)
		}
		twice, err := Gzip.pack(packed)
		if err != nil {
			t.Fatal(err)
		}
		if v := Decode("/x", twice); !slices.Equal(v.Layers, []Layer{Gzip, l}) || !bytes.Equal(v.Data, text) {
			t.Errorf("%v within gzip: %v", l, v.Layers)
		}
		if v := Decode("/x", packed[:len(packed)-1]); len(v.Layers) != 0 || v.Kind != Binary {
			t.Errorf("%v cut short: %v", l, v.Layers)
		}
	}
	packed, _ := Zstd.pack(text)
	if got, want := Decode("/x", packed).Headline(), "zstd: "+size(len(packed))+", unpacked "+size(len(text)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// A fourth layer is one too many.
	packed = text
	for range maxLayers + 1 {
		packed, _ = Gzip.pack(packed)
	}
	if v := Decode("/x", packed); len(v.Layers) != maxLayers || v.Kind != Binary {
		t.Errorf("four layers: %v", v.Layers)
	}
}

// What unpacks to the limit is unpacked; a byte more is a bomb and stays as it
// is.
func TestBombs(t *testing.T) {
	t.Parallel()
	const limit = 300_000
	for l := Gzip; l < numLayers; l++ {
		for extra := range 2 {
			packed, err := l.pack(bytes.Repeat([]byte("abcdefgh"), (limit+8)/8)[:limit+extra])
			if err != nil {
				t.Fatal(err)
			}
			out, err := l.unpack(packed, limit)
			if extra == 0 && (err != nil || len(out) != limit) {
				t.Errorf("%v, as much as can be: %d bytes, %v", l, len(out), err)
			}
			if extra == 1 && !errors.Is(err, errTooLarge) {
				t.Errorf("%v, a byte more: %d bytes, %v", l, len(out), err)
			}
		}
	}
	packed, err := SnappyJava.pack(make([]byte, MaxUnpacked+1))
	if err != nil {
		t.Fatal(err)
	}
	if v := Decode("/x", packed); len(v.Layers) != 0 || v.Kind != Binary || v.Headline() != "snappy (snappy-java), not unpacked: it unpacks to more than 16 MiB" {
		t.Errorf("%v, %q", v.Layers, v.Headline())
	}
	// A frame that says it needs a large window is not believed: RFC 8878's
	// descriptor and window, here of 8 and of 16 MiB, and one raw block.
	if v := Decode("/x", []byte("\x28\xb5\x2f\xfd\x00\x68\x09\x00\x00x")); string(v.Data) != "x" || len(v.Layers) != 1 {
		t.Errorf("a window of 8 MiB: %v, %q", v.Layers, v.Note)
	}
	if v := Decode("/x", []byte("\x28\xb5\x2f\xfd\x00\x70\x09\x00\x00x")); len(v.Layers) != 0 || v.Note == "" {
		t.Errorf("a window of 16 MiB: %v, %q", v.Layers, v.Note)
	}
	// A snappy block that promises much costs nothing.
	if v := Decode("/x", []byte("\xff\xff\xff\x07ab")); v.Kind != Binary {
		t.Errorf("%v", v.Kind)
	}
}

// Layouts stay short when data is built to make them long.
func TestLayoutIsBounded(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"json": strings.Repeat("[", 1000) + strings.Repeat("1,", 20_000) + "1" + strings.Repeat("]", 1000),
		"xml":  strings.Repeat("<a>", 200) + strings.Repeat("<b/>", 20_000) + strings.Repeat("</a>", 200),
	} {
		v := Decode("/x", []byte(data))
		if v.Kind != JSON && v.Kind != XML {
			t.Fatalf("%s: %v", name, v.Kind)
		}
		if got := len(laidOut("/x", []byte(data))); got > 2*(maxGrowth*len(data)+maxSlack) {
			t.Errorf("%s: %d bytes become %d", name, len(data), got)
		}
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	style := render.NewStyle(true)
	for data, want := range map[string]string{
		`{"a":[1,"x",null]}`:               "{\n  \x1b[36m\"a\"\x1b[0m: [\n    \x1b[33m1\x1b[0m,\n    \x1b[32m\"x\"\x1b[0m,\n    \x1b[35mnull\x1b[0m\n  ]\n}\n",
		"a=1":                              "\x1b[36ma\x1b[0m=\x1b[32m1\x1b[0m\n",
		"# c\nk: 5 # five\n- true":         "", // no YAML: text
		"# c\nk: 5 # five\nl: true":        "\x1b[2m# c\x1b[22m\n\x1b[36mk\x1b[0m:\x1b[33m 5\x1b[0m\x1b[2m # five\x1b[22m\n\x1b[36ml\x1b[0m:\x1b[35m true\x1b[0m\n",
		`{"\u001b[2J":"` + "\u202e" + `"}`: "{\n  \x1b[36m\"\\u001b[2J\"\x1b[0m: \x1b[32m\"\\u202e\"\x1b[0m\n}\n",
		"x \x1b[2J":                        "x \\x1b[2J\n",
	} {
		got := string(style.AppendLines(nil, Decode("/x", []byte(data)).Lines()))
		if want != "" && got != want {
			t.Errorf("%q: %q, want %q", data, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind      Kind
		data, err string
	}{
		{JSON, `{"a": 1}`, ""},
		{JSON, "{\n  \"a\": 1,\n}", "line 3, column 1: "},
		{JSON, "", "line 1, column 1: unexpected end"},
		{YAML, "a: 1\nb: 2\n", ""},
		{YAML, "a: 1\n b: 2\n", "line 2: "},
		{YAML, "a: &x [*x]\n", ""},
		{XML, "<a>\n<b>\n</a>", "line 3: "},
		{XML, "<a/>x", "outside"},
		{Text, "{", ""},
	} {
		err := c.kind.Check([]byte(c.data))
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%v %q: %v, want %q", c.kind, c.data, err, c.err)
		}
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write([]byte("{\"a\": 1}"))
	w.Close()
	for _, c := range []struct{ name, old, new, want string }{
		{"the same", "a\n", "a\n", ""},
		{"a line", "a\nb\nc\n", "a\nB\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"},
		{"no line break at the end", "a", "b", "@@ -1,1 +1,1 @@\n-a\n+b\n"},
		{"a line break more", "a", "a\n", "@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n"},
		{"the first data", "", "a\nb", "@@ -0,0 +1,2 @@\n+a\n+b\n\\ No newline at end of file\n"},
		{"compact JSON", `{"a":1,"b":2}`, `{"a":1,"b":3}`, "@@ -1,4 +1,4 @@\n {\n   \"a\": 1,\n-  \"b\": 2\n+  \"b\": 3\n }\n"},
		{"the same JSON, packed", `{"a":1}`, zipped.String(), "(the same when unpacked and laid out; stored: 7 bytes before, gzip, " + size(zipped.Len()) + " now)\n"},
		{"binary", "\x00\x01", "\x00\x02", "@@ -1,5 +1,5 @@\n" +
			"          +-------------------------------------------------+\n" +
			"          |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n" +
			" +--------+-------------------------------------------------+----------------+\n" +
			"-|00000000| 00 01                                           |..              |\n" +
			"+|00000000| 00 02                                           |..              |\n" +
			" +--------+-------------------------------------------------+----------------+\n"},
	} {
		if got := string(Diff([]byte(c.old), []byte(c.new))); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := string(Diff(nil, []byte{})); got != "(the same when unpacked and laid out; stored: no data before, 0 bytes now)\n" {
		t.Errorf("no data and no bytes: %q", got)
	}
	if got := string(Diff(make([]byte, maxDiff+1), nil)); !strings.Contains(got, "too much") {
		t.Errorf("much: %q", got)
	}
}

// FuzzDecode: whatever the bytes, nothing panics, layouts are bounded, what was
// unpacked can be packed and unpacked again, and nothing a terminal acts on
// is left in what is shown.
func FuzzDecode(f *testing.F) {
	for _, k := range knownZnodes {
		f.Add(k.path, []byte(k.data))
	}
	for l := Gzip; l < numLayers; l++ {
		packed, _ := l.pack([]byte(`{"a":[1,"x\u001b"]}`))
		f.Add("/x", packed)
	}
	for _, s := range []string{"", "a: 1\nb: [*x, &x y]\n", "<a b='c'>x<d/></a>", "# c\nk=v\n", "---\n- a\n- b: c\n", "{\"a\": \"\x7f\"}", "a:\n\t- b\n"} {
		f.Add("/brokers/ids/1", []byte(s))
	}
	style := render.NewStyle(false)
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		v := Decode(path, data)
		shown := style.AppendLines([]byte(render.Visible(v.Headline())), v.Lines())
		if len(shown) > 10*(maxGrowth*len(v.Data)+maxSlack) {
			t.Errorf("%d bytes become %d", len(v.Data), len(shown))
		}
		for _, c := range shown {
			if c < 0x20 && c != '\n' && c != '\t' || c == 0x7f {
				t.Fatalf("%q reaches the terminal", c)
			}
		}
		Diff(data, v.Data)
		if packed, err := v.Repack(v.Data); err != nil {
			t.Errorf("repack: %v", err)
		} else if again := Decode(path, packed); len(v.Layers) > 0 && !bytes.Equal(again.Data, v.Data) {
			t.Errorf("packed and unpacked it differs")
		}
	})
}
