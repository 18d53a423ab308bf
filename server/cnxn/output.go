package cnxn

import "sync"

const (
	// runBytes ends a run of reads: their replies go out before more requests
	// of the connection are answered.
	runBytes = 64 << 10
	// maxQueued bounds what commits (events, replies to writes) may add to the
	// queue of a client that does not read. Replies to reads need no bound of
	// their own: the connection takes no further request while they wait.
	maxQueued = 8 << 20
)

// output is the queue of bytes that wait for a socket.
//
// Whoever finds the queue idle becomes its writer and goes on until it is
// empty; everybody else only appends. So bytes leave in the order in which they
// were appended, and nobody holds mu while writing.
type output struct {
	mu      sync.Mutex
	buf     *buffer // what waits; nil when nothing does
	writing bool    // somebody is writing
	queued  int     // bytes commits added since the queue was last empty
	closed  bool    // drop everything from now on
	idle    sync.Cond
}

func (o *output) init() { o.idle.L = &o.mu }

// addCommitted adds p for the pipeline. It returns false when the client has
// left more unread than maxQueued allows; the bytes are dropped then, and the
// caller closes the connection. mu is held.
func (o *output) addCommitted(p []byte) bool {
	if !o.admit(len(p)) {
		return false
	}
	o.add(p)
	return true
}

// addEvent is addCommitted for bytes that many queues take: one in which
// nothing waits needs no buffer for them.
func (o *output) addEvent(b *buffer) bool {
	if !o.admit(len(b.b)) {
		return false
	}
	o.addBuffer(b)
	return true
}

// admit counts n bytes of a commit against maxQueued.
func (o *output) admit(n int) bool {
	if o.writing || o.buf != nil {
		if o.queued+n > maxQueued {
			return false
		}
		o.queued += n
	}
	return true
}

// addBuffer adds what b holds and takes b over; mu is held.
func (o *output) addBuffer(b *buffer) {
	if o.buf == nil && !o.closed {
		o.buf = b
		return
	}
	o.add(b.b)
	putBuffer(b)
}

// add copies p to the queue; mu is held.
func (o *output) add(p []byte) {
	if o.closed || len(p) == 0 {
		return
	}
	switch b := o.buf; {
	case b == nil:
		o.buf = getBuffer()
	case b.shared:
		o.buf = getBuffer()
		o.buf.b = append(o.buf.b, b.b...)
	}
	o.buf.b = append(o.buf.b, p...)
}

// take hands the waiting bytes to the writer; with none left it ends the
// writer's turn.
func (o *output) take() *buffer {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.buf
	o.buf = nil
	if b == nil || o.closed {
		o.end()
		return nil
	}
	return b
}

// end ends the writer's turn; mu is held.
func (o *output) end() {
	o.writing = false
	o.queued = 0
	o.idle.Broadcast()
}

// begin makes the caller the writer, unless there is one or nothing to write.
func (o *output) begin() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writing || o.buf == nil || o.closed {
		return false
	}
	o.writing = true
	return true
}

// shut drops what waits and everything appended later.
func (o *output) shut() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.buf != nil {
		putBuffer(o.buf)
		o.buf = nil
	}
	o.idle.Broadcast()
}

// drained waits until everything appended has been written, or the queue is
// shut.
func (o *output) drained() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for (o.writing || o.buf != nil) && !o.closed {
		o.idle.Wait()
	}
}

// flushWaiting writes the queue out and waits for the socket where it must. It
// is for the connection's own goroutine: while it waits, no request is read.
func (c *Conn) flushWaiting() {
	if c.out.begin() {
		c.writeAll()
	}
	// Somebody else may be writing a rest; a client that leaves that much
	// unread gets no further requests served.
	c.out.mu.Lock()
	for c.out.writing && c.out.buf != nil && len(c.out.buf.b) > runBytes && !c.out.closed {
		c.out.idle.Wait()
	}
	c.out.mu.Unlock()
}

// writeAll is the writer's turn with waiting writes.
func (c *Conn) writeAll() {
	for {
		b := c.out.take()
		if b == nil {
			return
		}
		_, err := c.sock.Write(b.b)
		putBuffer(b)
		if err != nil {
			c.fail(err)
		}
	}
}

// flush writes the queue out without waiting; what the socket does not take is
// left to a goroutine that ends with the queue. It is for the pipeline.
func (c *Conn) flush() {
	if !c.out.begin() {
		return
	}
	for {
		b := c.out.take()
		if b == nil {
			return
		}
		n, err := c.sock.tryWrite(b.b)
		if err == nil && n < len(b.b) {
			c.server.running.Go(func() {
				if _, err := c.sock.Write(b.b[n:]); err != nil {
					c.fail(err)
				}
				putBuffer(b)
				c.writeAll()
			})
			return
		}
		putBuffer(b)
		if err != nil {
			c.fail(err)
		}
	}
}
