package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFiles: the program reads an export and a server's directory, and says
// what is wrong with anything else.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "a.jsonl")
	script := exec.Command(zkcli(t), "-embedded")
	script.Stdin = strings.NewReader("create /a x\ncreate /a/b y\nexport /a " + file + "\n")
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.MkdirAll(filepath.Join(dir, "data", "version-2"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		out  string
		ok   bool
	}{
		{[]string{"-server", "file:" + file, "ls", "-R", "/"}, "/\n/a\n/a/b\n", true},
		{[]string{"diff", "file:" + file + ":/a/b", "file:" + file + ":/a/b"}, "", true},
		{[]string{"-server", "file:" + filepath.Join(dir, "data"), "ls", "/"}, "no server has ever written there: neither snapshot nor log\n", false},
	} {
		out, err := exec.Command(zkcli(t), c.args...).CombinedOutput()
		if !strings.HasSuffix(string(out), c.out) || (err == nil) != c.ok || c.ok && string(out) != c.out {
			t.Errorf("zkcli %q: %v\n%s", c.args, err, out)
		}
	}
}
