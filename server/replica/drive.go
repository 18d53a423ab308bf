package replica

import (
	"errors"
	"fmt"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/server/defect"
	"zookit/server/election"
	"zookit/server/storage"
	"zookit/server/zab"
)

// What follows is the part of a driver that is the same for every driver: how
// a replica begins with what is on the disk, what a Ready's parts are done in,
// and what an order of zab does to the storage. Package server has goroutines
// and sockets around it, package sim one goroutine and a virtual clock.

// Recover fills the replica from the data directory and starts it. A directory
// that has nothing in it, or that wants one, gets a snapshot before anything is
// served: Apache would not open the logs without (FileTxnSnapLog.restore).
func (r *Replica) Recover(store *storage.Store, now func() Now) (storage.Recovered, error) {
	got, err := store.Recover(r.Sink())
	if err != nil {
		err = r.quarantined(store, &got, now(), err)
	}
	if err != nil {
		return got, err
	}
	first := got.Fresh || got.WantSnapshot
	if r.ens != nil {
		if err := r.considerQuarantine(store, &got, now()); err != nil {
			return got, err
		}
		if err := settleEpochs(store, &got); err != nil {
			return got, err
		}
		r.ens.AcceptedEpoch, r.ens.CurrentEpoch = got.AcceptedEpoch, got.CurrentEpoch
		first = first && !r.ens.Quarantined // not even snapshot.0, which would be a history
		if first {
			src, zxid := r.BeginSnapshot()
			if err := store.Snapshot(zxid, src); err != nil {
				return got, fmt.Errorf("write the first snapshot: %w", err)
			}
		}
	}
	if err := r.Start(now()); err != nil {
		return got, fmt.Errorf("start from the data directory: %w", err)
	}
	if r.ens != nil || !first {
		return got, nil
	}
	r.TakeSnapshot()
	rd := r.Ready()
	r.notes = rd.Notes // of the start: the next Ready has them again
	if rd.Snapshot == nil {
		return got, r.err
	}
	err = store.Snapshot(rd.SnapshotZxid, rd.Snapshot)
	r.SnapshotDone(err)
	if err != nil {
		err = fmt.Errorf("write the first snapshot: %w", err)
	}
	return got, err
}

// settleEpochs gives a directory that has no epoch files theirs: the epoch of
// its last txn (QuorumPeer.loadDataBase).
func settleEpochs(store *storage.Store, got *storage.Recovered) error {
	epoch := max(got.LastZxid, 0).Epoch()
	if got.CurrentEpoch < 0 {
		if err := store.SetCurrentEpoch(epoch); err != nil {
			return err
		}
		got.CurrentEpoch = epoch
	}
	if got.AcceptedEpoch < 0 {
		if err := store.SetAcceptedEpoch(epoch); err != nil {
			return err
		}
		got.AcceptedEpoch = epoch
	}
	return nil
}

// PeerDriver does what a member of an ensemble asks for in its Ready; see Peers.
type PeerDriver interface {
	// Reconfigure takes Peers.View and Next, either of which may be nil.
	Reconfigure(view, next *quorum.View)
	Become(Role)
	NoteElection(*election.Note)
	NotePeer(*zab.Note)
	Vote(election.Message)
	Send(*zab.Message)
	Finish(zab.Closing)
	// Write gives work to the disk: with roll a new log is begun first, and o is
	// nil when that is all.
	Write(o *zab.Order, roll bool)
	LookUp(zab.LookUp)
}

// CarryOut has d do what the Ready asks for, in the order it must be done in.
func (rd *Ready) CarryOut(d PeerDriver) {
	if rd.View != nil || rd.Next != nil {
		d.Reconfigure(rd.View, rd.Next)
	}
	if rd.Role != nil {
		d.Become(*rd.Role)
	}
	for i := range rd.ElectionNotes {
		d.NoteElection(&rd.ElectionNotes[i])
	}
	for i := range rd.PeerNotes {
		d.NotePeer(&rd.PeerNotes[i])
	}
	for i := range rd.Votes {
		d.Vote(rd.Votes[i])
	}
	for i := range rd.Messages {
		d.Send(&rd.Messages[i])
	}
	for i := range rd.Peers.Close {
		d.Finish(rd.Peers.Close[i])
	}
	if rd.Order != nil || rd.Roll {
		d.Write(rd.Order, rd.Roll)
	}
	for _, l := range rd.LookUps {
		d.LookUp(l)
	}
}

