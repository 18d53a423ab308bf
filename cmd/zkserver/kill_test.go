package main_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/server/zktest/wire"
)

// TestKill9UnderLoad: clients write, several requests ahead of the replies,
// while the server is killed at random moments, again and again, and at last
// asked to end. Each time what a client finds is what it had written up to some
// request, and no earlier one than the last that was acknowledged. Sessions and
// their ephemerals live on.
func TestKill9UnderLoad(t *testing.T) {
	skipWithoutSIGTERM(t)
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))

	// Small logs and many snapshots, so that kills meet those as well.
	cfg := writeConfig(t, "snapCount=150", "txnLogSizeLimitInKb=16", "tickTime=3000")
	clients := make([]*client, 6)
	const kills = 8
	for round := range kills + 1 {
		p := start(t, nil, cfg)
		for i := range clients {
			if round == 0 {
				clients[i] = newClient(t, p.addr, fmt.Sprintf("/client-%d", i))
			} else {
				clients[i].resume(t, p.addr)
			}
		}
		// Some acknowledgements, and then a little more than none.
		enough, pause := rng.IntN(600), time.Duration(rng.IntN(5_000))*time.Microsecond
		var wg sync.WaitGroup
		progress := make(chan struct{}, 1024)
		for _, c := range clients {
			wg.Go(func() { c.write(t, progress) })
		}
		for range enough {
			select {
			case <-progress:
			case <-time.After(within):
				t.Fatalf("no acknowledgement\n%s", p.output())
			}
		}
		go func() {
			for range progress {
			}
		}()
		time.Sleep(pause) // not awaited: the kill comes at any moment
		if round < kills {
			p.kill()
		} else if code := p.terminate(); code != 0 {
			t.Errorf("SIGTERM ended it with %d\n%s", code, p.output())
		}
		wg.Wait()
		close(progress)
	}
	p := start(t, nil, cfg)
	total := 0
	for _, c := range clients {
		c.resume(t, p.addr)
		total += c.acked
	}
	t.Logf("%d acknowledged writes, %d kills", total, kills)
}

// window is how many requests a client keeps under way.
const window = 6

// client writes one numbered request after the other below its own znode:
//
//	4n+1  create ROOT/kept-4n+1
//	4n+2  create ROOT/gone-4n+2
//	4n+3  set ROOT to 4n+3
//	4n+4  delete ROOT/gone-4n+2
type client struct {
	root        string
	conn        *wire.Conn
	sent, acked int
	zxid        protocol.Zxid // of the last acknowledgement
}

func newClient(t *testing.T, addr, root string) *client {
	t.Helper()
	conn, err := wire.Dial(addr, wire.Options{TimeoutMs: 60_000})
	if err != nil {
		t.Fatal(err)
	}
	for path, flags := range map[string]protocol.CreateFlag{root: 0, root + "-ephemeral": protocol.FlagEphemeral} {
		if err := conn.Do(protocol.OpCreate, &protocol.CreateRequest{Path: path, Data: []byte("0"), ACL: protocol.OpenACL, Flags: flags}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return &client{root: root, conn: conn}
}

// request is the n-th one.
func (c *client) request(n int) (protocol.OpCode, protocol.Record) {
	create := func(name string) *protocol.CreateRequest {
		return &protocol.CreateRequest{Path: c.root + name, Data: fmt.Append(nil, n), ACL: protocol.OpenACL}
	}
	switch n % 4 {
	case 1:
		return protocol.OpCreate, create(fmt.Sprintf("/kept-%d", n))
	case 2:
		return protocol.OpCreate, create(fmt.Sprintf("/gone-%d", n))
	case 3:
		return protocol.OpSetData, &protocol.SetDataRequest{Path: c.root, Data: fmt.Append(nil, n), Version: -1}
	}
	return protocol.OpDelete, &protocol.DeleteRequest{Path: fmt.Sprintf("%s/gone-%d", c.root, n-2), Version: -1}
}

// state is what the first n requests leave: the znode's data, and its children.
func state(n int) (data string, children []string) {
	last := 0
	for i := 1; i <= n; i++ {
		switch i % 4 {
		case 1:
			children = append(children, fmt.Sprintf("kept-%d", i))
		case 2:
			if n < i+2 {
				children = append(children, fmt.Sprintf("gone-%d", i))
			}
		case 3:
			last = i
		}
	}
	slices.Sort(children)
	return fmt.Sprint(last), children
}

// write goes on until the connection ends. Every acknowledgement is told.
func (c *client) write(t *testing.T, progress chan<- struct{}) {
	for {
		for c.sent-c.acked < window {
			op, r := c.request(c.sent + 1)
			c.sent++ // from here on it may have been done
			if _, err := c.conn.Send(op, r.AppendTo(nil)); err != nil {
				return
			}
		}
		r, err := c.conn.Read()
		if err != nil {
			return
		}
		if r.Err != protocol.OK {
			t.Errorf("%s: request %d: %v", c.root, c.acked+1, r.Err)
			return
		}
		c.acked++
		c.zxid = r.Zxid
		progress <- struct{}{}
	}
}

// resume takes up the session on a new server and compares what is there.
func (c *client) resume(t *testing.T, addr string) {
	t.Helper()
	c.conn.Drop()
	was := c.conn.Session
	conn, err := wire.Dial(addr, wire.Options{TimeoutMs: 60_000, Session: was.Session, Password: was.Password, LastZxid: c.zxid})
	if err != nil {
		t.Fatalf("%s: %v", c.root, err)
	}
	c.conn = conn
	if conn.Session.Session != was.Session || conn.Session.TimeoutMs != was.TimeoutMs {
		t.Fatalf("%s: session %v did not live on: %+v", c.root, was.Session, conn.Session)
	}
	var data protocol.GetDataResponse
	var children protocol.GetChildrenResponse
	var own protocol.GetEphemeralsResponse
	err = errors.Join(
		conn.Do(protocol.OpGetData, &protocol.GetDataRequest{Path: c.root}, &data),
		conn.Do(protocol.OpGetChildren, &protocol.GetChildrenRequest{Path: c.root}, &children),
		conn.Do(protocol.OpGetEphemerals, &protocol.GetEphemeralsRequest{Prefix: "/"}, &own),
	)
	if err != nil {
		t.Fatalf("%s: %v", c.root, err)
	}
	if !slices.Equal(own.Strings, []string{c.root + "-ephemeral"}) {
		t.Errorf("%s: ephemerals %q", c.root, own.Strings)
	}
	slices.Sort(children.Strings)
	for n := c.acked; n <= c.sent; n++ {
		value, names := state(n)
		if value == string(data.Data) && slices.Equal(names, children.Strings) {
			c.sent, c.acked = n, n // the rest was never done
			return
		}
	}
	t.Fatalf("%s: %d requests were acknowledged and %d sent, but the data is %s and the children are %q", c.root, c.acked, c.sent, data.Data, children.Strings)
}
