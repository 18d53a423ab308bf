// Package conformance holds the two-sided test of the wire protocol: the same calls go to our server and to Apache's,
// and replies, stats, watch events in their order and the resulting trees are compared. SERVER=host:port puts any other
// server in Apache's place.
//
// A story is played on each side by itself and leaves a transcript; the transcripts must be equal line for line, but for
// the differences listed, each with its reason, in differences_test.go. Times become T, session ids the name of their
// connection, and zxids their distance from the story's begin, so that a zxid too many or too few shows.
package conformance
