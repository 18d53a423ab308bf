package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// CheckDirs looks at the directories a configuration names before anything is opened: a missing one must be allowed to
// be made, an existing one must be a directory that can be written. It creates nothing but a probe file, which it
// removes. The error is a *DirError.
func (c *Config) CheckDirs() error {
	dirs := []struct{ key, dir, literal string }{
		{"dataDir", c.DataDir, c.literalDirs[0]},
		{"dataLogDir", c.DataLogDir, c.literalDirs[1]},
	}
	if c.DataLogDir == c.DataDir {
		dirs = dirs[:1]
	}
	for _, d := range dirs {
		if err := checkCommentDir(d.key, d.dir, d.literal); err != nil {
			return err
		}
		if err := c.checkDir(d.key, d.dir); err != nil {
			return err
		}
	}
	return nil
}

// checkCommentDir refuses when Apache has made a directory with the comment in its name: the data is there.
func checkCommentDir(key, dir, literal string) error {
	if literal == "" || literal == dir {
		return nil
	}
	if _, err := os.Stat(literal); err != nil {
		return nil
	}
	return &DirError{Key: key, Dir: dir,
		Why:  fmt.Sprintf("there is also a directory named %q, the comment included, as Apache would have made it", literal),
		Mend: "rename that directory and put the comment on a line of its own"}
}

func (c *Config) checkDir(key, dir string) error {
	// Apache keeps everything one level below.
	inner := filepath.Join(dir, "version-2")
	for _, path := range []string{dir, inner} {
		info, err := os.Stat(path)
		switch {
		case err == nil && !info.IsDir():
			return &DirError{Key: key, Dir: dir, Why: fmt.Sprintf("%s is not a directory", printable(path)), Mend: "name a directory"}
		case err == nil && path == dir:
			// Only version-2 is written to; the directory around it may belong to someone else.
		case err == nil:
			if err := probe(path); err != nil {
				return &DirError{Key: key, Dir: dir, Why: fmt.Sprintf("%s cannot be written: %s", printable(path), cause(err)), Mend: "make it writable for " + user(), Err: err}
			}
		case errors.Is(err, fs.ErrNotExist):
			if !c.AutoCreateDirs {
				return &DirError{Key: key, Dir: dir, Why: fmt.Sprintf("%s is missing, and datadir.autocreate is false", printable(path)), Mend: "make it, or mend the path"}
			}
			return checkParent(key, dir, path)
		case errors.Is(err, syscall.ENOTDIR):
			return checkParent(key, dir, path)
		default:
			return &DirError{Key: key, Dir: dir, Why: cause(err), Mend: "mend the path or its permissions", Err: err}
		}
	}
	return nil
}

// checkParent finds the nearest existing ancestor of a missing directory and refuses when none can be made in it.
func checkParent(key, dir, path string) error {
	for {
		parent := filepath.Dir(path)
		if parent == path {
			return nil
		}
		path = parent
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
			continue
		case err != nil:
			return &DirError{Key: key, Dir: dir, Why: fmt.Sprintf("%s: %s", printable(path), cause(err)), Mend: "mend the path or its permissions", Err: err}
		case !info.IsDir():
			return &DirError{Key: key, Dir: dir, Why: fmt.Sprintf("%s is not a directory", printable(path)), Mend: "mend the path"}
		}
		if err := probe(path); err != nil {
			return &DirError{Key: key, Dir: dir, Why: fmt.Sprintf("it cannot be made in %s: %s", printable(path), cause(err)), Mend: "make it yourself, writable for " + user(), Err: err}
		}
		return nil
	}
}

// probe writes and removes a file: permissions, read-only mounts and full inode tables all show.
func probe(dir string) error {
	f, err := os.CreateTemp(dir, ".zkserver-probe-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// cause is the operating system's word for an error, without the path it repeats.
func cause(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

func user() string {
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	return fmt.Sprintf("user id %d", os.Getuid())
}
