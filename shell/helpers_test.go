package shell

import (
	"bytes"
	"regexp"
	"sync"
	"testing"
	"time"
)

var (
	zxidOfEvent   = regexp.MustCompile(`zxid: \d+`)
	sessionClosed = regexp.MustCompile(`(?m)^Session 0x[0-9a-f]+ closed\n`)
)

// lockedBuffer is a buffer for two goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// eventually waits until ok holds.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen")
		}
	}
}

// noEnvironment is one without variables, in which changes are not kept.
func noEnvironment(name string) string {
	if name == "ZKCLI_JOURNAL" {
		return "off"
	}
	return ""
}
