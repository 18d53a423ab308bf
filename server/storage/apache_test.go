package storage

import (
	"archive/tar"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server/vfs"
)

// apacheDirs are data directories that Apache 3.8.0 wrote, each a .tar.gz with
// <name>/version-2 in it, and beside it a .json.gz with the last zxid that Apache
// acknowledged and the tree it served in the end.
const apacheDirs = "../../testdata/apache-datadirs"

// apacheState is what a .json.gz says.
type apacheState struct {
	Acked protocol.Zxid `json:"acked"`
	Tree  []struct {
		Path string  `json:"path"`
		Data *string `json:"data"` // base64; null for a null buffer
	} `json:"tree"`
}

// unpack puts an archive under /data and reads what belongs to it.
func unpack(t testing.TB, fsys vfs.FS, name string) apacheState {
	t.Helper()
	f, err := os.Open(filepath.Join(apacheDirs, name+".tar.gz"))
	must(t, err)
	defer f.Close()
	gz, err := gzip.NewReader(f)
	must(t, err)
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		rel, ok := strings.CutPrefix(h.Name, name+"/")
		if !ok || h.Typeflag != tar.TypeReg {
			continue
		}
		b, err := io.ReadAll(tr)
		must(t, err)
		putFile(t, fsys, filepath.Join(dataDir, filepath.FromSlash(rel)), b)
	}
	jf, err := os.Open(filepath.Join(apacheDirs, name+".json.gz"))
	must(t, err)
	defer jf.Close()
	gz, err = gzip.NewReader(jf)
	must(t, err)
	var st apacheState
	must(t, json.NewDecoder(gz).Decode(&st))
	return st
}

func apacheNames(t testing.TB) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(apacheDirs, "*.tar.gz"))
	must(t, err)
	if len(list) == 0 {
		t.Fatal("no directories in " + apacheDirs)
	}
	var out []string
	for _, p := range list {
		out = append(out, strings.TrimSuffix(filepath.Base(p), ".tar.gz"))
	}
	return out
}

// TestApacheDirectories recovers every directory from its newest snapshot,
// then from each older one: all reach the same zxid, which covers everything
// acknowledged, and none is taken for damaged. The history is contiguous
// (recovery refuses gaps), and our own appends go on behind it.
func TestApacheDirectories(t *testing.T) {
	t.Parallel()
	for _, name := range apacheNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := vfs.NewMem()
			want := unpack(t, fsys, name)
			cfg := memConfig(fsys)
			if name == "separate" {
				cfg.LogDir = filepath.Join(dataDir, "logs")
			}
			for round := 0; ; round++ {
				s, err := Open(cfg)
				must(t, err)
				st := newState()
				rec, err := s.Recover(st)
				if err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				if rec.LastZxid < want.Acked {
					t.Fatalf("round %d: recovered to %v, Apache had acknowledged %v", round, rec.LastZxid, want.Acked)
				}
				if rec.SnapshotZxid == 0 {
					checkCreated(t, st, want)
					if name == "killed-twice" {
						checkTrimmed(t, fsys)
					}
					next := rec.LastZxid + 1
					must(t, s.Append([]Entry{entry(next, 10)}))
					must(t, s.Close())
					_, _, rec = mustOpen(t, cfg)
					if rec.LastZxid != next {
						t.Fatalf("after an append: %v", rec.LastZxid)
					}
					return
				}
				must(t, s.Close())
				must(t, fsys.Remove(rec.Snapshot))
				// Every trim has been done: what stays is read again from further back.
			}
		})
	}
}

// checkCreated finds every znode that creates alone have made, with its data,
// unless it was set later (the little tree of these tests knows creates only).
func checkCreated(t *testing.T, st *state, want apacheState) {
	t.Helper()
	checked := 0
	for _, n := range want.Tree {
		got, ok := st.nodes[n.Path]
		if !ok || strings.HasPrefix(n.Path, "/zookeeper") || n.Path == "/a" {
			continue
		}
		data := ""
		if n.Data != nil {
			b, err := base64.StdEncoding.DecodeString(*n.Data)
			must(t, err)
			data = string(b)
		}
		if got != data {
			t.Errorf("%s: %d bytes, want %d", n.Path, len(got), len(data))
		}
		checked++
	}
	if checked < 8 {
		t.Errorf("only %d znodes compared", checked)
	}
}

// checkTrimmed: the two torn logs end with their last whole record, so that
// Apache reads them too, and what was cut off is kept.
func checkTrimmed(t *testing.T, fsys vfs.FS) {
	t.Helper()
	for name, copied := range map[string]string{"log.1": "trimmed-log.1-965113", "log.6e": "trimmed-log.6e-227764"} {
		lr, err := OpenLog(fsys, inVersion(name))
		must(t, err)
		for lr.Next() {
		}
		must(t, lr.Err())
		if end := lr.End(); end.Kind != EndClean || end.Offset != end.Size {
			t.Errorf("%s: %+v", name, end)
		}
		must(t, lr.Close())
		if b := readFile(t, fsys, inVersion(copied)); len(b) < 9000 {
			t.Errorf("%s: %d bytes", copied, len(b))
		}
	}
}
