package offline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"zookit/protocol"
	"zookit/server/config"
	"zookit/server/storage"
)

// through is what may stand behind the name of a directory.
var through = regexp.MustCompile(`^(.+)@(0x[0-9a-fA-F]{1,16})$`)

// parse finds out what a name means; see Open.
func parse(name string) (*Data, error) {
	d := &Data{name: name}
	if m := through.FindStringSubmatch(name); m != nil && !exists(name) {
		z, err := strconv.ParseInt(m[2][2:], 16, 64)
		if err != nil || z == 0 {
			return nil, fmt.Errorf("%s: %s is no zxid of a transaction", name, m[2])
		}
		name, d.through = m[1], protocol.Zxid(z)
	}
	dir, logDir, two := strings.Cut(name, ",")
	if !two || exists(name) {
		dir, logDir = name, ""
	}
	st, err := os.Stat(dir)
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = path.Err
	}
	if err != nil {
		return nil, fmt.Errorf("%w; name a data directory (what zoo.cfg calls dataDir), a snapshot, a zoo.cfg or an export", err)
	}
	switch {
	case st.IsDir():
		d.cfg.DataDir, d.cfg.LogDir = above(dir), above(logDir)
		return d, nil
	case two:
		return nil, fmt.Errorf("%s: %s is not a directory; dataDir,dataLogDir are two of them", name, dir)
	case strings.HasSuffix(dir, ".cfg"):
		return d, d.fromConfig(dir)
	case d.through > 0:
		return nil, fmt.Errorf("%s: only a data directory has a history that can be cut at a zxid", d.name)
	case strings.HasPrefix(filepath.Base(dir), "log."):
		return nil, fmt.Errorf("%s: a transaction log alone is no state; name the data directory it is in", dir)
	}
	var ok bool
	if d.snapshotZxid, ok = storage.SnapshotZxid(dir); !ok {
		return nil, fmt.Errorf("%s: neither a data directory nor a snapshot (snapshot.ZXID), a zoo.cfg or an export", dir)
	}
	d.snapshot = dir
	return d, nil
}

func (d *Data) fromConfig(file string) error {
	cfg, _, err := config.Load(file, config.Env{})
	if err != nil {
		return err
	}
	d.cfg.DataDir, d.cfg.LogDir = cfg.DataDir, cfg.DataLogDir
	return nil
}

// above is the directory that holds version-2, also when that one was named.
func above(dir string) string {
	if filepath.Base(dir) == "version-2" && !exists(filepath.Join(dir, "version-2")) {
		return filepath.Dir(filepath.Clean(dir))
	}
	return dir
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
