package chaos

import (
	"fmt"

	"zookit/protocol"
)

// The znodes that clients work on. Those that setup makes are there for good.
const (
	root       = "/chaos"
	queue      = root + "/queue"      // sequential znodes
	ephemerals = root + "/ephemerals" // of all clients
	registers  = 6                    // /chaos/r0, …: made, set and deleted
)

func register(n int) string { return fmt.Sprintf("%s/r%d", root, n) }

// setup is what must be there before clients work.
func setup() []call {
	var list []call
	for _, path := range []string{root, queue, ephemerals} {
		list = append(list, call{protocol.OpCreate, &protocol.CreateRequest{Path: path, ACL: protocol.OpenACL}})
	}
	return list
}

// value is one that is written nowhere else.
func (c *client) value() []byte {
	c.serial++
	return fmt.Appendf(nil, "c%d.%d", c.id, c.serial)
}

// version is any, the one last seen, or by chance another.
func (c *client) version(path string) int32 {
	switch c.rng.IntN(3) {
	case 0:
		return -1
	case 1:
		return int32(c.rng.IntN(40))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.versions[path]
}

func (c *client) draw() call {
	path := register(c.rng.IntN(registers))
	create := func(path string, flags protocol.CreateFlag) *protocol.CreateRequest {
		return &protocol.CreateRequest{Path: path, Data: c.value(), ACL: protocol.OpenACL, Flags: flags}
	}
	switch n := c.rng.IntN(100); {
	case n < 30:
		return call{protocol.OpSetData, &protocol.SetDataRequest{Path: path, Data: c.value(), Version: c.version(path)}}
	case n < 42:
		return call{protocol.OpCreate2, create(path, 0)}
	case n < 48:
		return call{protocol.OpDelete, &protocol.DeleteRequest{Path: path, Version: c.version(path)}}
	case n < 52:
		return call{protocol.OpCreate2, create(c.ephemeral(), protocol.FlagEphemeral)}
	case n < 54:
		return call{protocol.OpDelete, &protocol.DeleteRequest{Path: c.ephemeral(), Version: -1}}
	case n < 62:
		return c.enqueue(create)
	case n < 70:
		return call{protocol.OpMulti, c.multi(create)}
	case n < 80:
		return call{protocol.OpGetData, &protocol.GetDataRequest{Path: path, Watch: c.rng.IntN(3) == 0}}
	case n < 87:
		return call{protocol.OpExists, &protocol.ExistsRequest{Path: path, Watch: c.rng.IntN(2) == 0}}
	case n < 93:
		parent := []string{root, queue, ephemerals, path}[c.rng.IntN(4)]
		return call{protocol.OpGetChildren2, &protocol.GetChildren2Request{Path: parent, Watch: c.rng.IntN(2) == 0}}
	}
	return call{protocol.OpSync, &protocol.SyncRequest{Path: root}}
}

// ephemeral is one of a few that clients contend for.
func (c *client) ephemeral() string { return fmt.Sprintf("%s/e%d", ephemerals, c.rng.IntN(6)) }

// enqueue makes a sequential znode, or deletes one that it has made: there are
// few at a time.
func (c *client) enqueue(create func(string, protocol.CreateFlag) *protocol.CreateRequest) call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.made) > 3 {
		path := c.made[0]
		c.made = c.made[1:]
		return call{protocol.OpDelete, &protocol.DeleteRequest{Path: path, Version: -1}}
	}
	flags := protocol.FlagSequential
	if c.rng.IntN(2) == 0 {
		flags |= protocol.FlagEphemeral
	}
	return call{protocol.OpCreate2, create(queue+"/n-", flags)}
}

// multi changes two registers, or none when a third has not the version it
// checks.
func (c *client) multi(create func(string, protocol.CreateFlag) *protocol.CreateRequest) *protocol.MultiRequest {
	m := &protocol.MultiRequest{}
	order := c.rng.Perm(registers)
	if c.rng.IntN(3) > 0 {
		path := register(order[0])
		m.Ops = append(m.Ops, protocol.MultiOp{Type: protocol.OpCheck, Record: &protocol.CheckVersionRequest{Path: path, Version: c.version(path)}})
	}
	for _, n := range order[1:3] {
		path := register(n)
		switch c.rng.IntN(5) {
		case 0:
			m.Ops = append(m.Ops, protocol.MultiOp{Type: protocol.OpCreate, Record: create(path, 0)})
		case 1:
			m.Ops = append(m.Ops, protocol.MultiOp{Type: protocol.OpDelete, Record: &protocol.DeleteRequest{Path: path, Version: -1}})
		default:
			m.Ops = append(m.Ops, protocol.MultiOp{Type: protocol.OpSetData, Record: &protocol.SetDataRequest{Path: path, Data: c.value(), Version: -1}})
		}
	}
	return m
}
