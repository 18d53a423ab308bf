package ctl

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"zookit/server/storage"
)

// TestExitCodeOfDisks: a disk that fails while a server starts is told like one
// that fails later, with what to do; a path or a right that is wrong is not.
func TestExitCodeOfDisks(t *testing.T) {
	t.Parallel()
	at := func(errno error) error {
		return fmt.Errorf("sync log.1: %w", &fs.PathError{Op: "fdatasync", Path: "log.1", Err: errno})
	}
	for _, tt := range []struct {
		err  error
		code int
		hint bool
	}{
		{at(syscall.EIO), ExitDamage, true},
		{at(syscall.ENOSPC), ExitDamage, true},
		{fmt.Errorf("append: %w", storage.ErrFailed), ExitDamage, false},
		{at(syscall.EACCES), ExitUnexpected, false},
		{errors.New("anything else"), ExitUnexpected, false},
	} {
		var said strings.Builder
		code := refuse(Env{Stderr: &said}, tt.err)
		if hint := strings.Contains(said.String(), "free space"); code != tt.code || hint != tt.hint {
			t.Errorf("%v: exit code %d, want %d; said %q", tt.err, code, tt.code, said.String())
		}
	}
}
