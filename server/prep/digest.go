package prep

import (
	"zookit/protocol"
	"zookit/server/tree"
)

// contentOf hashes what of a znode's digest does not change with its Stat; 0
// when no digests are kept.
func (p *Prep) contentOf(path string, data []byte) uint32 {
	if !p.cfg.Digest {
		return 0
	}
	return tree.ContentCRC(path, data)
}

// digestOf is one znode's part of the tree's digest.
func digestOf(path string, content uint32, st *protocol.StatPersisted) uint64 {
	return tree.NodeDigest(path, content, st)
}
