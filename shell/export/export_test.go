package export

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
)

func entries() []*Entry {
	return []*Entry{
		{Path: "/app", Data: []byte("max=10\nname=\"ü <b>\"\n"), ACL: protocol.OpenACL,
			Stat: &protocol.Stat{Czxid: 2, Mzxid: 0x100000003, Pzxid: 4, Ctime: 1700000000000, Mtime: 1700000000001, Version: 5, Cversion: 6, Aversion: 7, DataLength: 21}},
		{Path: "/app/a", ACL: []protocol.ACL{{Perms: protocol.PermRead | protocol.PermAdmin, Scheme: "digest", ID: "u:h="}, {Perms: 33, Scheme: "ip", ID: "::1"}}},
		{Path: "/app/a/x", Data: []byte{0, 0xff, 0x1b}, ACL: protocol.ReadACL, Kind: TTL, TTLMs: 1000},
		{Path: "/app/a-b", Data: []byte{}, ACL: protocol.OpenACL, Kind: Container},
		{Path: "/app/b", Data: []byte("\u2028"), ACL: protocol.OpenACL, Kind: Ephemeral, Owner: 0x100,
			Stat: &protocol.Stat{EphemeralOwner: 0x100, DataLength: 3}},
	}
}

func write(t *testing.T, root string, list []*Entry) string {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, root)
	for _, e := range list {
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func read(text string) (list []*Entry, err error) {
	r, err := NewReader(strings.NewReader(text))
	for err == nil {
		var e *Entry
		if e, err = r.Next(); err == nil {
			list = append(list, e)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return list, err
}

// TestForm is the file to the byte: what is kept in git today must be read, and
// written the same, tomorrow.
func TestForm(t *testing.T) {
	t.Parallel()
	want := `{"export":"znodes","format":1,"root":"/app"}
{"path":"/app","data":"max=10\nname=\"ü <b>\"\n","acl":["world:anyone:cdrwa"],"stat":{"czxid":"0x2","mzxid":"0x100000003","pzxid":"0x4","ctime":1700000000000,"mtime":1700000000001,"version":5,"cversion":6,"aversion":7}}
{"path":"/app/a","acl":["digest:u:h=:ra","ip:::1:33"]}
{"path":"/app/a/x","kind":"ttl","ttl":1000,"base64":"AP8b","acl":["world:anyone:r"]}
{"path":"/app/a-b","kind":"container","data":"","acl":["world:anyone:cdrwa"]}
{"path":"/app/b","kind":"ephemeral","owner":"0x100","data":"\u2028","acl":["world:anyone:cdrwa"],"stat":{"czxid":"0x0","mzxid":"0x0","pzxid":"0x0","ctime":0,"mtime":0,"version":0,"cversion":0,"aversion":0}}
{"count":5,"sha256":"`
	got := write(t, "/app", entries())
	if !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 7 {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
	list, err := read(got)
	if err != nil || len(list) != 5 {
		t.Fatal(list, err)
	}
	for i, w := range entries() {
		g := list[i]
		if g.Path != w.Path || g.Kind != w.Kind || g.Owner != w.Owner || g.TTLMs != w.TTLMs || !bytes.Equal(g.Data, w.Data) || (g.Data == nil) != (w.Data == nil) ||
			!slices.Equal(g.ACL, w.ACL) || (g.Stat == nil) != (w.Stat == nil) || g.Stat != nil && *g.Stat != *w.Stat {
			t.Errorf("%+v came back as %+v", w, g)
		}
	}
	if again := write(t, "/app", list); again != got {
		t.Errorf("written again:\n%s", again)
	}
}

// TestRefused: a file that is not, byte by byte, what was written is refused in
// words.
func TestRefused(t *testing.T) {
	t.Parallel()
	good := write(t, "/app", entries())
	lines := strings.SplitAfter(good, "\n")
	without := func(i int) string { return strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "") }
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "line 1: the file is empty"},
		{"another file", "{}\n", "line 1: this is not the beginning of an export"},
		{"a newer format", strings.Replace(good, `"format":1`, `"format":2`, 1), "use a newer zkcli"},
		{"no last line", without(6), "line 7: the file ends without its last line"},
		{"a part of the last line", good[:len(good)-5], "line 7: the file ends without its last line"},
		{"cut inside a line", good[:len(lines[0])+20], "line 2: the file ends without its last line"},
		{"a znode less", without(5), "line 6: the file holds 4 znodes and was written with 5"},
		{"a parent less", without(2), "/app/a/x comes without its parent"},
		{"the root less", without(1), "the first znode is /app/a and not the root, /app"},
		{"a byte of data", strings.Replace(good, "max=10", "max=11", 1), "line 7: the checksum does not match: the file was changed"},
		{"other line ends", strings.ReplaceAll(good, "\n", "\r\n"), "the checksum does not match"},
		{"order", lines[0] + lines[1] + lines[4] + lines[2] + lines[6], "/app/a comes behind /app/a-b"},
		{"twice", lines[0] + lines[1] + lines[1], "/app comes behind /app"},
		{"elsewhere", lines[0] + lines[1] + `{"path":"/b","acl":[]}` + "\n", "/b is not below /app"},
		{"a relative path", lines[0] + `{"path":"app","acl":[]}` + "\n", "line 2: this is no znode"},
		{"two objects", lines[0] + `{"path":"/app","acl":[]}{}` + "\n", "this is no line of an export"},
		{"a bad ACL", lines[0] + `{"path":"/app","acl":["world:x"]}` + "\n", "not of the form scheme:id:perms"},
		{"a bad permission", lines[0] + `{"path":"/app","acl":["world:anyone:x"]}` + "\n", "none of the permissions"},
		{"a kind", lines[0] + `{"path":"/app","kind":"x","acl":[]}` + "\n", "none of ephemeral, container, ttl"},
		{"a TTL", lines[0] + `{"path":"/app","kind":"ttl","acl":[]}` + "\n", "ttl must be positive"},
		{"more behind it", good + "\n", "something follows the last line"},
	} {
		_, err := read(c.text)
		var refused *Error
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	order := []string{"/", "/a", "/a/b", "/a/b/c", "/a!", "/a-b", "/a-b/c", "/a0", "/b", "/ü"}
	for i, a := range order {
		for j, b := range order {
			if Before(a, b) != (i < j) {
				t.Errorf("Before(%s, %s) is %v", a, b, i >= j)
			}
		}
	}
	w := NewWriter(io.Discard, "/a")
	if err := w.Write(&Entry{Path: "/b"}); !errors.Is(err, ErrOrder) {
		t.Errorf("another root: %v", err)
	}
	if err := errors.Join(w.Write(&Entry{Path: "/a"}), w.Write(&Entry{Path: "/a/b"})); err != nil {
		t.Error(err)
	}
	if err := w.Write(&Entry{Path: "/a/a"}); !errors.Is(err, ErrOrder) {
		t.Errorf("out of order: %v", err)
	}
}

// FuzzReader: nothing that is read panics, and nothing is accepted as empty.
func FuzzReader(f *testing.F) {
	f.Add([]byte("{\"export\":\"znodes\",\"format\":1,\"root\":\"/app\"}\n{\"path\":\"/app\",\"acl\":[\"world:anyone:cdrwa\"]}\n{\"count\":1,\"sha256\":\"x\"}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := read(string(text))
		if err == nil && len(list) == 0 {
			t.Error("accepted without a znode")
		}
	})
}
