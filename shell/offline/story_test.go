package offline_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/vfs"
	"zookit/server/zktest"
	"zookit/server/zktest/apache"
	"zookit/shell/export"
)

// ours is a server of ours on a real directory.
func ours(t *testing.T, enforceQuota bool) (addr, dir string) {
	t.Helper()
	cfg := zktest.Config()
	cfg.DataDir = t.TempDir()
	cfg.DataLogDir, cfg.EnforceQuota = cfg.DataDir, enforceQuota
	return zktest.StartConfig(t, cfg, server.WithFS(vfs.OS())).Addr(), cfg.DataDir
}

// TestStory plays the whole of it on our server and on Apache's: what is
// imported comes back, and what lies in the directory of the running server is
// what it answers.
func TestStory(t *testing.T) {
	t.Parallel()
	t.Run("ours", func(t *testing.T) {
		t.Parallel()
		addr, dir := ours(t, false)
		story(t, addr, dir)
	})
	t.Run("Apache", func(t *testing.T) {
		apache.Need(t)
		t.Parallel()
		s := apache.Start(t, apache.Options{Config: []string{"extendedTypesEnabled=true"}})
		story(t, s.Addr, s.Dir)
	})
}

// seed is a subtree with one of each: text, binary, empty and null data, ACLs,
// kinds.
func seed() []*export.Entry {
	open := protocol.OpenACL
	return []*export.Entry{
		{Path: "/app", Data: []byte("max=10\nname=ü\n"), ACL: open},
		{Path: "/app/bin", Data: []byte{0, 1, 0xff}, ACL: open},
		{Path: "/app/c", Data: []byte{}, ACL: open, Kind: export.Container},
		{Path: "/app/c/x", Data: []byte("x"), ACL: open},
		{Path: "/app/e", Data: []byte("gone"), ACL: open, Kind: export.Ephemeral, Owner: 0x77},
		{Path: "/app/null", ACL: open},
		{Path: "/app/secret", Data: []byte("s"), ACL: []protocol.ACL{{Perms: 31, Scheme: "ip", ID: "127.0.0.1"}, {Perms: protocol.PermRead, Scheme: "world", ID: "anyone"}}},
		{Path: "/app/ttl", Data: []byte("t"), ACL: open, Kind: export.TTL, TTLMs: 600_000},
	}
}

func story(t *testing.T, addr, dir string) {
	in := inDir(t.TempDir())
	writeExport(t, in("seed"), seed())
	at := func(args ...string) []string { return append([]string{"-server", addr}, args...) }

	expect(t, at("import", "-n", in("seed")), in("seed")+" to /app: 7 znodes with 21 bytes to create, 1 ephemeral left out (/app/e)\n", "", 0)
	expect(t, at("stat", "/app"), "", "Node does not exist: /app\n", 1)
	expect(t, at("import", in("seed")), in("seed")+" to /app: 7 znodes with 21 bytes created, 1 ephemeral left out (/app/e)\n", "", 0)
	expect(t, at("import", in("seed")), in("seed")+" to /app: 0 znodes with 0 bytes created, 7 there and the same, 1 ephemeral left out (/app/e)\n", "", 0)

	// What comes back is what went in, but for what nobody can keep.
	expect(t, at("export", "/app", in("back")), "", in("back")+": 7 znodes with 21 bytes of data below /app; a server does not tell containers and TTL znodes from others\n", 0)
	want := slices.DeleteFunc(seed(), func(e *export.Entry) bool { return e.Kind == export.Ephemeral })
	back := entries(t, in("back"))
	compareEntries(t, back, want)
	expect(t, at("export", "-nostat", "/app", in("again")), "", in("again")+": 7 znodes with 21 bytes of data below /app; a server does not tell containers and TTL znodes from others\n", 0)
	expect(t, at("import", in("again"), "/copy"), in("again")+" to /copy: 7 znodes with 21 bytes created\n", "", 0)
	expect(t, at("diff", "/app", "/copy"), "", "", 0)
	sameBut(t, at("export", "-nostat", "/app"), at("export", "-nostat", "/copy"), "/app", "/copy")

	// The directory of the server, which is running, holds what the server answers.
	live := entries(t, in("back"))
	expect(t, []string{"export", "file:" + dir + ":/app", in("disk")}, "", in("disk")+": 7 znodes with 21 bytes of data below /app\n", 0)
	disk := entries(t, in("disk"))
	for i, e := range disk {
		if *e.Stat != *live[i].Stat {
			t.Errorf("%s: on disk %+v, served %+v", e.Path, e.Stat, live[i].Stat)
		}
		if w := want[i]; e.Kind != w.Kind || e.TTLMs != w.TTLMs {
			t.Errorf("%s: on disk %s %d, imported %s %d", e.Path, e.Kind, e.TTLMs, w.Kind, w.TTLMs)
		}
	}
	compareEntries(t, disk, want)
	expect(t, at("diff", "file:"+dir, "/"), "", "", 0)
	expect(t, at("diff", "file:"+in("back"), "/app"), "", "", 0)

	conflicts(t, at, in)
	hidden(t, at, in)
	histories(t, addr, dir)
}

