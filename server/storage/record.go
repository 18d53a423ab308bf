package storage

import (
	"encoding/binary"
	"hash/adler32"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// The txn log's header and the frame of a record; see the package comment.
const (
	logMagic     = 0x5a4b4c47 // "ZKLG"
	fileVersion  = 2
	fileHeadLen  = 16
	recordHead   = 12 // checksum and length
	recordFrame  = recordHead + 1
	endOfRecord  = 'B'
	minPayload   = txn.HeaderLen
	zxidInTxn    = 12 // offset of the zxid in a payload
	typeInTxn    = 28
	sectorLength = 512
)

func appendLogHead(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, logMagic)
	b = binary.BigEndian.AppendUint32(b, fileVersion)
	return binary.BigEndian.AppendUint64(b, 0)
}

func appendRecord(b, payload []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(adler32.Checksum(payload)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, payload...)
	return append(b, endOfRecord)
}

func payloadZxid(payload []byte) protocol.Zxid {
	return protocol.Zxid(binary.BigEndian.Uint64(payload[zxidInTxn:]))
}

// follows says whether z may come right after prev in a log: the next number,
// or the first of a later epoch. Error txns take a zxid as well, so nothing is
// ever left out.
func follows(prev, z protocol.Zxid) bool {
	return z == prev+1 || z.Epoch() > prev.Epoch() && z.Counter() == 1
}

// reaches says whether a history that ends with last holds z. A zxid with the
// counter 0 is no txn: a new leader counts from it, and may name a snapshot by
// it (DataTree.deserializeZxidDigest, Apache 3.9).
func reaches(last, z protocol.Zxid) bool { return z <= last || z.Counter() == 0 }

// isTxnType says whether a log may hold a txn of this type.
func isTxnType(t int32) bool {
	switch protocol.OpCode(t) {
	case protocol.OpCreate, protocol.OpCreate2, protocol.OpCreateContainer, protocol.OpCreateTTL,
		protocol.OpDelete, protocol.OpDeleteContainer, protocol.OpSetData, protocol.OpReconfig,
		protocol.OpSetACL, protocol.OpCheck, protocol.OpCreateSession, protocol.OpCloseSession,
		protocol.OpError, protocol.OpMulti:
		return true
	}
	return false
}
