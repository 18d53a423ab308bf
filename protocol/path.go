package protocol

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// PathError tells why a path is not one; its text is Apache's
// (PathUtils.validatePath in 3.9).
type PathError struct {
	Path   string
	Reason string
	Index  int // of the offending character in UTF-16 units, −1 when the path as a whole is meant
}

func (e *PathError) Error() string {
	if e.Index < 0 {
		return e.Reason
	}
	return fmt.Sprintf("Invalid path string %q caused by %s @%d", unquoted(e.Path), e.Reason, e.Index)
}

// unquoted keeps Apache's text: quotation marks around, nothing escaped.
type unquoted string

func (u unquoted) Format(f fmt.State, _ rune) { fmt.Fprint(f, `"`+string(u)+`"`) }

// Is makes every bad path match BadArguments, as the server answers it.
func (e *PathError) Is(target error) bool { return target == BadArguments }

// ValidatePath checks an absolute path: it starts with a slash, does not end
// with one, has no empty, "." or ".." element and no character that Apache
// refuses (U+0000–001F, 007F–009F, D800–F8FF, FFF0–FFFF; a character beyond
// U+FFFF is a surrogate pair to Java and refused with the rest).
func ValidatePath(path string) error {
	whole := func(reason string) error { return &PathError{Path: path, Reason: reason, Index: -1} }
	switch {
	case path == "":
		return whole("Path length must be > 0")
	case path[0] != '/':
		return whole("Path must start with / character")
	case path == "/":
		return nil
	case path[len(path)-1] == '/':
		return whole("Path must not end with / character")
	}
	if plainPath(path) {
		return nil
	}
	return scanPath(path)
}

// ValidateSequentialPath checks a path that will get a sequence number, so
// that "/queue/" is one.
func ValidateSequentialPath(path string) error { return ValidatePath(path + "1") }

// plainPath accepts the paths almost everybody uses without looking at them
// character by character in UTF-16: printable ASCII without "//" and "/.".
func plainPath(path string) bool {
	prev := byte('/')
	for i := 1; i < len(path); i++ {
		c := path[i]
		if c < 0x20 || c >= 0x7f || prev == '/' && (c == '/' || c == '.') {
			return false
		}
		prev = c
	}
	return true
}

// scanPath finds what is wrong with a path, counting in UTF-16 units as Java
// does; the element rules look back at what ended at a slash.
func scanPath(path string) error {
	fault := func(at int, reason string) error { return &PathError{Path: path, Reason: reason, Index: at} }
	start := 0 // byte offset of the slash that opened the current element
	index := 0 // of the current character, in UTF-16 units
	for i := 0; i < len(path); {
		r, size := utf8.DecodeRuneInString(path[i:])
		if i > 0 {
			switch {
			case r == 0:
				return fault(index, "null character not allowed")
			case r == '/' && start == i-1:
				return fault(index, "empty node name specified")
			case r == '/' && relative(path[start+1:i]):
				return fault(index-1, "relative paths not allowed")
			case forbidden(r, size):
				return fault(index, "invalid character")
			}
			if r == '/' {
				start = i
			}
		}
		index++
		if r > 0xffff {
			index++
		}
		i += size
	}
	if relative(path[start+1:]) {
		return fault(index-1, "relative paths not allowed")
	}
	return nil
}

func relative(element string) bool { return element == "." || element == ".." }

func forbidden(r rune, size int) bool {
	return r < 0x20 || r >= 0x7f && r <= 0x9f || r >= 0xd800 && r <= 0xf8ff || r >= 0xfff0 ||
		r == utf8.RuneError && size == 1
}

// Parent is the path above: "/" for "/a", "" for "/".
func Parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	switch {
	case i < 0 || path == "/":
		return ""
	case i == 0:
		return "/"
	}
	return path[:i]
}

// Base is the last element of a path: "" for "/".
func Base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// Join puts a child's name under a path.
func Join(parent, name string) string {
	if parent == "/" {
		return "/" + name
	}
	return parent + "/" + name
}
