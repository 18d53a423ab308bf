package zab

import (
	"fmt"

	"zookit/protocol"
)

// OrderKind says what an Order asks of the disk.
type OrderKind int

const (
	Append             OrderKind = iota + 1 // answered by Persisted
	Truncate                                // answered by Truncated
	InstallSnapshot                         // answered by SnapshotInstalled
	WriteAcceptedEpoch                      // answered by EpochWritten
	WriteCurrentEpoch                       // answered by EpochWritten

	// Of the replica, between two roles; no core gives them.
	BeginQuarantine // answered by QuarantineNoted
	EndQuarantine   // answered by QuarantineNoted
)

var orderNames = [...]string{Append: "append", Truncate: "truncate", InstallSnapshot: "install snapshot",
	WriteAcceptedEpoch: "write acceptedEpoch", WriteCurrentEpoch: "write currentEpoch",
	BeginQuarantine: "begin quarantine", EndQuarantine: "end quarantine"}

func (k OrderKind) String() string {
	if k > 0 && int(k) < len(orderNames) {
		return orderNames[k]
	}
	return fmt.Sprintf("order %d", int(k))
}

// Order is work for the disk. One is out at a time, and is answered when what
// it did is durable; nothing else may write to the log meanwhile.
type Order struct {
	Kind OrderKind
	// Batch is what one sync covers (Append). It and its payloads stay as they
	// are until the answer; the payloads for good.
	Batch []Entry
	// Zxid is the last of the batch; where to truncate to, after which tree and
	// sessions are read anew from the disk; or that of the snapshot.
	Zxid  protocol.Zxid
	Epoch int64 // to be written

	// Release ends a quarantine as well, once the epoch is written (WriteCurrentEpoch).
	Release bool

	// BeginQuarantine: why, and when, ms since 1970. Zxid is then the highest known
	// to have been in the history.
	Why  string
	AtMs int64
}

func (o *Order) String() string {
	switch o.Kind {
	case Append:
		return fmt.Sprintf("%v %v..%v", o.Kind, o.Batch[0].Zxid, o.Zxid)
	case WriteAcceptedEpoch, WriteCurrentEpoch:
		return fmt.Sprintf("%v %d", o.Kind, o.Epoch)
	}
	return fmt.Sprintf("%v %v", o.Kind, o.Zxid)
}

// disk is the queue of a core's orders, in the order in which they must become
// durable. What follows a truncation, a snapshot or an epoch waits for it.
type disk struct {
	queue      []Order // an append in it has one entry and no batch
	entries    []Entry // of the appends in queue, in the same order
	out        Order   // handed out and not answered; Kind 0: none is
	outSinceMs int64
	batch      []Entry
	persisted  protocol.Zxid // end of the durable log
	bytes      int64         // queued or out
	maxRecords int
	maxBytes   int64
}

func (d *disk) append(e Entry) {
	d.queue = append(d.queue, Order{Kind: Append, Zxid: e.Zxid})
	d.entries = append(d.entries, e)
	d.bytes += e.size()
}

func (d *disk) control(o Order) { d.queue = append(d.queue, o) }

// next hands out the next order, if none is out.
func (d *disk) next(nowMs int64) *Order {
	if d.out.Kind != 0 || len(d.queue) == 0 {
		return nil
	}
	d.outSinceMs = nowMs
	n := 1
	d.out = d.queue[0]
	if d.out.Kind == Append {
		n = d.fill()
		d.out.Batch, d.out.Zxid = d.batch, d.batch[n-1].Zxid
	}
	k := copy(d.queue, d.queue[n:])
	d.queue = d.queue[:k]
	return &d.out
}

// fill takes the appends at the head of the queue into one batch.
func (d *disk) fill() int {
	d.batch = d.batch[:0]
	var bytes int64
	for i := 0; i < len(d.queue) && d.queue[i].Kind == Append; i++ {
		bytes += d.entries[i].size()
		if i > 0 && (bytes > d.maxBytes || i == d.maxRecords) {
			break
		}
		d.batch = append(d.batch, d.entries[i])
	}
	n := len(d.batch)
	k := copy(d.entries, d.entries[n:])
	clear(d.entries[k:])
	d.entries = d.entries[:k]
	return n
}

// answered ends the order that is out. It is false when the answer is not that
// order's.
func (d *disk) answered(kind OrderKind, zxid protocol.Zxid, epoch int64) bool {
	if d.out.Kind != kind || d.out.Zxid != zxid || d.out.Epoch != epoch {
		return false
	}
	if kind == Append {
		for _, e := range d.out.Batch {
			d.bytes -= e.size()
		}
		d.persisted = zxid
	}
	d.out = Order{}
	return true
}

// halt drops what was not handed out.
func (d *disk) halt() { d.queue, d.entries = nil, nil }
