package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"zookit/protocol"
	"zookit/server/vfs"
)

// Quarantine says why a member of an ensemble must not use the history on its
// disk. It is the file zookit.quarantine in dataDir/version-2, which Apache
// ignores, so that a restart does not forget it: between the moment a leader's
// snapshot is installed and the moment that leader is known to be established,
// nothing else on the disk tells.
//
//	zookit-quarantine 1
//	why <one line>
//	seen <zxid, hexadecimal>
//	since <ms since 1970>
//	aside <name of the directory for what is set aside; nothing: there is nothing>
type Quarantine struct {
	Why   string
	Seen  protocol.Zxid // the highest zxid known to have been in the history; 0: none is
	Since int64         // ms since 1970
	// Aside is the directory, in dataDir/version-2 and dataLogDir/version-2, that what
	// is there is moved to; "" when there is nothing, but perhaps the snapshot of an
	// empty tree.
	Aside string
}

const quarantineHead = "zookit-quarantine 1\n"

// maxQuarantineBytes bounds what is read of the file.
const maxQuarantineBytes = 16 << 10

// readQuarantine is nil when there is no such file. One that cannot be
// understood is a quarantine all the same.
func readQuarantine(fsys vfs.FS, dir string) (*Quarantine, error) {
	path := filepath.Join(dir, quarantineName)
	f, err := fsys.Open(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxQuarantineBytes))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return parseQuarantine(string(b), path), nil
}

func parseQuarantine(text, path string) *Quarantine {
	q := &Quarantine{Why: path + " says that this history must not be used, and cannot be read itself", Aside: damagedPrefix + "unknown"}
	text, ok := strings.CutPrefix(text, quarantineHead)
	if !ok {
		return q
	}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "why":
			q.Why = value
		case "seen":
			if z, err := strconv.ParseInt(value, 16, 64); err == nil {
				q.Seen = max(0, protocol.Zxid(z))
			}
		case "since":
			if ms, err := strconv.ParseInt(value, 10, 64); err == nil {
				q.Since = ms
			}
		case "aside":
			if value == "" || strings.HasPrefix(value, damagedPrefix) && filepath.Base(value) == value {
				q.Aside = value
			}
		}
	}
	return q
}

func (q *Quarantine) text() []byte {
	why := q.Why[:min(len(q.Why), maxQuarantineBytes/2)]
	return fmt.Appendf(nil, "%swhy %s\nseen %x\nsince %d\naside %s\n", quarantineHead, why, int64(q.Seen), q.Since, q.Aside)
}

// Quarantine marks the history as one that must not be used, durably. Nothing
// may be appended from now on; InstallSnapshot replaces the history by a leader's
// and sets aside what was there, and the epochs may be written. seen is the
// highest zxid known to have been in the history, wallMs the time in ms since
// 1970; what is found on the disk counts too. An epoch file that cannot be read and a leader's snapshot that cannot be
// are set aside at once: they are in the way. An error is final, as with Append.
func (s *Store) Quarantine(why string, seen protocol.Zxid, wallMs int64) error {
	s.snapMu.Lock()
	defer s.snapMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.err != nil {
		return s.usable()
	}
	if err := s.beginQuarantine(why, seen, wallMs); err != nil {
		return s.fail(fmt.Errorf("quarantine %s: %w", s.snapDir, err))
	}
	return nil
}

func (s *Store) beginQuarantine(why string, seen protocol.Zxid, wallMs int64) error {
	nothing := s.recovered && s.last <= 0
	if err := s.endLog(); err != nil {
		return err
	}
	was, err := readQuarantine(s.fs, s.snapDir)
	if err != nil {
		return err
	}
	if was != nil {
		seen = max(seen, was.Seen)
	}
	held, err := s.held()
	if err != nil {
		return err
	}
	q := &Quarantine{Why: strings.Join(strings.Fields(why), " "), Seen: max(seen, held), Since: wallMs}
	if !nothing || q.Seen > 0 {
		if q.Aside, err = s.freeAside(wallMs); err != nil {
			return err
		}
	}
	if err := writeFile(s.fs, s.snapDir, quarantineName, tmpPrefix+quarantineName, q.text()); err != nil {
		return err
	}
	s.quarantine, s.recovered = q, false
	s.history++
	entries, err := s.fs.ReadDir(s.snapDir)
	if err != nil {
		return err
	}
	var inTheWay []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), installPrefix) {
			inTheWay = append(inTheWay, e.Name())
		}
	}
	for name, epoch := range map[string]*int64{acceptedEpochName: &s.accepted, currentEpochName: &s.current} {
		*epoch, err = readEpoch(s.fs, s.snapDir, name)
		if errors.Is(err, ErrCorrupt) {
			inTheWay = append(inTheWay, name)
		} else if err != nil {
			return err
		}
	}
	if err := s.moveTo(s.snapDir, q.Aside, inTheWay); err != nil {
		return err
	}
	return s.keepPromise(slices.Contains(inTheWay, acceptedEpochName))
}

