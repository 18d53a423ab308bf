package walk

import "strings"

// Resolve is the absolute path that a person means by text when dir is where
// they are: what does not begin with a slash is below dir, the elements . and ..
// are followed (.. of the root is the root), and a slash at the end is none. It
// checks nothing: an empty element stays, to be refused as part of a path. ""
// stays "".
func Resolve(dir, text string) string {
	if text == "" {
		return ""
	}
	if text[0] != '/' {
		text = strings.TrimSuffix(dir, "/") + "/" + text
	}
	elements := strings.Split(text[1:], "/")
	if last := len(elements) - 1; elements[last] == "" {
		elements = elements[:last]
	}
	var path []string
	for _, e := range elements {
		switch {
		case e == ".":
		case e == ".." && len(path) > 0:
			path = path[:len(path)-1]
		case e != "..":
			path = append(path, e)
		}
	}
	return "/" + strings.Join(path, "/")
}
