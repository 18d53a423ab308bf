package profile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"zookit/protocol/certs"
)

// maxSecret bounds a secret, in bytes; commandTimeout how long its command may
// take, a person asked for a passphrase included.
const (
	maxSecret      = 64 << 10
	commandTimeout = 2 * time.Minute
)

// Secret says where a secret is. The zero value is none.
type Secret struct {
	File    string `yaml:"password-file"`
	Env     string `yaml:"password-env"`
	Command string `yaml:"password-command"` // for the system's shell
}

func (s Secret) given() int {
	n := 0
	for _, text := range []string{s.File, s.Env, s.Command} {
		if text != "" {
			n++
		}
	}
	return n
}

func (s Secret) check() error {
	if s.given() > 1 {
		return errors.New("a secret comes from one place: a file, the environment or a command")
	}
	return nil
}

// Read gets the secret: the first line of the file or of the command's output,
// or the variable. The command may use the terminal to ask for something.
func (s Secret) Read(ctx context.Context, getenv func(string) string) (string, error) {
	switch {
	case s.Env != "":
		text := getenv(s.Env)
		if text == "" {
			return "", fmt.Errorf("the environment variable %s is not set", s.Env)
		}
		return text, nil
	case s.File != "":
		f, err := os.Open(s.File)
		if err != nil {
			return "", err
		}
		defer f.Close()
		return firstLine(s.File, f)
	case s.Command != "":
		ctx, cancel := context.WithTimeout(ctx, commandTimeout)
		defer cancel()
		cmd := exec.CommandContext(ctx, "sh", "-c", s.Command)
		cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
		var out bytes.Buffer
		cmd.Stdout = &out
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("%s: %w", s.Command, err)
		}
		return firstLine(s.Command, &out)
	}
	return "", nil
}

func firstLine(from string, r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxSecret {
		return "", fmt.Errorf("%s: a secret of more than %d bytes", from, maxSecret)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("%s: there is no secret in its first line", from)
	}
	return line, nil
}

// Identity is the bytes of an addauth: user:password, or either alone.
func (a Auth) Identity(ctx context.Context, getenv func(string) string) ([]byte, error) {
	password, err := a.Password.Read(ctx, getenv)
	if err != nil {
		return nil, err
	}
	if a.User != "" && a.Password.given() > 0 {
		return []byte(a.User + ":" + password), nil
	}
	return []byte(a.User + password), nil
}

// Options are the TLS options with their secrets.
func (t *TLS) Options(ctx context.Context, getenv func(string) string) (certs.Options, error) {
	o := certs.Options{
		Trust:    certs.Store{File: t.Trust, Type: t.TrustType},
		Key:      certs.Store{File: t.Key, Type: t.KeyType},
		CertFile: t.Cert, ServerName: t.ServerName,
		AnyHost: t.VerifyHost != nil && !*t.VerifyHost,
	}
	trust, err := t.trustPassword().Read(ctx, getenv)
	if err != nil {
		return o, err
	}
	key, err := t.keyPassword().Read(ctx, getenv)
	o.Trust.Password, o.Key.Password = certs.Secret(trust), certs.Secret(key)
	return o, err
}
