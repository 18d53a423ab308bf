package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"zookit/server/zktest"
)

// Each profile has a history of its own, whichever was begun with: a line is of
// the profile that is in use when it is typed, and so are the lines that Up and
// Ctrl-R find. Secrets are in none.
func TestHistoryPerProfile(t *testing.T) {
	t.Parallel()
	addr, home := zktest.Start(t).Addr(), t.TempDir()
	config := fmt.Sprintf("default: one\nprofiles:\n  one: {servers: %s}\n  two: {servers: %[1]s}\n", addr)
	c := operatorAt(t, home, config)
	prompt := func(label string, n int) string { return fmt.Sprintf("[zk: %s(CONNECTED to %s) %d]", label, addr, n) }
	type typed struct{ keys, shown string }
	play := func(steps ...typed) {
		t.Helper()
		for _, s := range steps {
			c.Send(s.keys)
			c.Has(s.shown)
		}
	}
	c.Ends(prompt("one", 0))
	play(
		typed{"stat /zookeeper | wc -l\r", prompt("one", 1)},
		typed{" ls /secret\r", prompt("one", 2)}, // at hand in this run, and in no file
		typed{"use two\r", prompt("two", 3)},
		typed{"\x1b[A\x12stat", "(failed reverse-i-search)`stat':"},
		typed{"\x07", prompt("two", 3)},
		typed{"addauth digest joe:secret\r", prompt("two", 4)},
		typed{"ls /zookeeper\r", prompt("two", 5)},
		typed{"\x1b[A", prompt("two", 5) + " ls /zookeeper"},
		typed{"\x1b[A", prompt("two", 5) + " addauth digest …"},
		typed{"\x1b[A\x15use one\r", prompt("one", 6)},
		typed{"\x1b[A", prompt("one", 6) + " use two"},
		typed{"\x1b[A", prompt("one", 6) + "  ls /secret"},
		typed{"\x15\x12zookeeper", "`zookeeper': stat /zookeeper | wc -l"},
		typed{"\x07connect two\r", prompt("two", 7)},
		typed{"\x12zookeeper", "`zookeeper': ls /zookeeper"},
		typed{"\x07\x1b[A", prompt("two", 7) + " use one"},
		typed{"\x15connect " + addr + "\r", fmt.Sprintf("[zk: %s(CONNECTED) 8]", addr)},
		typed{"\x12zookeeper", "(failed reverse-i-search)`zookeeper':"},
		typed{"\x07", fmt.Sprintf("[zk: %s(CONNECTED) 8]", addr)},
	)
	c.Send("quit\r")
	c.Exits(0)
	for name, want := range map[string]string{
		"history.one": "stat /zookeeper | wc -l\nuse two\nconnect two\n",
		"history.two": "addauth digest …\nls /zookeeper\nuse one\nconnect " + addr + "\n",
		"history":     "quit\n",
	} {
		file := filepath.Join(home, "zkcli", name)
		b, err := os.ReadFile(file)
		if err != nil || string(b) != want {
			t.Errorf("%s is %q, %v; want %q", name, b, err, want)
		}
		if info, err := os.Stat(file); err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	c = operatorAt(t, home, config, "two")
	c.Ends(prompt("two", 0))
	play(
		typed{"\x1b[A\x1b[A", prompt("two", 0) + " use one"},
		typed{"\x15use one\r", prompt("one", 1)},
		typed{"\x1b[A\x1b[A", prompt("one", 1) + " use two"},
	)
	c.Send("\x15quit\r")
	c.Exits(0)
}
