package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckDirs(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	join := func(parts ...string) string { return filepath.Join(append([]string{base}, parts...)...) }
	for _, dir := range []string{"there", "there/version-2", "broken", "used # as Apache would", "used"} {
		if err := os.MkdirAll(join(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"file", "broken/version-2"} {
		if err := os.WriteFile(join(file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ name, lines, want string }{
		{"there", "dataDir=" + join("there"), ""},
		{"to be made", "dataDir=" + join("new/deep"), ""},
		{"a file", "dataDir=" + join("file"), "dataDir " + join("file") + ": " + join("file") + " is not a directory; name a directory"},
		{"below a file", "dataDir=" + join("file/x"), join("file") + " is not a directory; mend the path"},
		{"version-2 is a file", "dataDir=" + join("broken"), join("broken/version-2") + " is not a directory"},
		{"the log's", "dataDir=" + join("there") + "\ndataLogDir=" + join("file"), "dataLogDir " + join("file") + ": "},
		{"may not be made", "datadir.autocreate=false\ndataDir=" + join("new"), join("new") + " is missing, and datadir.autocreate is false; make it, or mend the path"},
		{"version-2 may not be made", "datadir.autocreate=false\ndataDir=" + join("used"), join("used/version-2") + " is missing"},
		{"a comment behind it", "dataDir=" + join("there") + " # here", ""},
		{"a directory with the comment", "dataDir=" + join("used") + " # as Apache would", `there is also a directory named "` + join("used") + ` # as Apache would", the comment included, as Apache would have made it; `},
	}
	for _, tt := range tests {
		c, _, err := Parse("zoo.cfg", []byte("clientPort=2181\n"+tt.lines+"\n"), Env{})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		before := listing(t, base)
		err = c.CheckDirs()
		var dir *DirError
		if tt.want == "" && err != nil || tt.want != "" && (!errors.As(err, &dir) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
		if after := listing(t, base); after != before {
			t.Errorf("%s: the check changed the disk:\n%s\nbecame\n%s", tt.name, before, after)
		}
	}
}

// A directory nobody may write is refused with its name and the user's; root may write everywhere.
func TestCheckDirsUnwritable(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		if err := probe("/proc"); err == nil {
			t.Skip("root may write everywhere, even in /proc")
		}
		c := Default()
		c.DataDir, c.DataLogDir = "/proc/zookeeper", "/proc/zookeeper"
		if err := c.CheckDirs(); err == nil || !strings.Contains(err.Error(), "dataDir /proc/zookeeper: it cannot be made in /proc: ") {
			t.Errorf("got %v", err)
		}
		return
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.DataDir, c.DataLogDir = dir+"/data", dir+"/data"
	if err := c.CheckDirs(); err == nil || !strings.Contains(err.Error(), "it cannot be made in "+dir+": permission denied; make it yourself, writable for ") {
		t.Errorf("got %v", err)
	}
}

func listing(t *testing.T, root string) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, "\n")
}
