// Package chaos runs ensembles of real processes, ours and Apache's in any mix,
// while a seeded nemesis kills, freezes, cuts off, slows and damages them, and
// checks afterwards what clients were told against what the servers' logs hold.
// It complements package sim: there everything is simulated and repeatable to
// the byte; here it is the programs, kernel and sockets that run, and only the
// faults come from the seed.
//
//	round      one ensemble from its start to the verdict            round.go, judge.go
//	node       a server's process, its files and its faults          node*.go
//	ensemble   nodes, their network, who leads                       ensemble.go
//	namespace  a network of its own for each node, as root           namespace.go
//	proxy      a link through which bytes can be held, slowed,
//	           dripped, reset or lost                                proxy.go
//	plan       what a seed draws: one line a fault                   plan.go
//	nemesis    carries a plan out                                    nemesis*.go
//	client     a session under load, and all it was told             client.go, workload.go, crowd.go
//	history    what all clients were told                            history.go
//	reference  the one history that the servers' logs agree on       reference.go
//	timeline   every state of every znode, by replaying it           timeline.go
//	checks     replies, reads, sessions, real time, watches,
//	           registers (by porcupine), final trees                 check*.go
//
// The checks read the logs with the storage package's reader and replay them
// through package tree, which package sim holds against a model that shares no
// code with it; porcupine has a model of its own here.
package chaos
