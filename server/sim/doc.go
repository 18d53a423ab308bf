// Package sim runs the server's own core under one seed: the replica that
// zkserver links, on the storage that zkserver links, over disks in memory that
// know what was synced. The seed gives the topology, the workload and the
// faults; clocks, links, disks and processes are simulated. There is one
// goroutine: an event heap decides what happens next, so the same seed gives
// the same trace to the byte.
//
//	world     the event heap, virtual time, everything else        world.go, run.go
//	process   a machine and the server on it: pipeline, crashes     process.go, background.go
//	seat      one run of it as a member of an ensemble: roles,
//	          orders of zab, connections to the other servers       seat.go
//	ensemble  the network between servers: routes with faults,
//	          connections of the election ports                     ensemble.go
//	peerLink  a connection of the quorum port: packets, log
//	          ranges, snapshot streams, in order or not at all       peer_link.go
//	disk      effects counted, each a point at which the power
//	          may fail or the disk may                               disk.go
//	conn      a client's connection at the server                   conn.go
//	client    a client library and its user                         client.go
//	plan      what a seed draws: options, requests, faults           plan.go
//	topology  who votes, in which groups, and what a quorum is;      topology.go,
//	          who knows a session                                    local.go
//	history   what clients saw                                       history.go
//	ledger    checks the servers: packets against disks, and what    ledger.go, log_view.go,
//	          is committed                                           check_packets.go
//	judge     checks the clients: what they see against the          check.go and the others
//	          committed history, step by step                        check_*.go, model.go
//
// What is real: protocol, txn, prep, tree, watch, session, election, zab,
// replica, storage, and of the drivers what needs no goroutine: how a member
// begins (Replica.Recover), in which order a Ready is carried out
// (Ready.CarryOut), what an order does to the storage (Disk.Carry), what a log
// range consists of (zab.Message.Range). What is modelled, because it holds
// goroutines and sockets in the product: the pipeline of package server, the
// order of replies and events of package cnxn, the connections of package peer.
//
// A run has four parts. While faults last, clients work through their plan and
// servers die and come back. Then the faults stop (in some seeds but for one
// voter, which stands still), and within a bounded time every client must have
// a session, a write and a sync answered, and every server must be level. At
// the end the power is cut everywhere at once, and clients read the whole tree
// of every server; the disks are read a last time, and single bits of them are
// flipped.
//
// The checkers see what clients send and receive, what is on the links between
// servers, and what is durable on the disks; of the product nothing but the tree
// that a server reads from its disk. Invariants names them (invariants.go). What
// can be judged at a step is judged at that step.
//
// TestStories plays scripts, testdata/sim, under the same checkers.
package sim