// compareEntries compares what people put into znodes.
func compareEntries(t *testing.T, got, want []*export.Entry) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d znodes, want %d", len(got), len(want))
	}
	for i, w := range want {
		if g := got[i]; g.Path != w.Path || !bytes.Equal(g.Data, w.Data) || (g.Data == nil) != (w.Data == nil) || !slices.Equal(g.ACL, w.ACL) {
			t.Errorf("%+v, want %+v", g, w)
		}
	}
}

// sameBut compares two exports but for their roots and what depends on them.
func sameBut(t *testing.T, left, right []string, from, to string) {
	t.Helper()
	a, _, _ := run(t, "", left...)
	b, _, _ := run(t, "", right...)
	seal := regexp.MustCompile(`"sha256":"[0-9a-f]{64}"`)
	a, b = seal.ReplaceAllString(strings.ReplaceAll(a, `"`+from, `"`+to), ""), seal.ReplaceAllString(b, "")
	if a != b || strings.Count(a, "\n") < 3 {
		t.Errorf("%v\n%s\n%v\n%s", left, a, right, b)
	}
}

// conflicts changes the copy and imports over it by each rule.
func conflicts(t *testing.T, at func(...string) []string, in func(string) string) {
	t.Helper()
	_, stderr, exit := run(t, "set /copy/c/x other\ncreate /copy/more\ncreate /copy/more/below y\nsetAcl /copy/null world:anyone:rwa\ndelete /copy/bin\n", at()...)
	if exit != 0 {
		t.Fatal(stderr)
	}
	expect(t, at("diff", "/app", "/copy"), "- /app/bin\n~ /app/c/x /copy/c/x data\n+ /copy/more and 1 below\n~ /app/null /copy/null acl\n", "", 1)
	expect(t, at("diff", "-v", "-noacl", "/app/c", "/copy/c"),
		"~ /app/c/x /copy/c/x data\n@@ -1,1 +1,1 @@\n-x\n+other\n", "", 1)
	expect(t, at("diff", "-v", "/app/null", "/copy/null"), "~ /app/null /copy/null acl\n  acl: world:anyone:cdrwa → world:anyone:rwa\n", "", 1)
	expect(t, at("diff", "/app", "/nothing"), "", "Node does not exist: /nothing\n", 2)
	expect(t, at("diff"), "", "usage: diff [-v] [-noacl] path [path]\n", 2)

	file := in("again")
	expect(t, at("import", file, "/copy"), "", "import: 2 znodes are there with other data or another ACL: /copy/c/x /copy/null; "+
		"nothing was written (-on-conflict skip leaves them, overwrite replaces them; diff shows them)\n", 1)
	expect(t, at("stat", "/copy/bin"), "", "Node does not exist: /copy/bin\n", 1)
	expect(t, at("import", "-on-conflict", "skip", file, "/copy"),
		file+" to /copy: 1 znode with 3 bytes created, 4 there and the same, 2 that differ left as they are (/copy/c/x /copy/null)\n", "", 0)
	expect(t, at("import", "-n", "-on-conflict", "overwrite", file, "/copy"),
		file+" to /copy: 0 znodes with 0 bytes to create, 5 there and the same, 2 that differ to overwrite (/copy/c/x /copy/null)\n", "", 0)
	expect(t, at("import", "-on-conflict", "overwrite", file, "/copy"),
		file+" to /copy: 0 znodes with 0 bytes created, 5 there and the same, 2 that differ overwritten (/copy/c/x /copy/null)\n", "", 0)
	expect(t, at("diff", "/app", "/copy"), "+ /copy/more and 1 below\n", "", 1)
	expect(t, at("import", file, "/no/such"), "", "Node does not exist: /no; create it first, it is to hold /no/such\n", 1)

	text, err := os.ReadFile(file)
	must(t, err)
	for name, changed := range map[string]string{
		"changed": strings.Replace(string(text), "max=10", "max=99", 1), "cut": string(text[:len(text)-40]),
	} {
		must(t, os.WriteFile(in(name), []byte(changed), 0o666))
		stdout, stderr, exit := run(t, "", at("import", in(name), "/never")...)
		if stdout != "" || exit != 1 || !strings.Contains(stderr, "; nothing was written\n") {
			t.Errorf("%s: exit %d\n%s%s", name, exit, stdout, stderr)
		}
	}
	expect(t, at("stat", "/never"), "", "Node does not exist: /never\n", 1)
}

