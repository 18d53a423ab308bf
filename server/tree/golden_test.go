package tree

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// apacheLog reads the txns of testdata/apache-3.8.0.log.
func apacheLog(t testing.TB) []*txn.Txn {
	t.Helper()
	b, err := os.ReadFile("testdata/apache-3.8.0.log")
	if err != nil {
		t.Fatal(err)
	}
	var txns []*txn.Txn
	for p := 16; p < len(b); { // file header, then {checksum, length, payload, 'B'}
		n := int(binary.BigEndian.Uint32(b[p+8:]))
		x, err := txn.Decode(b[p+12 : p+12+n])
		if err != nil {
			t.Fatalf("at offset %d: %v", p, err)
		}
		txns = append(txns, x)
		p += 12 + n + 1
	}
	return txns
}

// clientView prints a tree as testdata/apache-3.8.0.tree has it.
func clientView(tr *Tree) string {
	var b strings.Builder
	var walk func(path string)
	walk = func(path string) {
		n, _ := tr.Lookup(path)
		data := "null"
		if n.Data() != nil {
			data = `"` + hex.EncodeToString(n.Data()) + `"`
		}
		var acl []string
		for _, e := range n.ACL() {
			acl = append(acl, fmt.Sprintf("%d|%s|%s", e.Perms, e.Scheme, e.ID))
		}
		s := n.Stat()
		fmt.Fprintf(&b, "%x\t%s\t%s\t%d %d %d %d %d %d %d %d %d %d %d\n", path, data, strings.Join(acl, ","),
			int64(s.Czxid), int64(s.Mzxid), s.Ctime, s.Mtime, s.Version, s.Cversion, s.Aversion,
			int64(s.EphemeralOwner), s.DataLength, s.NumChildren, int64(s.Pzxid))
		for _, name := range sortedChildren(n) {
			walk(protocol.Join(path, name))
		}
	}
	walk("/")
	return b.String()
}

func TestApacheHistory(t *testing.T) {
	t.Parallel()
	tr := New(Options{Extended: true, Digest: true})
	var r Result
	digests := 0
	for _, x := range apacheLog(t) {
		tr.Apply(x, &r)
		if x.Digest != nil {
			digests++
		}
		if r.DigestMismatch {
			t.Fatalf("after %v %v: digest %d, Apache has %d", x.Zxid, x.Type, tr.Digest(), x.Digest.Tree)
		}
	}
	if digests < 100 {
		t.Fatalf("only %d txns of the log carry a digest", digests)
	}
	want, err := os.ReadFile("testdata/apache-3.8.0.tree")
	if err != nil {
		t.Fatal(err)
	}
	if got := clientView(tr); got != string(want) {
		t.Errorf("the tree differs from Apache's:\n%s", firstDifference(got, string(want)))
	}
	hash, err := os.ReadFile("testdata/apache-3.8.0.hash")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, e := range tr.DigestLog() {
		fmt.Fprintf(&got, "%x: %d\n", int64(e.Zxid), int64(e.Digest))
	}
	if got.String() != string(hash) {
		t.Errorf("hash: got %q, Apache %q", got.String(), hash)
	}
	if tr.NodeCount() != 41 || tr.EphemeralCount() != 1 { // mntr's znode_count and ephemerals_count
		t.Errorf("%d znodes and %d ephemerals, Apache has 41 and 1", tr.NodeCount(), tr.EphemeralCount())
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("line %d\n got %s\nwant %s", i+1, at(g, i), at(w, i))
		}
	}
	return "none"
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end)"
}
