package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/jute"
	"zookit/server"
	"zookit/server/zktest"
	"zookit/server/zktest/wire"
)

// data decodes the reply of a getData.
func data(t *testing.T, r zktest.Reply) string {
	t.Helper()
	var d protocol.GetDataResponse
	if r.Err != protocol.OK {
		t.Fatalf("xid %d: %v", r.Xid, r.Err)
	}
	if err := d.Decode(jute.NewDecoder(r.Body)); err != nil {
		t.Fatal(err)
	}
	return string(d.Data)
}

// TestZK1863RepliesLeaveInRequestOrder: a client that pipelines has every reply,
// in the order of its requests, from a server of its own, through a follower and
// from a leader, where commits come while its reads wait for them (also
// ZOOKEEPER-4537).
func TestZK1863RepliesLeaveInRequestOrder(t *testing.T) {
	t.Parallel()
	e := zktest.StartEnsemble(t, 3)
	leader := e.Leader()
	for name, addr := range map[string]string{
		"alone": zktest.Start(t).Addr(), "leader": e.Server(leader).Addr(), "follower": e.Server(leader%3 + 1).Addr(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := zktest.Dial(t, addr)
			c.Create("/"+name, nil, protocol.FlagPersistent)
			if err := pipeline(c.Conn, "/"+name, 150); err != nil {
				t.Error(err)
			}
		})
	}
}

// pipeline sends many frames without waiting, sets, reads, pings, syncs and
// failing ops in turn, and reads the replies. Every read sees the set before it
// and not the one after it.
func pipeline(c *wire.Conn, path string, rounds int) error {
	var frames []byte
	xid := int32(100)
	var want []int32
	add := func(op protocol.OpCode, body protocol.Record) {
		xid++
		frames = zktest.Request(frames, xid, op, body)
		if op == protocol.OpPing {
			want = append(want, protocol.XidPing)
		} else {
			want = append(want, xid)
		}
	}
	reads := map[int32]string{}
	for i := range rounds {
		value := fmt.Sprint(i)
		add(protocol.OpSetData, set(path, value))
		if i%3 == 0 {
			add(protocol.OpPing, nil)
		}
		add(protocol.OpGetData, get(path, false))
		reads[xid] = value
		if i%5 == 0 {
			add(protocol.OpSync, &protocol.SyncRequest{Path: path})
			add(protocol.OpDelete, &protocol.DeleteRequest{Path: "/none", Version: -1})
		}
	}
	go func() { _ = c.Write(frames) }() // the replies tell when it failed
	var last protocol.Zxid
	for i, x := range want {
		r, err := c.Receive()
		if err != nil {
			return fmt.Errorf("reply %d: %w", i, err)
		}
		if r.Xid != x || r.Zxid < last {
			return fmt.Errorf("reply %d has xid %d and zxid %v, want %d, not before %v", i, r.Xid, r.Zxid, x, last)
		}
		last = r.Zxid
		if value, ok := reads[x]; ok {
			var d protocol.GetDataResponse
			if err := d.Decode(jute.NewDecoder(r.Body)); err != nil || string(d.Data) != value {
				return fmt.Errorf("xid %d: read %q, want %q (%v, %w)", x, d.Data, value, r.Err, err)
			}
		}
	}
	return nil
}

func TestReadWaitsForOwnWriteAlone(t *testing.T) {
	t.Parallel()
	disk := newGatedFS()
	srv := zktest.Start(t, server.WithFS(disk))
	a, b := zktest.Dial(t, srv.Addr()), zktest.Dial(t, srv.Addr())
	a.Create("/x", []byte("old"), protocol.FlagPersistent)

	disk.shut()
	wrote := a.Send(protocol.OpSetData, set("/x", "new"))
	read := a.Send(protocol.OpGetData, get("/x", false))
	await(t, "the write to reach the disk", disk.arrived)

	// The other session's reads are answered while the disk is busy, and do not
	// show what is not durable.
	for range 3 {
		var d protocol.GetDataResponse
		b.Must(protocol.OpGetData, get("/x", false), &d)
		if string(d.Data) != "old" {
			t.Fatalf("read %q before it was synced", d.Data)
		}
	}
	disk.open()
	if r := a.Receive(); r.Xid != wrote {
		t.Fatalf("first reply is xid %d, want the write %d", r.Xid, wrote)
	}
	r := a.Receive()
	if got := data(t, r); r.Xid != read || got != "new" {
		t.Fatalf("then xid %d with %q, want %d with the value just written", r.Xid, got, read)
	}
}

func TestEventPrecedesReplyThatShowsTheChange(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	w, r := zktest.Dial(t, srv.Addr()), zktest.Dial(t, srv.Addr())
	w.Create("/x", []byte("0"), protocol.FlagPersistent)

	// The reader keeps a watch set and reads without pause. A reply may show a
	// value only after the event of the change before it.
	const changes = 300
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 1; i <= changes; i++ {
			w.Must(protocol.OpSetData, set("/x", fmt.Sprint(i)), nil)
		}
	}()
	known, armed := "0", false
	for known != fmt.Sprint(changes) {
		r.Send(protocol.OpGetData, get("/x", true))
		reply := r.Receive()
		for reply.Event != nil {
			if !armed {
				t.Fatalf("event %+v without a watch", reply.Event)
			}
			armed, known = false, ""
			reply = r.Receive()
		}
		got := data(t, reply)
		if armed && got != known {
			t.Fatalf("read %q while the watch set at %q has not fired", got, known)
		}
		known, armed = got, true
	}
	await(t, "the writer", done)
}

