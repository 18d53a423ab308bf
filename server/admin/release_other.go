//go:build !linux

package admin

func release() string { return "unknown" }
