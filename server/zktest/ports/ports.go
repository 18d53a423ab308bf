// Package ports gives tests ports of 127.0.0.1 that must be known before
// anybody listens on them: those between servers.
package ports

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

var (
	mu    sync.Mutex
	taken = map[int]bool{}
)

// Free is a port of 127.0.0.1 that nobody listens on, and that is given to
// nobody else by this process. It lies below the range from which systems take
// ports for connections, so that it is still free when it is opened.
func Free(t testing.TB) int {
	t.Helper()
	port, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Take is Free outside of a test.
func Take() (int, error) {
	mu.Lock()
	defer mu.Unlock()
	for range 1000 {
		port := 10_000 + rand.IntN(20_000)
		if taken[port] {
			continue
		}
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		_ = ln.Close()
		taken[port] = true
		return port, nil
	}
	return 0, errors.New("no free port")
}
