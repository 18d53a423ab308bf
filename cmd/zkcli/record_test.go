//go:build record

package main_test

import (
	"path/filepath"
	"strings"
	"testing"

	"zookit/server/zktest/apache"
)

// TestRecordApache rewrites the recordings of Apache's shell on Apache's server,
// with a process for each command: go test -tags record -run TestRecordApache
// ./cmd/zkcli takes minutes.
func TestRecordApache(t *testing.T) {
	apache.Need(t)
	serve := apacheServer(t)
	for _, s := range conformanceScripts(t) {
		t.Run(s.name, func(t *testing.T) {
			outs := shellPlayer{javaShell}.play(t, serve(t), s.lines)
			for i := range s.lines {
				if e := &s.lines[i]; e.runs() {
					e.want, outs = outs[0].withoutNoise(), outs[1:]
				}
			}
			s.write(t, filepath.Join(recordingDir, s.name+".txt"))
		})
	}
}

// withoutNoise keeps recordings readable: what no rule compares stays out.
func (o outcome) withoutNoise() outcome {
	for _, r := range rules {
		if strings.HasPrefix(r.why, "Debian") || strings.HasPrefix(r.why, "events") {
			o.stdout, o.stderr = r.apply(o.stdout), r.apply(o.stderr)
		}
	}
	return o
}
