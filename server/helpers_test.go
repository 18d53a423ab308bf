package server_test

import (
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/vfs"
)

// gatedFS lets the test hold the syncs of txn logs, or of snapshots: while it
// is shut, a sync announces itself on arrived and waits.
type gatedFS struct {
	vfs.FS
	arrived chan struct{}
	prefix  string // of the files whose syncs are held

	mu   sync.Mutex
	gate chan struct{} // nil: open
}

func newGatedFS() *gatedFS {
	return &gatedFS{FS: vfs.NewMem(), arrived: make(chan struct{}, 1024), prefix: "log."}
}

// holdSnapshots holds the syncs of snapshots, which are written under a
// temporary name, from the start.
func (g *gatedFS) holdSnapshots() {
	g.prefix = "tmp-"
	g.shut()
}

func (g *gatedFS) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gate = make(chan struct{})
}

func (g *gatedFS) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.gate)
	g.gate = nil
}

func (g *gatedFS) Open(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := g.FS.Open(name, flag, perm)
	if err != nil || !strings.HasPrefix(filepath.Base(name), g.prefix) {
		return f, err
	}
	return &gatedFile{f, g}, nil
}

type gatedFile struct {
	vfs.File
	g *gatedFS
}

func (f *gatedFile) Sync() error {
	f.g.mu.Lock()
	gate := f.g.gate
	f.g.mu.Unlock()
	if gate != nil {
		f.g.arrived <- struct{}{}
		<-gate
	}
	return f.File.Sync()
}

// within fails the test when a wait for an event takes implausibly long.
const within = 20 * time.Second

func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(within):
		t.Fatalf("waited %v for %s", within, what)
	}
}

// eventually polls a condition that no channel announces.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("waited %v for %s\n%s", within, what, buf[:runtime.Stack(buf, true)])
		}
	}
}

func get(path string, watch bool) *protocol.GetDataRequest {
	return &protocol.GetDataRequest{Path: path, Watch: watch}
}

func set(path, data string) *protocol.SetDataRequest {
	return &protocol.SetDataRequest{Path: path, Data: []byte(data), Version: -1}
}
