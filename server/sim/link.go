package sim

// route is the network between one client and one process, or two processes.
// Faults change it; every connection over it feels them.
type route struct {
	stalledUntil [2]int64 // by direction: nothing arrives before
	slowUntil    int64
	cutUntil     int64 // between processes: nothing arrives before, either way
}

// Directions of a link.
const (
	toServer = iota
	toClient
)

// packet is what one write put on a link: whole frames. A nil packet is the end
// of the stream.
type packet []byte

// link is one connection. What is sent arrives in order, or the connection is
// reset and nothing more arrives.
type link struct {
	w       *world
	route   *route
	arrival [2]int64 // when the last packet of the direction arrives
	reset   bool
	ended   [2]bool // the receiver of that direction has gone
	client  *client
	conn    *conn
}

// send puts a packet on its way.
func (l *link) send(dir int, p packet) {
	w := l.w
	t := w.now + w.between(20, 600)
	if w.now < l.route.slowUntil {
		t += w.between(5*millisecond, 300*millisecond)
	}
	if s := l.route.stalledUntil[dir]; t < s {
		t = s + w.between(0, millisecond)
	}
	t = max(t, l.arrival[dir])
	l.arrival[dir] = t
	w.at(t, func() {
		if l.reset || l.ended[dir] {
			return
		}
		if dir == toServer {
			l.conn.arrived(p)
		} else {
			l.client.arrived(l, p)
		}
	})
}

// die is what a power cut does to the connection: nothing more arrives, and
// the client may hear of it or not.
func (l *link) die() {
	l.reset = true
	if l.w.rng.IntN(2) == 0 {
		l.w.after(l.w.between(20, 50*millisecond), func() { l.client.hungUp(l) })
	}
}

// cut resets the connection: what is under way is lost, and each side hears of
// it in its own time.
func (l *link) cut() {
	if l.reset {
		return
	}
	l.reset = true
	l.w.after(l.w.between(20, 50*millisecond), func() { l.conn.hungUp() })
	l.w.after(l.w.between(20, 50*millisecond), func() { l.client.hungUp(l) })
}