// hidden is about digests that a server hides from whoever may not change the
// ACL: written back, they would lock everybody out.
func hidden(t *testing.T, at func(...string) []string, in func(string) string) {
	t.Helper()
	_, stderr, exit := run(t, "addauth digest u:p\ncreate /closed x auth::cdrwa\nsetAcl /closed digest:"+protocol.DigestID("u:p")+":cdrwa,world:anyone:r\nexport /closed "+in("open")+"\n", at()...)
	if exit != 0 {
		t.Fatal(stderr)
	}
	stdout, stderr, exit := run(t, "", at("export", "/closed", in("closed"))...)
	want := "export: this server hides the digests in the ACLs of 1 znode from this session, so an import of the file would be refused (addauth as one who may change them): /closed\n"
	if stdout != "" || exit != 1 || !strings.HasSuffix(stderr, want) {
		t.Errorf("exit %d\n%s%s", exit, stdout, stderr)
	}
	expect(t, at("import", in("closed"), "/copied"), "", "import: "+in("closed")+": the ACLs of 1 znode are not whole, because their digests were hidden from the session that exported them: /copied; "+
		"export them again after addauth; nothing was written\n", 1)
	note := "diff: 1 znode has digests in its ACL that are hidden from this session; they were compared by their users alone: /closed\n"
	expect(t, at("diff", "file:"+in("open"), "/closed"), "", note, 0)
	if stdout, stderr, exit := run(t, "addauth digest u:p\ndiff file:"+in("open")+" /closed\nimport "+in("open")+" /copied\nimport "+in("open")+"\n", at()...); exit != 0 || stderr != "" {
		t.Errorf("exit %d\n%s%s", exit, stdout, stderr)
	}
}

// histories reads what the story did from the logs of the running server.
func histories(t *testing.T, addr, dir string) {
	t.Helper()
	_, stderr, exit := run(t, "create -e /app/mine me\nset /app/c/x y\ndelete /copy/more/below\n", "-server", addr)
	if exit != 0 {
		t.Fatal(stderr)
	}
	unique := regexp.MustCompile(`(?m)^0x[0-9a-f]+  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC  0x[0-9a-f]+  `)
	for path, want := range map[string]string{
		"/app/c/x":         "multi:create  /app/c/x  \"x\"\nsetData  /app/c/x  \"x\" → \"y\"  version 1\n",
		"/copy/null":       "multi:create  /copy/null  null\nsetACL   /copy/null  world:anyone:rwa  version 1\nsetACL   /copy/null  world:anyone:cdrwa  version 2\n",
		"/app/mine":        "create2  /app/mine  \"me\"  ephemeral\ncloseSession  /app/mine  \"me\"\n",
		"/app/ttl":         "createTTL  /app/ttl  \"t\"  ttl 600000 ms\n",
		"/app/bin":         "multi:create  /app/bin  3 bytes\n",
		"/copy/more/below": "create2  /copy/more/below  \"y\"\ndelete   /copy/more/below  \"y\"\n",
	} {
		stdout, stderr, exit := run(t, "", "log", "file:"+dir+":"+path)
		// Apache logs a create2 as a create.
		if got := unique.ReplaceAllString(stdout, ""); exit != 0 || stderr != "" || strings.ReplaceAll(got, "create   ", "create2  ") != want {
			t.Errorf("log %s: exit %d\n%s%s\nwant\n%s", path, exit, got, stderr, want)
		}
	}
	expect(t, []string{"-server", addr, "log", "/app"}, "", "log: a server tells nobody its transactions; name its data directory: log file:DATADIR:/app\n", 1)
}

