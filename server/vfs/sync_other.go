//go:build !linux

package vfs

import "os"

// dataSync is os.File.Sync: F_FULLFSYNC on macOS, FlushFileBuffers on Windows.
func dataSync(f *os.File) error { return f.Sync() }
