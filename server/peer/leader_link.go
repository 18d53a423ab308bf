package peer

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"zookit/server/zab"
)

// SnapshotEnd ends a snapshot on the quorum port (LearnerHandler.java).
const SnapshotEnd = "BenWasHere"

// A LeaderLink is a learner's connection to its leader. It dials until it has
// one or is closed; there is one connection in its life.
type LeaderLink struct {
	cfg     QuorumConfig
	id      zab.Conn
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	log     *refusals

	mu   sync.Mutex
	conn *packets
}

// DialLeader begins to dial the leader, whose addresses (host:port) are all
// tried at once. Events carry id as their connection.
func DialLeader(cfg QuorumConfig, id zab.Conn, addresses []string) *LeaderLink {
	cfg.setDefaults()
	cfg.Dial = cfg.Security.dialer(cfg.Dial, false)
	l := &LeaderLink{cfg: cfg, id: id, log: newRefusals(cfg.Logger)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.running.Go(func() { l.run(addresses) })
	return l
}

func (l *LeaderLink) run(addresses []string) {
	conn := l.dial(addresses)
	if conn == nil {
		return
	}
	p := newPackets(&l.cfg, l.id, conn)
	l.mu.Lock()
	l.conn = p
	l.mu.Unlock()
	if l.ctx.Err() != nil {
		p.close()
	}
	if err := p.run(true); !quiet(err) && l.ctx.Err() == nil {
		l.log.say(conn.RemoteAddr().String(), "the connection to the leader has ended", "error", err)
	}
}

// firstPause is the wait after the first attempt; it doubles up to DialPause. A
// leader that has just been elected opens its port about when its followers
// dial.
const firstPause = 2 * time.Millisecond

// dialAttempts is how often a leader is dialed with the whole pause in between
// (Learner.connectToLeader tries as often). One that is not there by then may
// have followed another itself, which the next election tells at once.
const dialAttempts = 5

// dial connects to the leader. When it gives up it says so as the end of the
// connection.
func (l *LeaderLink) dial(addresses []string) net.Conn {
	left := dialAttempts
	for pause := firstPause; l.ctx.Err() == nil; pause *= 2 {
		ctx, done := context.WithTimeout(l.ctx, l.cfg.DialTime)
		conn, err := dialAny(ctx, &l.running, l.cfg.Dial, addresses)
		if err == nil {
			if err = l.cfg.Security.logIn(ctx, conn); err != nil {
				_ = conn.Close()
			}
		}
		done()
		if err == nil {
			return conn
		}
		if l.ctx.Err() == nil && pause >= l.cfg.DialPause {
			l.log.say(addresses[0], "the leader cannot be reached", "error", err)
			if left--; left == 0 {
				l.cfg.Deliver(newInbox(0), zab.Disconnected{Conn: l.id})
				return nil
			}
		}
		pause = min(pause, l.cfg.DialPause)
		select {
		case <-time.After(pause):
		case <-l.ctx.Done():
		}
	}
	return nil
}

func (l *LeaderLink) packets() *packets {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn
}

// Send queues a message to the leader, until Flush.
func (l *LeaderLink) Send(m zab.Message) {
	if p := l.packets(); p != nil {
		p.send(outgoing{Message: m})
	}
}

// Flush sends what was queued. It never waits.
func (l *LeaderLink) Flush() {
	if p := l.packets(); p != nil {
		p.flush()
	}
}

// ReadSnapshot hands the stream behind a SNAP to read, which takes exactly the
// snapshot; then packets are read on. progress is called as bytes arrive, no
// more often than a few times a second.
func (l *LeaderLink) ReadSnapshot(progress func(), read func(io.Reader) error) error {
	p := l.packets()
	if p == nil {
		return fmt.Errorf("read a snapshot: %w", net.ErrClosed)
	}
	err := read(&watched{in: p.in, tell: progress})
	if err == nil {
		p.stream <- struct{}{}
	}
	return err
}

// watched tells of progress.
type watched struct {
	in   io.Reader
	tell func()
	last time.Time
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.in.Read(b)
	if now := time.Now(); n > 0 && now.Sub(w.last) > progressPause {
		w.last = now
		w.tell()
	}
	return n, err
}

// Finish ends the link when what is queued is sent.
func (l *LeaderLink) Finish() {
	if p := l.packets(); p != nil {
		p.finish()
	}
}

// Close ends the link at once, and waits.
func (l *LeaderLink) Close() {
	l.cancel()
	if p := l.packets(); p != nil {
		p.close()
	}
	l.running.Wait()
}