// Disk carries out the orders of a member on its storage. It belongs to
// whatever goroutine the driver has for that.
type Disk struct {
	Store *storage.Store
	// Reread, if not nil, is told what was read anew after a truncation or a
	// snapshot.
	Reread func(storage.Recovered)

	batch []storage.Entry
}

// Carry does an order, and returns what is to be done with the replica then.
// install takes the leader's snapshot off its connection into the storage; its
// error means that nothing on the disk has changed, unless the storage has
// failed.
func (d *Disk) Carry(r *Replica, o zab.Order, install func(zxid protocol.Zxid) error) func(Now) {
	ev, changed, err := d.execute(o, install)
	var reload *Reload
	if err == nil && changed {
		if reload, err = d.reread(r); err != nil {
			err = fmt.Errorf("read the data directory anew: %w", err)
		}
	}
	if err != nil {
		ev = zab.StorageFailed{Err: err}
	}
	return func(now Now) {
		if reload != nil {
			r.Reloaded(reload)
		}
		r.PeerEvent(now, ev)
	}
}

// execute does one order; changed tells that the history is another now. An
// error means that nobody knows what is on the disk.
func (d *Disk) execute(o zab.Order, install func(protocol.Zxid) error) (ev zab.Event, changed bool, err error) {
	switch o.Kind {
	case zab.Append:
		return zab.Persisted{Zxid: o.Zxid}, false, d.append(o.Batch)
	case zab.WriteAcceptedEpoch:
		return zab.EpochWritten{Kind: o.Kind, Epoch: o.Epoch}, false, d.Store.SetAcceptedEpoch(o.Epoch)
	case zab.WriteCurrentEpoch:
		err := d.Store.SetCurrentEpoch(o.Epoch)
		if err == nil && o.Release {
			err = d.Store.EndQuarantine()
		}
		return zab.EpochWritten{Kind: o.Kind, Epoch: o.Epoch}, false, err
	case zab.BeginQuarantine:
		return zab.QuarantineNoted{Kind: o.Kind}, false, d.Store.Quarantine(o.Why, o.Zxid, o.AtMs)
	case zab.EndQuarantine:
		return zab.QuarantineNoted{Kind: o.Kind}, false, d.Store.EndQuarantine()
	case zab.Truncate:
		err := d.Store.Truncate(o.Zxid)
		if errors.Is(err, storage.ErrTruncate) {
			return zab.Truncated{Zxid: o.Zxid, Err: err}, false, nil
		}
		return zab.Truncated{Zxid: o.Zxid}, true, err
	case zab.InstallSnapshot:
		err := install(o.Zxid)
		if defect.Planted(defect.HalfSnapshot) && d.Store.Err() == nil {
			err = nil
		}
		return zab.SnapshotInstalled{Zxid: o.Zxid, Err: err}, err == nil, d.Store.Err()
	}
	return nil, false, fmt.Errorf("order of unknown kind %v", o.Kind)
}

func (d *Disk) append(batch []zab.Entry) error {
	d.batch = d.batch[:0]
	for i := range batch {
		d.batch = append(d.batch, storage.Entry{Zxid: batch[i].Zxid, Payload: batch[i].Payload})
	}
	err := d.Store.Append(d.batch)
	clear(d.batch)
	if err != nil {
		return fmt.Errorf("write the txn log: %w", err)
	}
	return nil
}

func (d *Disk) reread(r *Replica) (*Reload, error) {
	rl := r.NewReload()
	got, err := d.Store.Recover(rl)
	if err == nil && d.Reread != nil {
		d.Reread(got)
	}
	return rl, err
}
