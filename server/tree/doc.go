// Package tree is the replicated state of the server: znodes, their ACLs,
// quotas, and the set of sessions with their timeouts. Apply is the only way it
// changes, live and in replay alike; time, zxids and sequence numbers are
// inside the txn. It has no lock, no goroutine, no clock and no randomness: the
// caller serialises, readers may share. It does not check permissions, versions
// or quotas: that is done before a txn exists (package prep).
//
// What a txn does to the tree follows DataTree.java, DataNode.java,
// NodeHashMapImpl.java, DigestCalculator.java, Quotas.java, StatsTrack.java and
// ReferenceCountedACLCache.java of Apache 3.9.5, checked against a running
// 3.8.0. Differs from Apache:
//   - A delete of a znode that has children removes them too. It occurs only in
//     the replay over a fuzzy snapshot, where the txns that made the children
//     follow; Apache leaves them in its map without a parent.
//   - A replayed create over an existing znode mends the parent's cversion and
//     pzxid for every kind of create, as the live tree has them; Apache does so
//     for type 1 alone.
//   - A malformed txn (no such parent, no slash, a foreign body) is a result
//     with an error code; Apache's commit thread dies of some of these.
//   - A snapshot leaves out the znodes born while it is written and shows the
//     ACL that a znode had at its beginning, so its ACL map is complete
//     (snapshot.go; ZOOKEEPER-4846).
//
// # Memory
//
// A million znodes are a million records, not a million objects: the collector
// sees slabs, chunks and index segments without pointers in them. For a znode:
//
//	bytes    what
//	112      node record (nodes.go), in slabs of 512
//	10–20    index: 8 bytes a slot at 40 to 80 % load (index.go)
//	0–12 %   rounding of its block, which holds name and data (arena.go)
//
// BenchmarkMillion measures 130 bytes beside 12 of name and 100 of data, in 8,400
// heap objects for the million. The garbage that txns leave is not in it.
//
// and of the record:
//
//	48  czxid mzxid pzxid ctime mtime ephemeralOwner
//	12  version cversion aversion
//	 4  content: CRC-32 of path and data, so that a change of the stat alone
//	    costs the digest 60 bytes, however long the data is
//	16  parent, first child, next and previous sibling: children are a list in
//	    order of creation
//	 8  number of children, number of descendants
//	 4  index of the ACL
//	12  block, length of the name, length of the data (−1: null)
//	 8  generation (snapshot.go), flags
//
// Names are stored once, without the path above. A path is found by one hash
// of the whole of it and verified upwards, name by name. What is freed is used
// again; pages that are empty serve other sizes or go back to the collector.
package tree
