package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"zookit/shell/filelock"
)

// file is one file of the journal, named for the numbers of the changes in it.
type file struct{ first, last int }

func (f file) changes() int { return f.last - f.first + 1 }

func (f file) name() string {
	if f.first == f.last {
		return fmt.Sprintf("%06d%s", f.first, suffix)
	}
	return fmt.Sprintf("%06d-%06d%s", f.first, f.last, suffix)
}

func (j *Journal) path(f file) string { return filepath.Join(j.dir, f.name()) }

// files lists what there is, ascending.
func (j *Journal) files() ([]file, error) {
	entries, err := os.ReadDir(j.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []file
	for _, e := range entries {
		numbers, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok {
			continue
		}
		from, to, pack := strings.Cut(numbers, "-")
		if !pack {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err == nil && err2 == nil && first > 0 && last >= first && pack == (first != last) {
			list = append(list, file{first, last})
		}
	}
	slices.SortFunc(list, func(a, b file) int { return cmp.Compare(a.first, b.first) })
	return list, nil
}

// fileOf is the file that holds a change; fs.ErrNotExist when none does.
func (j *Journal) fileOf(number int) (file, error) {
	files, err := j.files()
	if err != nil {
		return file{}, err
	}
	for _, f := range files {
		if f.first <= number && number <= f.last {
			return f, nil
		}
	}
	return file{}, fmt.Errorf("journal: change %d: %w", number, fs.ErrNotExist)
}

// create makes the file of the next changes. The number of one that was taken
// back is not given again.
func (j *Journal) create(changes int) (*os.File, file, error) {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return nil, file{}, err
	}
	defer j.lock()()
	files, err := j.files()
	if err != nil {
		return nil, file{}, err
	}
	first := j.last() + 1
	if n := len(files); n > 0 {
		first = max(first, files[n-1].last+1)
	}
	for {
		at := file{first, first + changes - 1}
		f, err := os.OpenFile(j.path(at), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return f, at, err
		}
		first++ // another shell was first, where there are no locks
	}
}

// lock keeps other shells from giving the same numbers, as far as the file
// system has locks.
func (j *Journal) lock() (unlock func()) {
	f, err := os.OpenFile(filepath.Join(j.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return func() {}
	}
	release, ok := filelock.Lock(f)
	return func() {
		if ok {
			release()
		}
		f.Close()
	}
}
