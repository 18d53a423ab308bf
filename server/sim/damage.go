package sim

import (
	"errors"
	"path/filepath"
)

// errQuarantined stands for a server that starts and takes no part.
var errQuarantined = errors.New("in quarantine")

// noted tells that the disk says of itself that it is in quarantine.
func (p *process) noted() bool {
	_, err := p.mem.Stat(filepath.Join(dataDir, "version-2", "zookit.quarantine"))
	return err == nil
}

// judgedDamaged tells that the start that has just ended found damage; before is
// whether the disk was in quarantine already.
func (p *process) judgedDamaged(before bool) bool {
	return !before && p.store.Quarantined() != nil
}