// keepPromise writes acceptedEpoch anew where it says less than is known: it was
// unreadable, or the witness knows better. Of an epoch that this server has accepted
// the others must hear, or it might be led twice.
func (s *Store) keepPromise(unreadable bool) error {
	known := s.accepted
	if unreadable {
		known = max(s.current, s.quarantine.Seen.Epoch())
	}
	if s.witness.ok {
		known = max(known, s.witness.mark.Accepted)
	}
	if known <= s.accepted {
		return nil
	}
	if err := writeFile(s.fs, s.snapDir, acceptedEpochName, acceptedEpochName+epochTmpSuffix, strconv.AppendInt(nil, known, 10)); err != nil {
		return fmt.Errorf("write %s: %w", acceptedEpochName, err)
	}
	s.accepted = known
	return nil
}

// held is the highest zxid known to have been in the history, whatever it is that
// cannot be read: a damaged snapshot or epoch file tells nothing of the logs
// beside it, whose txns this server has acknowledged.
func (s *Store) held() (protocol.Zxid, error) {
	r := &recovery{s: s}
	if err := r.list(); err != nil {
		return 0, err
	}
	if err := r.readWitness(); err != nil {
		return 0, err
	}
	given, err := listFiles(s.fs, s.snapDir, installPrefix+snapPrefix)
	if err != nil {
		return 0, err
	}
	z := r.highest()
	for _, f := range given {
		z = max(z, f.zxid)
	}
	return z, nil
}

// freeAside is a name that neither directory has.
func (s *Store) freeAside(wallMs int64) (string, error) {
	stem := damagedPrefix + time.UnixMilli(wallMs).UTC().Format("20060102T150405Z")
	for n, name := 1, stem; ; n, name = n+1, fmt.Sprintf("%s-%d", stem, n+1) {
		taken := false
		for _, dir := range s.dirs() {
			_, err := s.fs.Stat(filepath.Join(dir, name))
			switch {
			case err == nil:
				taken = true
			case !errors.Is(err, fs.ErrNotExist):
				return "", err
			}
		}
		if !taken {
			return name, nil
		}
	}
}

// EndQuarantine makes the history one that may be used again, durably. What was
// set aside stays. Without a quarantine it does nothing.
func (s *Store) EndQuarantine() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.quarantine == nil {
		return nil
	}
	if err := s.usable(); err != nil {
		return err
	}
	if err := s.endQuarantine(); err != nil {
		return s.fail(err)
	}
	return nil
}

func (s *Store) endQuarantine() error {
	path := filepath.Join(s.snapDir, quarantineName)
	if err := s.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("end the quarantine: %w", err)
	}
	if err := s.fs.SyncDir(s.snapDir); err != nil {
		return fmt.Errorf("sync %s: %w", s.snapDir, err)
	}
	s.quarantine = nil
	return nil
}

// Quarantined is why the history must not be used, nil when it may be. It is
// known after Recover.
func (s *Store) Quarantined() *Quarantine {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.quarantine == nil {
		return nil
	}
	q := *s.quarantine
	return &q
}

// replaceable says why the history may not be replaced, nor an epoch written:
// what usable says, but that a quarantined one need not have been readable.
func (s *Store) replaceable() error {
	if s.quarantine != nil && s.err == nil && !s.closed {
		return nil
	}
	return s.usable()
}

// clearAway takes the logs or snapshots of a directory out of the history, the
// newest first: into quarantine's directory, or for good.
func (s *Store) clearAway(dir, prefix string) error {
	if s.quarantine == nil || s.quarantine.Aside == "" {
		return s.removeAll(dir, prefix)
	}
	files, err := listFiles(s.fs, dir, prefix)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(files))
	for i := len(files) - 1; i >= 0; i-- {
		names = append(names, files[i].name)
	}
	return s.moveTo(dir, s.quarantine.Aside, names)
}

// acceptQuarantine lets the operator's word end a quarantine in which nothing on
// the disk is damaged: Config.AcceptDataLoss is the zxid behind the history's.
func (r *recovery) acceptQuarantine() {
	q := r.s.quarantine
	if q == nil || r.out.Lost != nil || r.s.cfg.AcceptDataLoss != max(r.last, 0)+1 {
		return
	}
	r.s.log.Error("data loss accepted by the operator", "from", r.s.cfg.AcceptDataLoss, "quarantine", q.Why)
	r.out.Lost = &DamageError{File: filepath.Join(r.s.snapDir, quarantineName), FirstZxid: max(r.last, 0) + 1, LastZxid: q.Seen, Cause: q.Why, Acceptable: true}
}
