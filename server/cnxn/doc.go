// Package cnxn drives the client port: it accepts connections, shakes hands,
// cuts the byte stream into frames, answers reads, hands writes to the request
// pipeline and puts replies and watch events on the wire. It decides nothing
// about znodes or sessions; those are the business of package replica.
//
// One goroutine serves one connection. While its connection is idle it waits
// for the socket to become readable and holds no buffer. It runs a buffered run
// of reads under one hold of the state lock; a write goes to the pipeline, and
// a read behind an unfinished write of its own connection waits for it.
//
// Output goes through one queue per connection. The pipeline appends replies
// and events to it while it holds the state lock, remembers the connection as
// touched, and flushes all touched connections once the lock is free (those of
// a large fan-out sooner, on other goroutines), with writes that never block: what a full socket does not take is left to a
// goroutine that exists for as long as that lasts. So a client that does not
// read costs itself its connection, and others nothing.
//
// Source of the protocol facts: Apache 3.9 NIOServerCnxn.java,
// NIOServerCnxnFactory.java, ZooKeeperServer.java, and answers of a running
// Apache 3.8.0.
package cnxn
