package chaos

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestProxy: bytes pass whole under each fault that lets them pass, are kept
// while a direction stalls, and are lost by a half-open connection, whose ends
// learn of nothing until it is reset.
func TestProxy(t *testing.T) {
	t.Parallel()
	p, echo := newEcho(t)
	text := strings.Repeat("0123456789", 50)
	for _, f := range []Fault{{}, {Delay: time.Millisecond}, {Drip: true}} {
		p.set(f)
		c := dialProxy(t, p)
		if got := exchange(t, c, text); got != text {
			t.Errorf("%+v: %q came back", f, got)
		}
	}
	c := dialProxy(t, p)
	for direction := range 2 {
		f := Fault{}
		f.Stall[direction] = true
		p.set(f)
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		if silent(c, 20*time.Millisecond) != nil {
			t.Errorf("direction %d: something passed a link that stalls", direction)
		}
		p.set(Fault{})
		if got := read(t, c, len(text)); got != text {
			t.Errorf("direction %d: %q passed after the stall", direction, got)
		}
	}
	p.killAll()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	if err := silent(c, 20*time.Millisecond); err != nil {
		t.Error(err)
	}
	if fresh := dialProxy(t, p); exchange(t, fresh, text) != text {
		t.Error("a half-open connection has spread to a new one")
	}
	p.reap()
	if err := silent(c, wait); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a connection that was reset stands")
	}
	_ = echo.Close()
	refused, err := net.Dial("tcp", p.addr())
	if err == nil { // it may be reset as early as that
		err = silent(refused, wait)
		_ = refused.Close()
	}
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a connection to a server that does not listen stands")
	}
}

const wait = 20 * time.Second

// newEcho is a proxy before a server that sends back what it gets.
func newEcho(t *testing.T) (*proxy, net.Listener) {
	t.Helper()
	var lns []net.Listener
	for range 2 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		lns = append(lns, ln)
	}
	go func() {
		for {
			c, err := lns[0].Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	p := newProxy(lns[1], 0, func() (net.Conn, error) { return net.Dial("tcp", lns[0].Addr().String()) })
	t.Cleanup(func() {
		_ = lns[0].Close()
		p.close()
	})
	return p, lns[0]
}

func dialProxy(t *testing.T, p *proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func exchange(t *testing.T, c net.Conn, text string) string {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return read(t, c, len(text))
}

func read(t *testing.T, c net.Conn, n int) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(wait))
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// silent is nil when nothing comes for a time, and the connection stands.
func silent(c net.Conn, d time.Duration) error {
	_ = c.SetReadDeadline(time.Now().Add(d))
	n, err := c.Read(make([]byte, 1))
	switch {
	case n > 0:
		return errors.New("a byte came")
	case d != wait && errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	}
	return err
}

// TestDraw: a seed draws one plan, of faults that the machine is capable of, one
// after the other within the time.
func TestDraw(t *testing.T) {
	t.Parallel()
	for _, kinds := range [][]kind{processFaults, linkFaults} {
		seen := map[string]bool{}
		for seed := range uint64(50) {
			can := map[string]bool{needsNetwork: seed%2 == 0, needsMount: seed%3 == 0, needsStrace: true, needsProxies: seed%5 > 0, needsStatic: seed%5 > 0}
			plan := draw(newRand(seed), kinds, can, 3, time.Minute)
			if again := draw(newRand(seed), kinds, can, 3, time.Minute); !slices.Equal(plan, again) {
				t.Fatalf("seed %d draws two plans", seed)
			}
			end := time.Duration(0)
			for _, s := range plan {
				seen[s.Fault] = true
				i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == s.Fault })
				if needs := kinds[i].needs; needs != "" && !can[needs] {
					t.Errorf("seed %d: %v needs %s", seed, s, needs)
				}
				if s.At < end || s.Target < 1 || s.Target > 3 || s.Other < 1 || s.Other > 3 || s.Other == s.Target {
					t.Errorf("seed %d: %+v after %v", seed, s, end)
				}
				end = s.At + s.Hold
			}
			if end > time.Minute || len(plan) < 10 {
				t.Errorf("seed %d: %d faults, the last ends at %v", seed, len(plan), end)
			}
		}
		for _, k := range kinds {
			if !seen[k.name] {
				t.Errorf("no seed draws %s", k.name)
			}
		}
	}
}
