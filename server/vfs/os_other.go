//go:build !windows && (!unix || solaris || aix)

package vfs

import (
	"errors"
	"os"
)

func syncDir(string) error { return nil }

func lockFile(*os.File) error { return errors.ErrUnsupported }
