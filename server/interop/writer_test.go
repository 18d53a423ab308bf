//go:build interop

package interop

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/wire"
)

// A writer creates znodes one after the other below a root of its own, at one
// member after the other, until it is stopped. What was acknowledged must be
// there in the end.
type writer struct {
	e    *ensemble
	root string
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	acked []string
	wake  chan struct{}
}

func (e *ensemble) write(root string, sids ...int64) *writer {
	e.t.Helper()
	w := &writer{e: e, root: root, stop: make(chan struct{}), wake: make(chan struct{}, 1)}
	w.done.Go(func() { w.run(sids) })
	e.t.Cleanup(w.end)
	return w
}

func (w *writer) end() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.done.Wait()
}

func (w *writer) stopped() bool {
	select {
	case <-w.stop:
		return true
	default:
		return false
	}
}

func (w *writer) run(sids []int64) {
	for n, at := 0, 0; !w.stopped(); at++ {
		c, err := w.e.dial(sids[at%len(sids)])
		if err != nil {
			select {
			case <-time.After(pollPause): // a server that does not serve yet tells nobody when it does
			case <-w.stop:
			}
			continue
		}
		n = w.session(c, n)
		c.Drop()
	}
}

// session writes until an error, and returns the next number: one whose outcome
// is not known is not used again.
func (w *writer) session(c *wire.Conn, n int) int {
	err := c.Do(protocol.OpCreate, &protocol.CreateRequest{Path: w.root, ACL: protocol.OpenACL}, nil)
	if err != nil && !errors.Is(err, protocol.NodeExists) {
		return n
	}
	for ; !w.stopped(); n++ {
		path := fmt.Sprintf("%s/%06d", w.root, n)
		if err := c.Do(protocol.OpCreate, &protocol.CreateRequest{Path: path, Data: []byte(path), ACL: protocol.OpenACL}, nil); err != nil {
			return n + 1
		}
		w.mu.Lock()
		w.acked = append(w.acked, path)
		w.mu.Unlock()
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	return n
}

func (w *writer) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

// more waits for n further acknowledgements.
func (w *writer) more(n int) {
	w.e.t.Helper()
	want := w.count() + n
	deadline := time.After(patience)
	for w.count() < want {
		select {
		case <-w.wake:
		case <-deadline:
			w.e.t.Fatalf("%d writes acknowledged, waited in vain for %d", w.count(), want)
		}
	}
}

// check finds every acknowledged write in a tree.
func (w *writer) check(nodes []wire.Znode) {
	w.e.t.Helper()
	there := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		there[n.Path] = true
	}
	var lost []string
	for _, path := range w.acked {
		if !there[path] {
			lost = append(lost, path)
		}
	}
	if len(lost) > 0 {
		w.e.t.Errorf("%d of %d acknowledged writes are lost: %.1000s", len(lost), len(w.acked), strings.Join(lost, " "))
	}
	w.e.t.Logf("%s: %d writes acknowledged", w.root, len(w.acked))
}
