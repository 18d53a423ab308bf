package peer

import "time"

// A message may be lost with its connection: written when the other end was gone
// already, or had taken the connection on its way to its own end. Somebody waits
// for what comes of that message, and the next one may be seconds away. So the
// server is dialed again until it has the message, or is found to be unreachable,
// which ends an election sooner.

// lost is what is known of a server for that. Connections.mu guards it.
type lost struct {
	given time.Time // when Send was given the newest message
	ended time.Time // when the last connection ended
	tries int       // since a connection has brought a message or stood for redialAfter
}

const (
	// lostWithin is how long after it was given a message is dialed for again, and
	// how long after the end of a connection a call that nobody has answered is.
	lostWithin = 5 * time.Second
	// redialPause is before the first attempt; it doubles up to the last of
	// maxRedials. The larger id dials as well, unless it is gone: one that is not
	// must not be disturbed for long.
	redialPause = 4 * time.Millisecond
	maxRedials  = 6
)

// missed dials again for a message that may have been lost with a connection. It
// is false when there is none. mu is held.
func (m *Connections) missed(r *remote, l *link) bool {
	r.ended = time.Now()
	stood := time.Since(l.since) >= redialAfter
	if stood || l.heard {
		r.tries = 0
	}
	switch {
	case r.stranger || time.Since(r.given) >= lostWithin:
		return false
	case stood && r.sid < m.config.ID:
		m.dial(r)
	default:
		m.redial(r)
	}
	return true
}

// unanswered follows a call of a larger id, which dials back if it lives. mu is
// held.
func (m *Connections) unanswered(r *remote) {
	if !r.stranger && time.Since(r.ended) < lostWithin {
		m.redial(r)
	}
}

// redial dials in a moment unless there is a connection by then. mu is held.
func (m *Connections) redial(r *remote) {
	if r.tries == maxRedials {
		return
	}
	pause := redialPause << r.tries
	r.tries++
	m.spawn(func() {
		t := time.NewTimer(pause)
		defer t.Stop()
		select {
		case <-t.C:
		case <-m.ctx.Done():
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if r.link == nil && m.remotes[r.sid] == r {
			m.dial(r)
		}
	})
}
