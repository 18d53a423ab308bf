package command

import (
	"fmt"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/shell/journal"
)

func TestHidden(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"digest:joe:x:cdrwa":                        true,
		"world:anyone:cdrw,digest:joe:x:r":          true,
		"world:anyone:a,digest:joe:x:cdrwa":         false, // everybody sees it whole
		"digest:joe:nkRJdcoyQOGDoLRPU7avU7yj3ws=:r": false,
		"sasl:joe:x:cdrwa":                          false,
		"world:anyone:r,ip:10.0.0.1:a":              false,
		"digest:joe:nkRJdcoy=:a,digest:eve:x:cdrwa": true,
	} {
		acl, err := parseACL(&Context{}, text, "/")
		if err != nil || hidden(acl) != want {
			t.Errorf("%s: %v, %v", text, hidden(acl), err)
		}
	}
}

// The question, and the word before what needs none, say what undo could not
// restore.
func TestDeleteAllTellsOfACLs(t *testing.T) {
	t.Parallel()
	paths := []string{"/one", "/t"}
	for i := range 200 { // so many that it asks
		paths = append(paths, fmt.Sprintf("/t/%04d", i))
	}
	b := newBench(t, "", paths...)
	b.Journal = journal.New(t.TempDir(), 0)
	masked := []protocol.ACL{{Perms: protocol.PermAll, Scheme: "digest", ID: "joe:x"}}
	b.fake.acl = map[string][]protocol.ACL{"/one": masked, "/t": masked}
	var asked string
	b.Interactive = true
	b.Confirm = func(q string) bool { asked = q; return false }
	b.do("deleteall /t")
	if want := "undo will not be able to restore the ACLs of 1 znode: /t ("; !strings.Contains(asked, want) {
		t.Errorf("asked %q without %q", asked, want)
	}
	if _, err, _ := b.do("deleteall /one"); !strings.Contains(err, "undo will not be able to restore the ACLs of 1 znode: /one (") {
		t.Errorf("told %q", err)
	}
}
