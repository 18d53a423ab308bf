package sim

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"zookit/protocol"
	"zookit/server/vfs"
)

// logged is one record of a txn log.
type logged struct {
	zxid    protocol.Zxid
	payload []byte
}

// readLogs reads every txn log in a data directory, oldest first. It is the
// checkers' own reader and as strict as it can be: a record that is not whole,
// a zxid out of order, or a file that does not begin with the zxid of its name,
// is an error. There may be a gap below the newest snapshot: a power cut in a
// purge brings back any of the removed logs. (Format: package storage.)
func readLogs(fsys vfs.FS) ([]logged, error) {
	dir := filepath.Join(dataDir, "version-2")
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, nil // not made yet
	}
	type file struct {
		name string
		zxid uint64
	}
	var files []file
	snapshot := uint64(0)
	for _, e := range entries {
		if hex, ok := strings.CutPrefix(e.Name(), "snapshot."); ok {
			z, err := strconv.ParseUint(hex, 16, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.Name(), err)
			}
			snapshot = max(snapshot, z)
		}
		if hex, ok := strings.CutPrefix(e.Name(), "log."); ok {
			z, err := strconv.ParseUint(hex, 16, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.Name(), err)
			}
			files = append(files, file{e.Name(), z})
		}
	}
	slices.SortFunc(files, func(a, b file) int { return int(int64(a.zxid) - int64(b.zxid)) })
	var all []logged
	for _, f := range files {
		b, err := readFile(fsys, filepath.Join(dir, f.name))
		if err != nil {
			return nil, err
		}
		n := len(all)
		if all, err = appendRecords(all, b); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if len(all) > n && uint64(all[n].zxid) != f.zxid {
			return nil, fmt.Errorf("%s begins with %v", f.name, all[n].zxid)
		}
	}
	for i := len(all) - 1; i > 0; i-- {
		if all[i].zxid <= all[i-1].zxid || !follows(all[i-1].zxid, all[i].zxid) && uint64(all[i].zxid) > snapshot+1 {
			return nil, fmt.Errorf("%v follows %v, and the newest snapshot is 0x%x", all[i].zxid, all[i-1].zxid, snapshot)
		}
	}
	return all, nil
}

func readFile(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// appendRecords cuts a file into its records.
func appendRecords(all []logged, b []byte) ([]logged, error) {
	const head = 16
	if len(b) < head || string(b[:4]) != "ZKLG" {
		return all, fmt.Errorf("no log header in %d bytes", len(b))
	}
	for off := head; len(b)-off >= 12; {
		sum, n := binary.BigEndian.Uint64(b[off:]), int(binary.BigEndian.Uint32(b[off+8:]))
		if sum == 0 && n == 0 {
			break
		}
		if n < 24 || off+12+n >= len(b) {
			return all, fmt.Errorf("offset %d: a record of %d bytes", off, n)
		}
		payload := b[off+12 : off+12+n]
		if uint64(adler32.Checksum(payload)) != sum || b[off+12+n] != 'B' {
			return all, fmt.Errorf("offset %d: checksum or end of the record is wrong", off)
		}
		// session 8, cxid 4, zxid 8
		all = append(all, logged{protocol.Zxid(binary.BigEndian.Uint64(payload[12:])), payload})
		off += 12 + n + 1
	}
	return all, nil
}
