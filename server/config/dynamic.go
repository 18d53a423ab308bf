package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"zookit/protocol/quorum"
	"zookit/server/vfs"
)

// Files are zoo.cfg and the files beside it that a changing ensemble writes
// (QuorumPeerConfig and QuorumPeer.setQuorumVerifier of Apache 3.9.5):
//
//	zoo.cfg                 without server lines, with dynamicConfigFile=…
//	zoo.cfg.dynamic.HEX     server, group and weight lines, sorted; HEX is the version
//	zoo.cfg.dynamic.next    a configuration that is proposed, with a version line
//	zoo.cfg.bak             zoo.cfg as it was at the start, while it had the server lines
//
// Every file is complete and synced before it has its name.
type Files struct {
	FS   vfs.FS
	File string // zoo.cfg
}

// Backup copies zoo.cfg to zoo.cfg.bak.
func (f *Files) Backup(text string) error {
	return f.write(f.File+".bak", []byte(text))
}

// SaveNext keeps a configuration that is proposed. Our server reads it nowhere:
// its log says what was proposed to it. Apache does, when it takes the place.
func (f *Files) SaveNext(c *quorum.Config) error {
	return f.write(f.File+nextSuffix, dynamicText(c, true))
}

// Save keeps a configuration that is in force, and has zoo.cfg name it. client
// says that the client port of this server is in its server line, so that
// zoo.cfg must not have one.
func (f *Files) Save(c *quorum.Config, client bool) error {
	dynamic, err := filepath.Abs(fmt.Sprintf("%s.dynamic.%x", f.File, uint64(c.Version)))
	if err != nil {
		return err
	}
	if err := f.write(dynamic, dynamicText(c, false)); err != nil {
		return err
	}
	text, err := f.read(f.File)
	if err != nil {
		return err
	}
	edited, err := pointTo(text, dynamic, client)
	if err != nil {
		return fmt.Errorf("%s: %w", f.File, err)
	}
	if err := f.write(f.File, edited); err != nil {
		return err
	}
	if err := f.FS.Remove(f.File + nextSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.FS.SyncDir(filepath.Dir(f.File))
}

// dynamicText are the lines of a dynamic configuration file, in the order of
// their text and without an end of the last.
func dynamicText(c *quorum.Config, version bool) []byte {
	lines := strings.Split(c.String(), "\n")
	if !version {
		lines = slices.DeleteFunc(lines, func(s string) bool { return strings.HasPrefix(s, "version=") })
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, "\n"))
}

// pointTo is the text of a zoo.cfg with dynamicConfigFile at its end, and
// without the lines that the named file has. Differs from Apache: comments and
// the order of the other lines stay.
func pointTo(text []byte, dynamic string, client bool) ([]byte, error) {
	var out []byte
	r := lineReader{text: text, line: 1}
	done := 0
	for {
		raw, line, ok := r.next()
		if !ok {
			break
		}
		p, why := splitProperty(raw)
		if why != "" {
			return nil, fmt.Errorf("line %d: %s", line, why)
		}
		moved := isMemberKey(p.Key) || p.Key == "dynamicConfigFile" || p.Key == "peerType" ||
			client && (p.Key == "clientPort" || p.Key == "clientPortAddress")
		if moved {
			out = append(out, text[done:r.start]...)
			done = r.pos
		}
	}
	out = append(out, text[done:]...)
	if len(out) > 0 && !bytes.HasSuffix(out, []byte("\n")) {
		out = append(out, '\n')
	}
	if last := bytes.TrimRight(out, "\r\n"); len(last) > 0 && continued(last[bytes.LastIndexByte(last, '\n')+1:]) {
		out = append(out, '\n') // the last line would go on with ours
	}
	return append(out, "dynamicConfigFile="+escapeValue(filepath.ToSlash(dynamic))+"\n"...), nil
}

// escapeValue writes a value so that java.util.Properties, and this package,
// read it back.
func escapeValue(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\' || r == '#':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r > '~' && r <= 0xffff:
			b.WriteString(`\u` + fmt.Sprintf("%04x", r))
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (f *Files) read(name string) ([]byte, error) {
	in, err := f.FS.Open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = errors.New(name + ": more than " + strconv.Itoa(maxFileBytes) + " bytes")
	}
	return text, err
}

// write makes a file of that content, with the permissions of the one that it
// replaces.
func (f *Files) write(name string, text []byte) (err error) {
	mode := fs.FileMode(0o644)
	for _, like := range []string{name, f.File} {
		if info, err := f.FS.Stat(like); err == nil {
			mode = info.Mode().Perm()
			break
		}
	}
	temporary := name + ".tmp"
	out, err := f.FS.Open(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	if err == nil {
		err = out.Sync()
	}
	err = errors.Join(err, out.Close())
	if err == nil {
		err = f.FS.Rename(temporary, name)
	}
	if err != nil {
		_ = f.FS.Remove(temporary)
		return err
	}
	return f.FS.SyncDir(filepath.Dir(name))
}
