package prep

import (
	"zookit/protocol"
	"zookit/protocol/txn"
)

// configPath is where the configuration of an ensemble is read and, by reconfig
// alone, written (ZooDefs.CONFIG_NODE).
const configPath = "/zookeeper/config"

// reconfig checks whether it is enabled, session, the change itself, and last
// the permission to write /zookeeper/config, which nobody has by default but
// super. Its txn sets the znode's data; the version stays −1.
func (p *Prep) reconfig(q *Request, out *Txn) protocol.Code {
	var r protocol.ReconfigRequest
	switch {
	case r.Decode(&p.dec) != nil:
		return protocol.MarshallingError
	case !p.cfg.ReconfigEnabled:
		return protocol.ReconfigDisabled
	case q.SessionErr != protocol.OK:
		return q.SessionErr
	case p.cfg.Reconfig == nil:
		return protocol.Unimplemented
	}
	text, code := p.cfg.Reconfig(&r, p.zxid)
	if code != protocol.OK {
		return code
	}
	var node record
	switch {
	case !p.lookup(configPath, &node):
		return protocol.NoNode
	case !p.acl.Check(node.acl, protocol.PermWrite, q.IDs):
		return protocol.NoAuth
	case p.cfg.MaxTxnBytes > 0 && len(text)+len(configPath)+txn.HeaderLen+txn.DigestLen+12 > p.cfg.MaxTxnBytes:
		return protocol.BadArguments
	}
	changed := node
	changed.stat.Version = -1
	changed.stat.Mtime = q.TimeMs
	changed.stat.Mzxid = p.zxid
	changed.dataLen = len(text)
	changed.content = p.contentOf(configPath, text)
	p.change(&node, &changed)
	out.bodies.setData = txn.SetData{Path: configPath, Data: text, Version: -1}
	out.Body = &out.bodies.setData
	return protocol.OK
}