func TestOwnEventPrecedesOwnReply(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	c := zktest.Dial(t, srv.Addr())
	c.Create("/x", nil, protocol.FlagPersistent)
	c.Must(protocol.OpGetData, get("/x", true), nil)
	c.Send(protocol.OpSetData, set("/x", "1"))
	if r := c.Receive(); r.Event == nil || r.Event.Type != protocol.EventNodeDataChanged {
		t.Fatalf("first came %+v, want the event", r)
	} else if e := c.Receive(); e.Zxid != r.Zxid || e.Event != nil {
		t.Fatalf("then %+v, want the reply with the event's zxid %v", e, r.Zxid)
	}
}

// TestFanOutKeepsOrder: connections that watch and write at once, more of them
// than one flush takes, each get every event once in the order of the changes,
// and the event of a change before the reply to it.
func TestFanOutKeepsOrder(t *testing.T) {
	t.Parallel()
	srv := zktest.Start(t)
	const (
		conns = 150
		sets  = 6
	)
	all := make([]*zktest.Client, conns)
	for i := range all {
		all[i] = zktest.Dial(t, srv.Addr())
	}
	all[0].Create("/w", nil, protocol.FlagPersistent)
	for _, c := range all {
		c.Must(protocol.OpAddWatch, &protocol.AddWatchRequest{Path: "/w", Mode: protocol.AddWatchPersistent}, nil)
	}
	for _, c := range all {
		for i := range sets {
			c.Send(protocol.OpSetData, set("/w", fmt.Sprint(i)))
		}
	}
	var changes []protocol.Zxid // as the first connection was told
	for n, c := range all {
		var told []protocol.Zxid
		for replies := 0; len(told) < conns*sets || replies < sets; {
			r := c.Receive()
			switch {
			case r.Event != nil:
				told = append(told, r.Zxid)
			case len(told) == 0 || r.Zxid != told[len(told)-1]:
				t.Fatalf("connection %d: the reply with zxid %v does not follow the event of its change", n, r.Zxid)
			default:
				replies++
			}
		}
		if n == 0 {
			changes = told
		}
		if !slices.Equal(told, changes) || !slices.IsSorted(told) || len(slices.Compact(told)) != len(changes) {
			t.Fatalf("connection %d was told of %v, the first of %v", n, told, changes)
		}
	}
}

// TestZK4907NothingRunsBehindTheEnd: what a client has sent behind the request
// that ends its connection is not executed, though it lies in the server's buffer
// when the connection ends; and the end of a session is the last it does.
func TestZK4907NothingRunsBehindTheEnd(t *testing.T) {
	t.Parallel()
	cfg := zktest.Config()
	cfg.EnforceAuth, cfg.EnforceAuthSchemes = true, []string{"digest"}
	enforced := zktest.StartConfig(t, cfg)
	srv := zktest.Start(t)
	for name, c := range map[string]struct {
		srv  *zktest.Server
		last []byte // what ends the connection
	}{
		"a close":                  {srv, zktest.Request(nil, 1, protocol.OpCloseSession, nil)},
		"an op there is none of":   {srv, zktest.Request(nil, 1, protocol.OpCode(77), nil)},
		"a refused auth":           {srv, zktest.Request(nil, protocol.XidAuth, protocol.OpAuth, &protocol.AuthRequest{Scheme: "none", Auth: []byte("x")})},
		"an auth that is none":     {srv, zktest.Request(nil, protocol.XidAuth, protocol.OpAuth, nil)},
		"half a header":            {srv, append(length(4), 0, 0, 0, 1)},
		"a length of -1":           {srv, length(-1)},
		"no identity, where asked": {enforced, zktest.Request(nil, 1, protocol.OpExists, &protocol.ExistsRequest{Path: "/"})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bystander := zktest.Dial(t, c.srv.Addr())
			bystander.Auth("digest", "a:b")
			b := c.last
			path := "/" + strings.ReplaceAll(name, " ", "-")
			for xid := int32(2); xid < 50; xid++ {
				b = zktest.Request(b, xid, protocol.OpCreate, &protocol.CreateRequest{Path: path, ACL: protocol.OpenACL})
			}
			sender := zktest.Dial(t, c.srv.Addr())
			sender.Write(b)
			for {
				r, err := sender.TryReceive()
				if err != nil {
					break
				}
				if r.Xid > 1 {
					t.Fatalf("a request behind the end is answered: %+v", r)
				}
			}
			// A write of its own is behind whatever the server had begun.
			bystander.Create(path+"-after", nil, protocol.FlagPersistent)
			if r := bystander.Call(protocol.OpExists, &protocol.ExistsRequest{Path: path}, nil); r.Err != protocol.NoNode {
				t.Errorf("a request behind the end was executed: %v", r.Err)
			}
		})
	}
}
