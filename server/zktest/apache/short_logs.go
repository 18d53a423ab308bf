package apache

import (
	"os"
	"path/filepath"
)

// logHeader is the length of a log's header in bytes (FileHeader.java).
const logHeader = 16

// RemoveShortLogs removes from a data directory the logs that are shorter than
// their header, and names them. A kill between the creation of a log and its
// first write leaves such, and with one Apache 3.8.0 does not start
// (EOFException in FileTxnIterator.inStreamCreated): its operator has to do so.
func RemoveShortLogs(dataDir string) (removed []string, err error) {
	logs, err := filepath.Glob(filepath.Join(dataDir, "version-2", "log.*"))
	if err != nil {
		return nil, err
	}
	for _, name := range logs {
		info, err := os.Stat(name)
		if err != nil {
			return removed, err
		}
		if info.Size() >= logHeader {
			continue
		}
		if err := os.Remove(name); err != nil {
			return removed, err
		}
		removed = append(removed, filepath.Base(name))
	}
	return removed, nil
}
