package sim

import "fmt"

// Invariants are the names of what is checked, with what each says. Those of
// the protocol between servers (I), and that what is committed stays (D1, D2), are
// held by the ledger at each packet and whenever something is durable; those of
// clients, sessions and watches by the judge (check.go) as the history grows and
// as packets arrive; V when faults have stopped (settle.go).
var Invariants = map[string]string{
	"I1 leadership":                        "one server leads an epoch",
	"I2 integrity":                         "a zxid is one txn in every log at any time, of an epoch that somebody was established in",
	"I3 prefix consistency":                "what is committed, or shown to a client, goes on from what was committed before",
	"I4 total order":                       "a txn follows the same one in every log",
	"I5 primary order":                     "what is committed is never followed by a lower zxid",
	"I6 primary integrity":                 "a leader proposes nothing before a quorum has its history",
	"I7 no holes":                          "records are whole, and zxids follow each other, in a log and in what a learner is sent",
	"I8 epochs only rise":                  "acceptedEpoch and currentEpoch on disk never go back, the second is no higher, and nothing of an earlier epoch is acknowledged",
	"I9 durable before said":               "what LEADERINFO, ACKEPOCH, NEWLEADER and ACK speak of is on the speaker's disk, synced",
	"I10 commit rule":                      "what is committed is on the disks of a quorum in its epoch; COMMITs come in order",
	"I11 leader completeness":              "a leader begins with all that is committed",
	"I12 TRUNC safety":                     "what is committed leaves a disk only while a quorum of others has it; a leader truncates to what it has",
	"I13 damage is never taken for an end": "with one bit of a disk flipped, a server starts with the whole history, or takes no part",
	"I14 determinism":                      "the same history gives the same tree, in memory and from every disk, and every digest agrees",

	"D1 acknowledged writes survive":  "what a client was told is on disk after every crash, unchanged, and so are all txns before it",
	"D2 what was read stays":          "what a client could read is committed, and never rolled back",
	"D3 the log holds what was asked": "every txn is some client's request, once, or the end of a session, or the removal of an empty container",
	"D3 replies tell the outcome":     "code, path and Stat of a write's reply are those of its txn; of a failed one nothing happens",
	"D3 refusals are right":           "a write fails exactly when the tree before it demands so, with that code, and a multi as a whole",
	"D4 recovery never refuses":       "after power cuts, kills and failing disks alone a server starts again unaided",

	"S1 writes are linearizable":                      "a write that begins after another was answered has a higher zxid; with one server no read is behind it",
	"S2 replies come in request order":                "on every connection",
	"S2 replies can be read":                          "every reply and event decodes, with no byte left over",
	"S2 a session's writes happen in order, and once": "xids of a session's txns rise, whatever connection they came by",
	"S3 zxids of a session never go back":             "over all its connections, to whatever server",
	"S4 a sync is not behind":                         "a sync is answered at no less than any write answered before it, in no later epoch than that of its server",
	"S5 a session is made once":                       "no session id is given twice",
	"S5 a session ends once":                          "by one closeSession, and never before it was made",
	"S5 a session keeps its id":                       "over all its connections",
	"S5 nothing happens in a session that is gone":    "no txn of it after its closeSession",
	"S5 sessions do not expire early":                 "not before its timeout has passed since the leader answered a request",
	"S5 sessions that are gone end":                   "expiry told to a client is in the log; an abandoned session ends",
	"S6 ephemerals go with their session":             "a closeSession removes all of its ephemerals and nothing else",
	"S7 sequence numbers are never reused":            "they rise under each parent, also over restarts and leaders",
	"S8 a txn fits the tree before it":                "no logged create finds its znode there, no delete a child, no setData another version; a failed one has no effect",
	"S8 reads show one state":                         "data, children, versions and the whole Stat of a read are those of the tree at the reply's zxid",

	"W1 events precede the reply":  "no reply shows a change before the event of a watch on it; a watch loses nothing",
	"W2 events come in zxid order": "and in the order of the changes of a txn",
	"W3 watches fire once":         "a one-shot watch gives one event, a persistent one each change once; an event has a watch",
	"W4 no wake-up is lost":        "over a reconnect, to whatever server, setWatches tells exactly what has changed",
	"W5 events name what happened": "type and path of an event are those of the txn",

	"V1 a leader comes":                "when faults have stopped, one server leads in bounded time",
	"V2 every request is answered":     "then every client gets a session, a write and a sync; in the end nothing is under way",
	"V3 a hung minority stalls nobody": "the same while one voter stands still",
	"V4 everybody comes back":          "then every server serves under one leader, level with it",

	"assertions hold": "the product's own, and storage works while the disk does",
}

func violation(invariant, format string, args ...any) *Violation {
	named(invariant)
	return &Violation{Invariant: invariant, Detail: fmt.Sprintf(format, args...)}
}

// named panics unless the name is one of Invariants.
func named(invariant string) {
	if Invariants[invariant] == "" {
		panic("sim: no invariant is called " + invariant)
	}
}
