package peer

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"zookit/server/zab"
)

// maxLearnerConns bounds the connections of the quorum port, learners or not.
const maxLearnerConns = 1100

// Learners are the connections of a leader's quorum port.
type Learners struct {
	cfg       QuorumConfig
	listeners []net.Listener
	log       *refusals
	door      door
	stop      chan struct{}
	running   sync.WaitGroup
	touched   []*packets // since the last Flush

	mu     sync.Mutex // guards all below
	conns  map[zab.Conn]*packets
	next   zab.Conn
	closed bool
}

// NewLearners accepts on the listeners, which it owns from now on.
func NewLearners(cfg QuorumConfig, listeners ...net.Listener) *Learners {
	cfg.setDefaults()
	l := &Learners{cfg: cfg, listeners: listeners, log: newRefusals(cfg.Logger), stop: make(chan struct{}), conns: map[zab.Conn]*packets{}, next: cfg.FirstConn}
	for _, ln := range listeners {
		l.running.Go(func() { l.accept(ln) })
	}
	return l
}

// ListenQuorum opens the quorum port at each address, host:port.
func ListenQuorum(addresses []string, keepAliveOn bool) ([]net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: keepAlive(keepAliveOn), KeepAlive: -1}
	var out []net.Listener
	for _, address := range addresses {
		ln, err := lc.Listen(context.Background(), "tcp", address)
		if err != nil {
			for _, open := range out {
				_ = open.Close()
			}
			return nil, err
		}
		out = append(out, ln)
	}
	return out, nil
}

func (l *Learners) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			select {
			case <-l.stop:
				return
			case <-time.After(acceptPause):
				l.log.say(ln.Addr().String(), "the quorum port accepts no connections", "error", err)
				continue
			}
		}
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			_ = conn.Close()
			return
		}
		if len(l.conns) == maxLearnerConns {
			l.mu.Unlock()
			_ = conn.Close()
			l.log.say(conn.RemoteAddr().String(), "connection of the quorum port refused: there are too many", "limit", maxLearnerConns)
			continue
		}
		l.next++
		p := newPackets(&l.cfg, l.next, conn)
		l.conns[p.id] = p
		l.running.Go(func() { l.serve(p) })
		l.mu.Unlock()
	}
}

func (l *Learners) serve(p *packets) {
	err := l.let(p)
	if err == nil {
		err = p.run(false)
	}
	p.close()
	l.mu.Lock()
	delete(l.conns, p.id)
	closed := l.closed
	l.mu.Unlock()
	if !closed && !quiet(err) {
		l.log.say(p.conn.RemoteAddr().String(), "learner's connection ended", "conn", strconv.FormatUint(uint64(p.id), 10), "error", err)
	}
}

func (l *Learners) find(id zab.Conn) *packets {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conns[id]
}

// Send queues a message for the connection it names, until Flush; one to a
// connection that is gone is dropped. snapshot is the content of a
// SnapshotStream, else nil.
func (l *Learners) Send(m zab.Message, snapshot Snapshot) {
	o := outgoing{m, snapshot}
	if p := l.find(m.To); p != nil {
		p.send(o)
		if !p.touched {
			p.touched = true
			l.touched = append(l.touched, p)
		}
	} else {
		o.drop()
	}
}

// Flush sends what was queued. It never waits. Send and Flush are for one
// caller at a time.
func (l *Learners) Flush() {
	for _, p := range l.touched {
		p.touched = false
		p.flush()
	}
	clear(l.touched)
	l.touched = l.touched[:0]
}

// End closes a connection when what is queued for it is sent.
func (l *Learners) End(c zab.Closing) {
	p := l.find(c.Conn)
	if p == nil {
		return
	}
	l.log.say(p.conn.RemoteAddr().String(), "learner's connection closed", "why", c.Why)
	p.finish()
}

// Close ends listeners and connections at once, and waits.
func (l *Learners) Close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.stop)
		for _, ln := range l.listeners {
			_ = ln.Close()
		}
	}
	for _, p := range l.conns {
		p.close()
	}
	l.mu.Unlock()
	l.running.Wait()
}

// Remote is the address of a learner, "" when it is gone.
func (l *Learners) Remote(id zab.Conn) string {
	if p := l.find(id); p != nil {
		return p.conn.RemoteAddr().String()
	}
	return ""
}
