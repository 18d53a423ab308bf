package prep

// aboveQuota tells whether a write that adds count znodes and bytes of data
// would pass a hard limit of the deepest quota above the path. A soft limit
// never refuses. As in Apache the usage is that of the applied txns, so writes
// in flight at the same time may overshoot.
func (p *Prep) aboveQuota(path string, count, bytes int64) bool {
	if !p.cfg.EnforceQuota {
		return false
	}
	limits, usage, _, ok := p.tree.QuotaFor(path)
	if !ok {
		return false
	}
	return count != 0 && limits.CountHard > -1 && usage.Count+count > limits.CountHard ||
		bytes != 0 && limits.BytesHard > -1 && usage.Bytes+bytes > limits.BytesHard
}
