//go:build linux

package chaos

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A namespace is a network of its own, as the kernel's network namespaces are.
// It has no name and goes with the last process and descriptor in it, so that
// nothing is left behind however a run ends.
type namespace struct{ file *os.File }

// newNamespace makes one, with its loopback up.
func newNamespace() (*namespace, error) {
	n := &namespace{}
	err := onThread(nil, func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			n.file, err = os.Open("/proc/thread-self/ns/net")
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	return n, n.ip("link", "set", "lo", "up")
}

func (n *namespace) close() { _ = n.file.Close() }

// onThread calls f on a thread of its own, in a namespace if one is given. The
// thread comes back to where it was, or is ended.
func onThread(n *namespace, f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			result <- err
			return // locked: the thread ends with the goroutine
		}
		defer home.Close()
		if n != nil {
			err = unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET)
		}
		if err == nil {
			err = f()
		}
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		result <- err
	}()
	return <-result
}

// do calls f where sockets and processes it makes are in the namespace. A nil
// namespace is the machine's.
func (n *namespace) do(f func() error) error {
	if n == nil {
		return f()
	}
	return onThread(n, f)
}

func (n *namespace) dial(addr string) (c net.Conn, err error) {
	err = n.do(func() error {
		c, err = net.DialTimeout("tcp4", addr, 5*time.Second)
		return err
	})
	return c, err
}

func (n *namespace) listen(addr string) (ln net.Listener, err error) {
	err = n.do(func() error {
		ln, err = net.Listen("tcp4", addr)
		return err
	})
	return ln, err
}

// ip runs the program ip of iproute2 in the namespace.
func (n *namespace) ip(args ...string) error {
	return n.do(func() error {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %q: %w: %s", args, err, out)
		}
		return nil
	})
}

// network is a bridge, in a namespace of its own, and a namespace for each of
// the servers 1 to n, which has the address 10.77.0.ID on it.
type network struct {
	hub   *namespace
	nodes []*namespace
}

func hostOf(sid int) string { return fmt.Sprintf("10.77.0.%d", sid) }

func newNetwork(servers int) (*network, error) {
	hub, err := newNamespace()
	if err != nil {
		return nil, err
	}
	w := &network{hub: hub}
	if err := hub.ip("link", "add", "hub", "type", "bridge"); err != nil {
		w.close()
		return nil, err
	}
	steps := [][]string{{"addr", "add", "10.77.0.254/24", "dev", "hub"}, {"link", "set", "hub", "up"}}
	for sid := 1; sid <= servers; sid++ {
		node, err := newNamespace()
		if err != nil {
			w.close()
			return nil, err
		}
		w.nodes = append(w.nodes, node)
		name := fmt.Sprintf("node%d", sid)
		steps = append(steps,
			[]string{"link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), node.file.Fd())},
			[]string{"link", "set", name, "master", "hub", "up"})
	}
	for _, s := range steps {
		if err := hub.ip(s...); err != nil {
			w.close()
			return nil, err
		}
	}
	for i, node := range w.nodes {
		for _, s := range [][]string{{"addr", "add", hostOf(i+1) + "/24", "dev", "eth0"}, {"link", "set", "eth0", "up"}} {
			if err := node.ip(s...); err != nil {
				w.close()
				return nil, err
			}
		}
	}
	return w, nil
}

func (w *network) close() {
	for _, n := range append(w.nodes, w.hub) {
		n.close()
	}
}

// lose makes the packets of one server to another vanish, or not any more.
func (w *network) lose(from, to int, on bool) error {
	verb := "replace"
	if !on {
		verb = "del"
	}
	return w.nodes[from-1].ip("route", verb, "blackhole", hostOf(to)+"/32")
}
