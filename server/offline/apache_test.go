package offline_test

import (
	"archive/tar"
	"bytes"
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
	"zookit/server/offline"
)

const apacheDirs = "../../testdata/apache-datadirs"

// served is a znode as Apache answered for it just before it was stopped.
type served struct {
	Path string  `json:"path"`
	Data *string `json:"data"` // base64; null for null
	Stat *struct {
		Czxid, Mzxid, Pzxid         protocol.Zxid
		Ctime, Mtime                int64
		Version, Cversion, Aversion int32
		Eo                          protocol.SessionID
		Dlen, Nch                   int32
	} `json:"stat"`
}

func unpack(t *testing.T, name string) (dir string, tree []served) {
	t.Helper()
	dir = t.TempDir()
	tr := tar.NewReader(gunzip(t, filepath.Join(apacheDirs, name+".tar.gz")))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		if h.Typeflag != tar.TypeReg {
			continue
		}
		to := filepath.Join(dir, filepath.FromSlash(h.Name))
		must(t, os.MkdirAll(filepath.Dir(to), 0o777))
		b, err := io.ReadAll(tr)
		must(t, err)
		must(t, os.WriteFile(to, b, 0o444))
	}
	var state struct{ Tree []served }
	must(t, json.NewDecoder(gunzip(t, filepath.Join(apacheDirs, name+".json.gz"))).Decode(&state))
	return filepath.Join(dir, name), state.Tree
}

func gunzip(t *testing.T, name string) io.Reader {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	gz, err := gzip.NewReader(bytes.NewReader(b))
	must(t, err)
	return gz
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestApacheDirectories: what is read of each directory is what Apache answered
// its clients, data and every field of the Stats; and nothing in the directory
// has changed, which for this test may not even be written to.
func TestApacheDirectories(t *testing.T) {
	t.Parallel()
	all, err := filepath.Glob(filepath.Join(apacheDirs, "*.tar.gz"))
	if err != nil || len(all) < 5 {
		t.Fatal(all, err)
	}
	for _, path := range all {
		name := strings.TrimSuffix(filepath.Base(path), ".tar.gz")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, tree := unpack(t, name)
			if name == "separate" {
				dir += "," + filepath.Join(dir, "logs")
			}
			d, err := offline.Open(dir)
			must(t, err)
			must(t, d.Load())
			if len(d.Notes()) > 0 {
				t.Errorf("notes: %q", d.Notes())
			}
			for _, want := range tree {
				data, _, st, _, ok := d.Znode(want.Path)
				if !ok {
					t.Errorf("%s is missing", want.Path)
					continue
				}
				if want.Data == nil != (data == nil) || want.Data != nil && *want.Data != base64.StdEncoding.EncodeToString(data) {
					t.Errorf("%s: data %q, Apache served %v", want.Path, data, want.Data)
				}
				w := want.Stat
				if w == nil {
					continue
				}
				if got := (protocol.Stat{Czxid: w.Czxid, Mzxid: w.Mzxid, Ctime: w.Ctime, Mtime: w.Mtime, Version: w.Version,
					Cversion: w.Cversion, Aversion: w.Aversion, EphemeralOwner: w.Eo, DataLength: w.Dlen, NumChildren: w.Nch, Pzxid: w.Pzxid}); got != st {
					t.Errorf("%s: read %+v, Apache served %+v", want.Path, st, got)
				}
			}
			if len(tree) < 8 {
				t.Errorf("only %d znodes compared", len(tree))
			}
		})
	}
}
