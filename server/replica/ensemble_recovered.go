package replica

// Recovered tells the epochs that stand on the disk, after the sink was filled
// and before Start; −1 for one that is missing.
func (r *Replica) Recovered(acceptedEpoch, currentEpoch int64) {
	if r.ens != nil && !r.started {
		r.ens.AcceptedEpoch, r.ens.CurrentEpoch = max(acceptedEpoch, 0), max(currentEpoch, 0)
	}
}
