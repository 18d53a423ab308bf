package render

import (
	"strings"
	"testing"
)

// A table becomes plain where its frame does not fit, and loses columns where
// that does not fit, either; each form is taken to its last column.
func TestFitTable(t *testing.T) {
	t.Parallel()
	header := []string{"server", "id", "mode", "zxid"}
	rows := [][]string{{"本:1", "1", "leader", "0x1"}, {"b:22", "2", "a\tb.", "0x22"}}
	const (
		framed = "│ server │ id │  mode  │ zxid │"
		plain  = "server  id  mode    zxid\n本:1     1  leader  0x1\nb:22     2  a\\tb.   0x22\n"
		less   = "server  mode\n本:1    leader\nb:22    a\\tb.\n"
	)
	for _, tt := range []struct {
		columns int
		want    string
	}{{0, framed}, {31, framed}, {30, plain}, {24, plain}, {23, "server  id  mode\n"}, {18, "server  id  mode\n"}, {17, less}, {14, less}, {13, less}, {1, less}} {
		b, err := FitTable(header, rows, tt.columns, []string{"zxid", "none", "id"})
		if got := string(b); err != nil || !strings.Contains(got, tt.want) || strings.Contains(got, "│") != (tt.want == framed) {
			t.Errorf("%d columns: %v\n%s\nwant\n%s", tt.columns, err, got, tt.want)
		}
	}
	if header[3] != "zxid" || rows[0][3] != "0x1" {
		t.Errorf("the caller's rows have changed: %q %q", header, rows)
	}
}
