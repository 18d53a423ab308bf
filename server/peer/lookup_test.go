package peer_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestCVE2026_24281NobodyAsksForNames: no name is looked up from an address, by
// which whoever answers for that address could choose what a certificate has to
// name. Nothing of what the server is made of has a call that could.
func TestCVE2026_24281NobodyAsksForNames(t *testing.T) {
	t.Parallel()
	looked := 0
	for _, root := range []string{"..", "../../protocol"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			looked++
			ast.Inspect(f, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && id.Name == "LookupAddr" {
					t.Errorf("%s looks a name up from an address", path)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if looked < 100 {
		t.Errorf("only %d files were read", looked)
	}
}
