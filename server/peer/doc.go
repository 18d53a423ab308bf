// Package peer drives the ports on which the servers of an ensemble talk to
// each other. It moves bytes and decides nothing: what is said is decided by
// the cores in server/election and server/zab.
//
// Connections is the connection manager of the election port (3888). Between
// two servers stands at most one connection, and it is the one that the server
// with the larger id has dialled: when the smaller one dials, the larger closes
// that connection and dials back. The dialer opens with a
// quorum.InitialMessage; then both sides send notifications, each with its
// length before it.
//
//	       3 dials 1                          1 dials 3
//	3 ── initial message ──▶ 1         1 ── initial message ──▶ 3
//	3 ◀── notifications ──▶ 1          1 ×── closed by both ──× 3
//	                                   1 ◀── initial message ── 3
//	                                   1 ◀── notifications ───▶ 3
//
// Nothing is lost for long: a message waits, the newest alone, until there is a
// connection, and the last one sent is sent again on a new connection.
//
// Facts come from QuorumCnxManager of Apache ZooKeeper 3.9.5, checked against a
// running 3.8.0.
//
// Differs from Apache:
//   - A server of no configured id is dialled back only at the address it
//     called from: an unknown caller does not choose whom this server calls.
//   - The first message of a dialer must be whole within cnxTimeout, so must
//     each write; the number of callers without a valid first message, and of
//     servers of unknown ids, is bounded.
//   - A message that cannot be decoded costs its sender the connection; Apache
//     skips it.
//   - The larger id dials again when a connection that stood for a while breaks.
package peer
