// Package sim runs the server's own core under one seed: the replica that
// zkserver links, on the storage that zkserver links, over a disk in memory
// that knows what was synced. The seed gives the topology, the workload and the
// faults; clock, links, disks and processes are simulated. There is one
// goroutine: an event heap decides what happens next, so the same seed gives
// the same trace to the byte.
//
// What is real: protocol, txn, prep, tree, watch, session, replica, storage.
// What is modelled, because it holds goroutines and sockets in the product:
//
//	process  package server's pipeline: propose, hand out, sync, commit, flush
//	conn     package cnxn's ordering: replies in request order, reads behind the
//	         connection's own writes, events and replies in one queue
//	client   a client library: xids, pings, reconnects, setWatches
//	link     a TCP connection: in order, or not at all
//	disk     effects counted, each a point at which the power may fail
//
// A run has three parts. While faults last, clients work through their plan and
// processes die and come back. Then the faults stop, and within a bounded time
// every client must have a session, a write and a sync answered. At the end the
// power is cut once more, and a client reads the whole tree.
//
// The checkers (check.go) see the clients' histories and the logs on disk, and
// a model of the tree that is written for them alone (model.go).
//
// World holds a list of processes and clients a server to talk to, though
// today there is one process: a standalone server.
package sim
