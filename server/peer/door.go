package peer

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"

	"zookit/protocol/jute"
	"zookit/protocol/quorum"
)

// A door is where callers of the quorum port wait for the end of their
// handshakes. They are bounded: one more takes the place of the oldest.
type door struct {
	mu      sync.Mutex
	waiting []net.Conn
}

func (d *door) enter(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) == maxCallers {
		_ = d.waiting[0].Close()
		d.waiting = slices.Delete(d.waiting, 0, 1)
	}
	d.waiting = append(d.waiting, conn)
}

// leave is false for one that had to make way.
func (d *door) leave(conn net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.Index(d.waiting, conn)
	if i < 0 {
		return false
	}
	d.waiting = slices.Delete(d.waiting, i, i+1)
	return true
}

// let lets a caller of the quorum port in, once its handshakes are done. The
// core hears of nobody else.
func (l *Learners) let(p *packets) error {
	if l.cfg.Security == nil {
		return nil
	}
	l.door.enter(p.conn)
	wire, err := l.cfg.Security.accept(p.conn)
	tls := wire
	var note error
	if err == nil {
		wire, note, err = l.cfg.Security.authenticate(wire)
	}
	if !l.door.leave(p.conn) {
		err = fmt.Errorf("more than %d connections were waiting", maxCallers)
	}
	if err != nil {
		return err
	}
	if note != nil {
		l.log.say(p.conn.RemoteAddr().String(), letIn, "why", note)
	}
	p.through(wire)
	p.first = func(packet *quorum.Packet) error { return l.vouch(p, tls, packet) }
	return nil
}

// A claim is who a learner says it is, by which connection.
type claim struct {
	wire net.Conn
	sid  int64
}

// Review checks the certificates of all learners again: those of ids that had no
// server line may have one now, with a host that theirs do not name.
func (l *Learners) Review() {
	if l.cfg.Security == nil {
		return
	}
	l.mu.Lock()
	var list []*packets
	for _, p := range l.conns {
		list = append(list, p)
	}
	l.mu.Unlock()
	for _, p := range list {
		if c := p.claim.Load(); c != nil {
			if err := l.cfg.Security.vouch(c.wire, c.sid, l.cfg.hosts(c.sid)); err != nil {
				l.log.say(p.conn.RemoteAddr().String(), "learner's connection closed", "error", err)
				p.close()
			}
		}
	}
}

// vouch checks who the first packet of a learner says it is.
func (l *Learners) vouch(p *packets, wire net.Conn, packet *quorum.Packet) error {
	if packet.Type != quorum.FollowerInfo && packet.Type != quorum.ObserverInfo {
		return errors.New("its first packet does not say who it is")
	}
	if len(packet.Data) == 0 {
		return nil // an observer without an id
	}
	var info quorum.LearnerInfo
	if err := info.Decode(jute.NewDecoder(packet.Data)); err != nil {
		return err
	}
	p.claim.Store(&claim{wire, info.ServerID}) // before the look: a Review comes before or behind it
	return l.cfg.Security.vouch(wire, info.ServerID, l.cfg.hosts(info.ServerID))
}

func (c *QuorumConfig) hosts(sid int64) []string {
	if c.Hosts == nil {
		return nil
	}
	return c.Hosts(sid)
}
