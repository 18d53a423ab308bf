package config

import (
	"errors"
	"io/fs"
	"math/rand"
	"os"
	"strings"
	"testing"

	"zookit/protocol/quorum"
	"zookit/server/vfs"
)

func filesFor(t *testing.T, fsys vfs.FS, text string) *Files {
	t.Helper()
	f := &Files{FS: fsys, File: "/etc/zk/zoo.cfg"}
	if err := fsys.MkdirAll("/etc/zk", 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := fsys.Open(f.File, os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(out.Sync(), out.Close(), fsys.SyncDir("/etc/zk"), fsys.SyncDir("/etc"), fsys.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return f
}

func textOf(t *testing.T, f *Files, name string) string {
	t.Helper()
	text, err := f.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "gone"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func parsed(t *testing.T, text string) *quorum.Config {
	t.Helper()
	c, err := quorum.ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A change goes through the files as it goes through an ensemble: proposed, in
// force, and the next one; zoo.cfg keeps all else that is in it.
func TestDynamicFiles(t *testing.T) {
	t.Parallel()
	const old = "# our ensemble\ntickTime=2000\nserver.2=b:2:3\nserver.1 : a:2:3;\\\n  2181\n\n# ports\nclientPort=2181\nclientPortListenBacklog=5\npeerType=participant\ngroup.1=1:2\ninitLimit=10"
	f := filesFor(t, vfs.NewMem(), old)
	if err := f.Backup(old); err != nil {
		t.Fatal(err)
	}
	if got := textOf(t, f, f.File+".bak"); got != old {
		t.Errorf("the copy is %q", got)
	}
	next := parsed(t, "server.10=c:2:3:observer;c:2181\nserver.1=a:2:3:participant;0.0.0.0:2181\nserver.2=b:2:3:participant;0.0.0.0:2181\nversion=1a")
	if err := f.SaveNext(next); err != nil {
		t.Fatal(err)
	}
	const lines = "server.10=c:2:3:observer;c:2181\nserver.1=a:2:3:participant;0.0.0.0:2181\nserver.2=b:2:3:participant;0.0.0.0:2181"
	if got, want := textOf(t, f, f.File+".dynamic.next"), lines+"\nversion=1a"; got != want {
		t.Errorf("next is %q, want %q", got, want)
	}
	if err := f.Save(next, true); err != nil {
		t.Fatal(err)
	}
	if got := textOf(t, f, f.File+".dynamic.1a"); got != lines {
		t.Errorf("the dynamic file is %q", got)
	}
	if got := textOf(t, f, f.File+".dynamic.next"); got != "gone" {
		t.Errorf("next is %q still", got)
	}
	want := "# our ensemble\ntickTime=2000\n\n# ports\nclientPortListenBacklog=5\ninitLimit=10\ndynamicConfigFile=/etc/zk/zoo.cfg.dynamic.1a\n"
	if got := textOf(t, f, f.File); got != want {
		t.Errorf("zoo.cfg is %q, want %q", got, want)
	}
	if info, err := f.FS.Stat(f.File); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("zoo.cfg has the mode %v, %v", info.Mode(), err)
	}
	next.Version = 0x2b
	if err := f.Save(next, false); err != nil {
		t.Fatal(err)
	}
	if got := textOf(t, f, f.File); strings.Count(got, "dynamicConfigFile") != 1 || !strings.HasSuffix(got, ".dynamic.2b\n") {
		t.Errorf("zoo.cfg is %q", got)
	}
}

// What zoo.cfg says of the file is read back, whatever the path is made of.
func TestPointTo(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/etc/zoo.cfg.dynamic.1", "/a b/#1/ä\\€/𝄞.dynamic.2"} {
		text, err := pointTo([]byte("a=1\\\n"), path, false)
		if err != nil {
			t.Fatal(err)
		}
		props, err := parseProperties("", text)
		if err != nil || len(props) != 2 || props[1].Bare != path {
			t.Errorf("%q: %+v, %v", text, props, err)
		}
	}
	if _, err := pointTo([]byte("a=1\nb=\\u12\n"), "/x", false); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a zoo.cfg that cannot be read: %v", err)
	}
}

// A power cut at any call leaves a zoo.cfg that is complete, and complete what
// it names.
func TestDynamicFilesCrash(t *testing.T) {
	t.Parallel()
	const old, lines = "tickTime=2000\nserver.1=a:2:3\n", "server.1=a:2:3:participant"
	view := parsed(t, lines+"\nversion=1a")
	for n, done := 1, false; !done; n++ {
		mem := vfs.NewTrackedMem()
		filesFor(t, mem, old)
		cut := &Files{FS: vfs.NewFaulty(mem, vfs.Fault{N: n, Sticky: true, Short: true, Err: errors.New("power cut")}), File: "/etc/zk/zoo.cfg"}
		err := errors.Join(cut.SaveNext(view), cut.Save(view, false))
		done = err == nil
		for seed := range int64(8) {
			f := &Files{FS: mem.Crash(rand.New(rand.NewSource(seed*1000 + int64(n)))), File: cut.File}
			text := textOf(t, f, f.File)
			_, named, found := strings.Cut(text, "dynamicConfigFile=")
			switch {
			case text == old && !done:
			case !found || text != "tickTime=2000\ndynamicConfigFile=/etc/zk/zoo.cfg.dynamic.1a\n":
				t.Fatalf("cut at call %d (%v): zoo.cfg is %q", n, err, text)
			case textOf(t, f, strings.TrimSpace(named)) != lines:
				t.Fatalf("cut at call %d (%v): %s is %q", n, err, named, textOf(t, f, strings.TrimSpace(named)))
			}
		}
	}
}
