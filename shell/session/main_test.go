package session

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain checks that no session leaves a goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leaked(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leaked waits for the library's own Close, which may take some seconds when no
// server answers, and returns the stacks that stay.
func leaked() string {
	buf := make([]byte, 1<<20)
	var left string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var stacks []string
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if !strings.Contains(g, "leaked()") && !strings.Contains(g, "session.leaked") &&
				(strings.Contains(g, "shell/session.") || strings.Contains(g, "go-zookeeper")) {
				stacks = append(stacks, g)
			}
		}
		if left = strings.Join(stacks, "\n\n"); left == "" {
			return ""
		}
	}
	return left
}
