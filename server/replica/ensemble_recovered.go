package replica

// Recovered tells the epochs that stand on the disk, after the sink was filled
// and before Start; −1 for one that is missing.
func (r *Replica) Recovered(acceptedEpoch, currentEpoch int64) {
	if r.ens != nil && !r.started {
		r.ens.AcceptedEpoch, r.ens.CurrentEpoch = max(acceptedEpoch, 0), max(currentEpoch, 0)
	}
}

// Quarantine says, before Start, that the history on the disk does not count;
// see Ensemble.Quarantined.
func (r *Replica) Quarantine() {
	if r.ens != nil && !r.started {
		r.ens.Quarantined = true
	}
}
