package prep

import "zookit/server/tree"

// contentOf hashes what of a znode's digest does not change with its Stat; 0
// when no digests are kept.
func (p *Prep) contentOf(path string, data []byte) uint32 {
	if !p.cfg.Digest {
		return 0
	}
	return tree.ContentCRC(path, data)
}