// TestImportGoesOn: what an interrupted import has written stays, and the same
// command goes on from there. A quota that is used up interrupts it at its end.
func TestImportGoesOn(t *testing.T) {
	t.Parallel()
	addr, _ := ours(t, true)
	in := inDir(t.TempDir())
	list := []*export.Entry{{Path: "/big", ACL: protocol.OpenACL}}
	for i := range 2499 {
		list = append(list, &export.Entry{Path: fmt.Sprintf("/big/n%04d", i), Data: []byte("x"), ACL: protocol.OpenACL})
	}
	list = append(list, &export.Entry{Path: "/big/zz", ACL: protocol.OpenACL}, &export.Entry{Path: "/big/zz/x", Data: []byte("x"), ACL: protocol.OpenACL})
	writeExport(t, in("big"), list)
	if _, stderr, exit := run(t, "create /big\ncreate /big/zz\nsetquota -N 1 /big/zz\n", "-server", addr); exit != 0 {
		t.Fatal(stderr)
	}
	_, stderr, exit := run(t, "", "-server", addr, "import", in("big"))
	var done int
	if _, err := fmt.Sscanf(stderr, "import: %d of 2500 znodes were written; the same command goes on from there\n", &done); err != nil || exit != 1 || !strings.Contains(stderr, "Quota has exceeded : /big/zz/x") {
		t.Fatalf("exit %d\n%s", exit, stderr)
	}
	if _, stderr, exit := run(t, "", "-server", addr, "delquota", "-N", "/big/zz"); exit != 0 {
		t.Fatal(stderr)
	}
	left := 2500 - done
	expect(t, []string{"-server", addr, "import", in("big")}, fmt.Sprintf("%s to /big: %d znodes with %d bytes created, %d there and the same\n", in("big"), left, left, done+2), "", 0)
	expect(t, []string{"-server", addr, "diff", "file:" + in("big"), "/big"}, "", "", 0)
}

// TestLargeZnodes: requests stay below what a server takes, though only one of
// these znodes fits into each.
func TestLargeZnodes(t *testing.T) {
	t.Parallel()
	addr, _ := ours(t, false)
	in := inDir(t.TempDir())
	list := []*export.Entry{{Path: "/large", ACL: protocol.OpenACL}}
	for i := range 5 {
		list = append(list, &export.Entry{Path: fmt.Sprintf("/large/n%d", i), Data: bytes.Repeat([]byte{byte(i), 'x'}, 300_000-i*70_000), ACL: protocol.OpenACL})
	}
	writeExport(t, in("large"), list)
	expect(t, []string{"-server", addr, "import", "-rate", "100", in("large")}, in("large")+" to /large: 6 znodes with 1600000 bytes created\n", "", 0)
	expect(t, []string{"-server", addr, "diff", "file:" + in("large"), "/large"}, "", "", 0)
	for _, rate := range []string{"0", "x", "-1"} {
		expect(t, []string{"-server", addr, "import", "-rate", rate, in("large")}, "", fmt.Sprintf("import: -rate %q: it must be a number of znodes a second, at least 1\n", rate), 1)
	}
}

// TestDamaged: a damaged directory says what is at stake, as the server does,
// and what can be read all the same can be read.
func TestDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := zktest.Config()
	cfg.DataDir, cfg.DataLogDir = dir, dir
	s := zktest.StartConfig(t, cfg, server.WithFS(vfs.OS()))
	var script strings.Builder
	for i := range 40 {
		fmt.Fprintf(&script, "create /n%02d data-of-%02d\n", i, i)
	}
	if _, stderr, exit := run(t, script.String(), "-server", s.Addr()); exit != 0 {
		t.Fatal(stderr)
	}
	s.Stop()
	log := filepath.Join(dir, "version-2", "log.1")
	b, err := os.ReadFile(log)
	must(t, err)
	at := bytes.Index(b, []byte("data-of-20"))
	b[at] ^= 1
	must(t, os.WriteFile(log, b, 0o666))

	_, stderr, exit := run(t, "", "-server", "file:"+dir, "ls", "/")
	readable := regexp.MustCompile(`What can be read here: file:(\S+@0x[0-9a-f]+), the state before the damage; file:(\S+/snapshot\.0), its newest snapshot; "log file:`).FindStringSubmatch(stderr)
	if exit != 1 || !strings.Contains(stderr, log+" is damaged at offset") || !strings.Contains(stderr, "set acceptDataLoss=") || readable == nil {
		t.Fatalf("exit %d: %s", exit, stderr)
	}
	stdout, stderr, exit := run(t, "", "-server", "file:"+readable[1], "ls", "/")
	if exit != 0 || !strings.Contains(stdout, "n19,") || strings.Contains(stdout, "n20") {
		t.Errorf("before the damage: exit %d\n%s%s", exit, stdout, stderr)
	}
	expect(t, []string{"-server", "file:" + readable[2], "ls", "/"}, "[zookeeper]\n", "", 0)
	stdout, stderr, exit = run(t, "", "log", "-R", "file:"+dir+":/")
	if exit != 0 || strings.Count(stdout, "\n") != 39 || !strings.Contains(stdout, "/n39") || strings.Contains(stdout, "/n20") || !strings.Contains(stderr, "are missing (log.1)") {
		t.Errorf("log: exit %d\n%s%s", exit, stdout, stderr)
	}
	after, err := os.ReadFile(log)
	must(t, err)
	if !bytes.Equal(after, b) {
		t.Error("the log has changed")
	}
}
