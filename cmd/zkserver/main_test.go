package main_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"zookit/protocol"
)

// TestProgram: the program alone takes zoo.cfg of ZOOCFGDIR and says so, status
// finds it, a second one on the directory is refused, and SIGTERM ends it with 0
// and without an error in the log.
func TestProgram(t *testing.T) {
	skipWithoutSIGTERM(t)
	t.Parallel()
	cfg := writeConfig(t, "tickTime=500 # a comment")
	p := start(t, []string{"ZOOCFGDIR=" + filepath.Dir(cfg)})
	if !strings.HasPrefix(p.output(), "Using config: "+cfg+"\n") || !strings.Contains(p.output(), "zoo.cfg:1: tickTime") {
		t.Errorf("it started with\n%s", p.output())
	}
	for word, want := range map[string]string{
		"srvr": "Zookeeper version: 3.9.5-zookit, built on ",
		"ruok": "ruok is not executed because it is not in the whitelist.\nTo allow it, put this line into zoo.cfg",
	} {
		if got, err := protocol.FourLetter(t.Context(), p.addr, word); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, %v", word, got, err)
		}
	}
	out, err := exec.Command(zkserver(t), "start-foreground", cfg).CombinedOutput()
	if code := exitCode(err); code != 3 || !strings.Contains(string(out), "another server is running on it") {
		t.Errorf("a second one: exit code %d, %s", code, out)
	}
	if code := p.terminate(); code != 0 || strings.Contains(p.output(), "ERROR") || !strings.HasSuffix(p.output(), "stopped\n") {
		t.Errorf("SIGTERM: exit code %d\n%s", code, p.output())
	}
}

func exitCode(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return 0
}
