//go:build bench && linux

package chaos

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/wire"
)

// rejoins of a wiped server.
const rejoins = 3

// TestBenchRejoin measures the time from the start of a server whose disk was
// wiped to its serving again, with 100 MB of data.
func TestBenchRejoin(t *testing.T) {
	var took [2][]time.Duration
	for i, e := range newPair(t, none) {
		e.up(t)
		if err := e.grow(1000, 100_000); err != nil {
			t.Fatal(err)
		}
		for range rejoins {
			victim := e.nodes[0]
			if victim == e.leader() {
				victim = e.nodes[1]
			}
			victim.end(syscall.SIGKILL)
			if err := os.RemoveAll(victim.version()); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			e.up(t)
			took[i] = append(took[i], time.Since(begin))
		}
		e.down()
	}
	fmt.Printf("\n| a wiped server serves again, 1000 znodes of 100 kB, %d each | median | worst |\n|---|---|---|\n", rejoins)
	for i, name := range []string{"zkserver", "Apache"} {
		fmt.Printf("| %s | %v | %v |\n", name, ms(middle(took[i])), ms(slices.Max(took[i])))
	}
}

// grow makes n znodes of a size.
func (e *ensemble) grow(n, size int) error {
	c, err := wire.Dial(e.nodes[0].door, wire.Options{TimeoutMs: 60_000})
	if err != nil {
		return err
	}
	defer c.Drop()
	data := bytes.Repeat([]byte{'x'}, size)
	for i := range n {
		if err := c.Do(protocol.OpCreate, &protocol.CreateRequest{Path: fmt.Sprintf("/big-%d", i), Data: data, ACL: protocol.OpenACL}, nil); err != nil {
			return err
		}
	}
	return nil
}
