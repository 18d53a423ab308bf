//go:build !linux

package server

// descriptors are not counted here: −1 says so.
func descriptors() (open, most int64) { return -1, -1 }
