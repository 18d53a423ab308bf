package repl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"zookit/shell/filelock"
)

const (
	// maxHistory bounds the history file in bytes; when it has grown beyond, its older half is dropped.
	maxHistory = 1 << 20
	// maxHistoryLine bounds one line of it; a longer one is kept in memory only.
	maxHistoryLine = 16 << 10
)

// history is the file that keeps lines across runs: one line each, oldest first. Several shells may append to it;
// each line is written at once, under a lock, so none is lost.
type history struct {
	file string // "" when nothing is kept
	keep func(line string) bool
}

var errNotRegular = errors.New("not an ordinary file")

// KeepInHistory is the default of Options.Keep: it leaves out lines that carry a secret (addauth, digest) and those
// that begin with a blank.
func KeepInHistory(line string) bool {
	first := strings.Fields(line)
	return len(first) > 0 && first[0] != "addauth" && first[0] != "digest" && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t")
}

// load returns the lines kept by earlier runs, oldest first.
func (h *history) load() ([]string, error) {
	if h.file == "" {
		return nil, nil
	}
	info, err := os.Stat(h.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", h.file, errNotRegular) // opening a pipe would wait for its other end
	}
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	f, err := os.Open(h.file)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	defer f.Close()
	b, err := tail(f, maxHistory)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	var lines []string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\r\n")
		if line = printable(strings.ToValidUTF8(line, "\uFFFD")); strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(len(lines)-maxLines, 0):], nil
}

// add appends a line to the file, when it is one to keep.
func (h *history) add(line string) error {
	if h.file == "" || len(line) > maxHistoryLine || !utf8.ValidString(line) || !h.keep(line) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(h.file), 0o700); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	f, err := os.OpenFile(h.file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	defer f.Close()
	if err := appendLine(f, line); err != nil {
		return fmt.Errorf("history: %s: %w", h.file, err)
	}
	return nil
}

// appendLine appends to a file other shells append to as well, and halves it when it has grown too long.
func appendLine(f *os.File, line string) error {
	unlock, locked := filelock.Lock(f)
	if locked {
		defer unlock()
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errNotRegular
	}
	if info.Mode().Perm()&0o077 != 0 {
		_ = f.Chmod(0o600) // made by somebody else: lines may name what others are not to see
	}
	if locked && info.Size()+int64(len(line)) >= maxHistory {
		kept, err := tail(f, maxHistory/2)
		if err != nil {
			return err
		}
		if err := f.Truncate(0); err != nil {
			return err
		}
		if _, err := f.Write(kept); err != nil {
			return err
		}
	}
	_, err = f.WriteString(line + "\n")
	return err
}

// tail returns the whole lines in the last n bytes of f.
func tail(f *os.File, n int64) ([]byte, error) {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	from := max(end-n, 0)
	b := make([]byte, end-from)
	got, err := f.ReadAt(b, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	b = b[:got]
	if from > 0 {
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	return b, nil
}
