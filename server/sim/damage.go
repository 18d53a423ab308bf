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

// votersBeside tells that every voter but one has a vote: one that stands still
// beside one that has lost its data, or never had any, is one too many of three.
func (w *world) votersBeside(hung int) bool {
	for _, p := range w.processes[:w.plan.Options.Voters] {
		if p.id != hung && (p.noted() || w.ledger.view(p).current <= 0) {
			w.reached("a hung voter beside one in quarantine")
			return false
		}
	}
	return true
}
