package shell

import "testing"

// ACLs whose digests the server hides from this session are neither copied nor
// written back, and that is said before anything is done.
func TestHiddenACLs(t *testing.T) {
	t.Parallel()
	c := newChanging(t)
	const joe = "addauth digest joe:secret"
	const acl = "world:anyone:cdrw,auth::cdrwa"
	text, exit := c.run(joe, "create /h top", "create /h/s data "+acl, "create /h/s/below b", "getAcl /h/s")
	if exit != 0 {
		t.Fatal(text)
	}
	whole := text[len("Created /h\nCreated /h/s\nCreated /h/s/below\n"):]

	for _, line := range []string{"cp -r /h /copy", "mv /h /copy"} {
		c.says("hidden from this session, and a copy with them would let nobody in (addauth first as one with permission a): 1 znode: /h/s; nothing was written", 1, line)
		c.says("Node does not exist: /copy", 1, "stat /copy")
	}
	c.says("may not be touched: /h/s (its ACL is hidden from this session)", 0, "mv -n /h /copy")
	c.says("Copied /h to /copy: 3 znodes", 0, joe, "cp -r /h /copy")
	c.must(whole, joe, "getAcl /copy/s")
	c.says("Moved /copy to /moved: 3 znodes", 0, joe, "mv /copy /moved")
	c.must(whole, joe, "getAcl /moved/s")
	// One who saw them whole gets them back, whoever asks for it.
	c.says("3 znodes created again, 3 znodes deleted", 0, "undo")
	c.must(whole, joe, "getAcl /copy/s")

	c.says("  undo will not be able to restore the ACLs of 1 znode: /h/s (", 0, "deleteall -n /h")
	c.must("", "deleteall /h")
	for _, line := range []string{"undo", "undo -n"} {
		c.says("undo: nothing was taken back, since the digests in these ACLs were hidden when the change was recorded, and with them nobody would be let in: 1 znode: /h/s; -acl gives", 1, line)
		c.says("Node does not exist: /h", 1, "stat /h")
	}
	c.says("the ACLs of 1 znode: /h/s: they were hidden when the change was recorded, and are those of -acl", 0, "undo -acl world:anyone:cra")
	c.must("data\n'world,'anyone\n: cra\n'world,'anyone\n: cdrwa\n", "get /h/s", "getAcl /h/s", "getAcl /h")

	c.must("Created /one\n", joe, "create /one x "+acl)
	c.must("", "delete /one")
	c.says("1 znode: /one; -acl gives", 1, "undo")
	c.says("Undone delete /one", 0, "undo -acl "+acl[:len("world:anyone:cdrw")])
	c.must("Created /two\n", joe, "create /two x "+acl)
	c.must("", joe, "delete /two")
	c.says("Undone delete /two", 0, "undo")
	c.must(whole, joe, "getAcl /two")
}
