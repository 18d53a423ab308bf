package repl

import (
	"context"
	"io"
	"os"
	"strings"
)

// maxAnswer bounds an answer in bytes.
const maxAnswer = 4096

// ReadSecret is ReadAnswer for what nobody is to read over the shoulder: the terminal does not show what is typed, from
// before the question is asked.
func ReadSecret(ctx context.Context, in *os.File, ask func()) (string, error) {
	show, err := hideTyping(in)
	if err != nil {
		return "", err
	}
	defer show()
	ask()
	return ReadAnswer(ctx, in)
}

// ReadAnswer reads one line from in for a command that has asked something, and returns it without its newline.
// It takes no byte beyond the newline, and ends with the cause of ctx when that ends first: Ctrl-C at a question
// answers it. io.EOF means that there is no answer (Ctrl-D).
func ReadAnswer(ctx context.Context, in *os.File) (string, error) {
	var line []byte
	for {
		b, err := readByte(ctx, in)
		switch {
		case err != nil && len(line) > 0 && err == io.EOF:
			return string(line), nil
		case err != nil:
			return "", err
		case b == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case len(line) < maxAnswer:
			line = append(line, b)
		}
	}
}
