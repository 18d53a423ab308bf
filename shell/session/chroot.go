package session

import "strings"

// abs puts the chroot before a path.
func (s *Session) abs(path string) string {
	switch {
	case s.chroot == "":
		return path
	case path == "/":
		return s.chroot
	}
	return s.chroot + path
}

// rel takes the chroot off a server's path. A path outside it stays whole: the
// configuration's watch, for one, fires with an absolute path.
func (s *Session) rel(path string) string { return relative(s.chroot, path) }

func relative(chroot, path string) string {
	switch {
	case chroot == "" || !inside(chroot, path):
		return path
	case path == chroot:
		return "/"
	}
	return path[len(chroot):]
}

// inside tells whether a server's path is the chroot or below it.
func inside(chroot, path string) bool {
	return strings.HasPrefix(path, chroot) && (len(path) == len(chroot) || chroot == "" || path[len(chroot)] == '/')
}
