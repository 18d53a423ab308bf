package protocol_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// Names come back as they went in, sorted and filtered, across chunks.
func TestNameList(t *testing.T) {
	t.Parallel()
	var l protocol.NameList
	long := strings.Repeat("ö", 150_000)
	names := []string{"", "b", long + "2", "a", long + "1", "ab", strings.Repeat("x", protocol.MaxListedName)}
	for i := range 5000 {
		names = append(names, fmt.Sprintf("n%07d", (i*7919)%5000))
	}
	for _, n := range names {
		if err := l.Add(n); err != nil {
			t.Fatal(err)
		}
	}
	for i, got := range l.All() {
		if got != names[i] {
			t.Fatalf("name %d is %.20q", i, got)
		}
	}
	l.Keep(func(name string) bool { return len(name) < 10 })
	l.Sort()
	if l.Len() != 5004 || l.Name(0) != "" || l.Name(1) != "a" || l.Name(2) != "ab" || l.Name(3) != "b" || l.Name(4) != "n0000000" || l.Name(5003) != "n0004999" {
		t.Errorf("%d names: %q %q %q %q", l.Len(), l.Name(1), l.Name(2), l.Name(3), l.Name(4))
	}
	if err := l.Add(strings.Repeat("x", protocol.MaxListedName+1)); !errors.Is(err, jute.ErrTooLong) {
		t.Errorf("a name that is too long: %v", err)
	}
}

// A reply is the same read as a packet or off the connection, and what is wrong
// with it is told.
func TestNamesResponse(t *testing.T) {
	t.Parallel()
	plain := &protocol.GetChildren2Response{Stat: protocol.Stat{Czxid: 7, NumChildren: 3, Pzxid: 9}, Children: []string{"c", "", "ab"}}
	whole := plain.AppendTo(nil)
	read := func(b []byte, n int) (*protocol.NamesResponse, error) {
		var r protocol.NamesResponse
		return &r, r.ReadReply(bufio.NewReader(bytes.NewReader(b)), n)
	}
	var decoded protocol.NamesResponse
	if err := decoded.Decode(jute.NewDecoder(whole)); err != nil {
		t.Fatal(err)
	}
	streamed, err := read(whole, len(whole))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*protocol.NamesResponse{&decoded, streamed} {
		if !bytes.Equal(r.AppendTo(nil), whole) || r.Stat != plain.Stat || r.Children.Name(2) != "ab" {
			t.Errorf("%+v", r)
		}
	}
	null := append([]byte{0xff, 0xff, 0xff, 0xff}, plain.Stat.AppendTo(nil)...)
	if r, err := read(null, len(null)); err != nil || r.Children.Len() != 0 || r.Stat.Czxid != 7 {
		t.Errorf("a null vector: %+v, %v", r, err)
	}
	for n := range len(whole) {
		if _, err := read(whole[:n], n); err == nil {
			t.Errorf("cut after %d bytes and taken", n)
		}
	}
	if _, err := read(append(whole, 0), len(whole)+1); !errors.Is(err, jute.ErrTooLong) {
		t.Errorf("a byte too many: %v", err)
	}
	for _, bad := range [][]byte{{0x7f, 0xff, 0xff, 0xff}, {0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff}, {0, 0, 0, 1, 0, 0x10, 0, 0}} {
		if _, err := read(bad, len(bad)); err == nil {
			t.Errorf("%x was taken", bad)
		}
		if err := new(protocol.NamesResponse).Decode(jute.NewDecoder(bad)); err == nil {
			t.Errorf("%x was taken", bad)
		}
	}
}
