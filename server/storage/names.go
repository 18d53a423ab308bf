package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"zookit/protocol"
	"zookit/server/vfs"
)

const (
	logPrefix   = "log."
	snapPrefix  = "snapshot."
	lockName    = "zookit.lock"
	witnessName = "zookit.witness"
	// quarantineName is the file of a Quarantine.
	quarantineName = "zookit.quarantine"
	// Apache takes every name that begins with log. or snapshot. for one of
	// its own, also with .tmp at the end; so our others begin otherwise.
	tmpPrefix     = "tmp-"
	installPrefix = "install-"
	trimmedPrefix = "trimmed-"
	damagedPrefix = "damaged-"
)

func logName(z protocol.Zxid) string { return logPrefix + strconv.FormatUint(uint64(z), 16) }

func snapName(z protocol.Zxid, ext string) string {
	return snapPrefix + strconv.FormatUint(uint64(z), 16) + ext
}

// zxidOf reads the zxid of a name: the second of its parts between dots, as
// Util.getZxidFromName does.
func zxidOf(name, prefix string) (protocol.Zxid, bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	hex, _, _ := strings.Cut(rest, ".")
	z, err := strconv.ParseInt(hex, 16, 64)
	return protocol.Zxid(z), err == nil && z >= 0
}

// dataFile is a log or a snapshot.
type dataFile struct {
	name string
	zxid protocol.Zxid
	size int64
}

// listFiles lists the logs or snapshots of a directory in the order of zxids.
// Leftovers with .tmp at the end (Apache's AtomicFileOutputStream) do not count.
func listFiles(fsys vfs.FS, dir, prefix string) ([]dataFile, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	var list []dataFile
	for _, e := range entries {
		z, ok := zxidOf(e.Name(), prefix)
		if !ok || e.IsDir() || strings.HasSuffix(e.Name(), ".tmp") {
			continue
		}
		st, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // purged meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", dir, err)
		}
		list = append(list, dataFile{e.Name(), z, st.Size()})
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].zxid < list[j].zxid })
	return list, nil
}

func dirSize(fsys vfs.FS, dir string) (int64, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("list %s: %w", dir, err)
	}
	var sum int64
	for _, e := range entries {
		st, err := e.Info()
		if err != nil {
			continue // removed meanwhile
		}
		if e.IsDir() {
			n, err := dirSize(fsys, filepath.Join(dir, e.Name()))
			if err != nil {
				continue
			}
			sum += n
			continue
		}
		sum += st.Size()
	}
	return sum, nil
}

// writeFile replaces a file as a whole and durably: a temporary file, its
// sync, the rename, the sync of the directory.
func writeFile(fsys vfs.FS, dir, name, tmp string, content []byte) error {
	path := filepath.Join(dir, tmp)
	f, err := fsys.Open(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = fsys.Rename(path, filepath.Join(dir, name))
	}
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	return err
}

// copyRange copies bytes [from, to) of a file into a new file, durably.
func copyRange(fsys vfs.FS, src string, from, to int64, dst string) error {
	in, err := fsys.Open(src, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := fsys.Open(dst, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.NewSectionReader(in, from, to-from))
	if err == nil {
		err = out.Sync()
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return err
}

// SnapshotZxid is the zxid in the name of a snapshot; false when it is none.
func SnapshotZxid(path string) (protocol.Zxid, bool) { return zxidOf(filepath.Base(path), snapPrefix) }
