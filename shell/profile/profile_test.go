package profile

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := map[string]string{"XDG_CONFIG_HOME": dir, "ZK_PASSWORD": "from env"}
	getenv := func(k string) string { return env[k] }
	place := Place(getenv)
	if place != filepath.Join(dir, "zkcli", "config.yaml") {
		t.Fatal(place)
	}
	if f, err := Load(place); err != nil || len(f.Names()) != 0 {
		t.Errorf("a missing file: %+v, %v", f, err)
	}
	write(t, place, `
default: test
profiles:
  prod:
    servers: zk1:2181, zk2:2181
    chroot: /app
    color: red
    readonly: true
    protected: true
    undo: false
    pager: off
    session-timeout: 30s
    max-buffer: 4194304
    auth:
      - {scheme: digest, user: joe, password-file: secret}
      - {scheme: digest, user: ann, password-env: ZK_PASSWORD}
      - {scheme: digest, user: bob, password-command: "echo from command; echo more"}
      - {scheme: x509}
    tls:
      trust: ca.pem
      key: /keys/client.p12
      key-password-env: ZK_PASSWORD
      verify-hostname: false
  test:
    servers: [h1, "h2:2182"]
`)
	write(t, filepath.Join(dir, "zkcli", "secret"), "from file\r\nsecond line\n")
	f, err := Load(place)
	if err != nil {
		t.Fatal(err)
	}
	p := f.Profiles["prod"]
	if p.ConnectString() != "zk1:2181,zk2:2181/app" || f.Profiles["test"].ConnectString() != "h1,h2:2182" || f.Default != "test" {
		t.Errorf("servers %s, %s, default %s", p.ConnectString(), f.Profiles["test"].ConnectString(), f.Default)
	}
	if !p.ReadOnly || !p.Protected || p.Color != "red" || *p.Undo || p.Pager != "off" || p.SessionTimeout != 30*time.Second || p.MaxBuffer != 4<<20 {
		t.Errorf("%+v", p)
	}
	for i, want := range []string{"joe:from file", "ann:from env", "bob:from command", ""} {
		got, err := p.Auth[i].Identity(context.Background(), getenv)
		if string(got) != want || err != nil {
			t.Errorf("identity %d: %q, %v", i, got, err)
		}
	}
	o, err := p.TLS.Options(context.Background(), getenv)
	if err != nil || o.Trust.File != filepath.Join(dir, "zkcli", "ca.pem") || o.Key.File != "/keys/client.p12" || o.Key.Password != "from env" || !o.AnyHost {
		t.Errorf("tls: %+v, %v", o, err)
	}
	delete(env, "ZK_PASSWORD")
	if _, err := p.TLS.Options(context.Background(), getenv); err == nil || !strings.Contains(err.Error(), "ZK_PASSWORD is not set") {
		t.Errorf("a missing variable: %v", err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"profiles: {p: {servers: h, passwort: x}}", `line 1: there is no setting "passwort"`},
		{"profiles:\n  p:\n    servers: h\n    auth: [{scheme: digest, user: u, password: x}]", "line 4: password: a secret does not stand in this file"},
		{"profiles: {p: {servers: h, readonly: maybe}}", "is not true or false"},
		{"profiles: {p: {servers: h, session-timeout: 30}}", "30"},
		{"profiles: {p: {servers: h, connect-timeout: -1s}}", "connect-timeout: -1s is not from 1ms"},
		{"profiles: {p: {color: red, servers: ''}}", "profile p: it names no servers"},
		{"profiles: {p: }", "profile p: it names no servers"},
		{"profiles: {p: {servers: h, color: pink}}", `the color "pink" is none of red`},
		{"profiles: {p: {servers: h/a, chroot: /b}}", "the chroot stands both"},
		{"profiles: {p: {servers: h, chroot: b}}", "chroot: "},
		{"profiles: {'a/b': {servers: h}}", "the name cannot be used"},
		{"profiles: {p: {servers: h, auth: [{user: u}]}}", "entry 1 has no scheme"},
		{"profiles: {p: {servers: h, auth: [{scheme: digest, password-env: A, password-file: b}]}}", "a secret comes from one place"},
		{"profiles: {p: {servers: h, tls: {key-password-env: A, key-password-file: b}}}", "tls: key: a secret comes from one place"},
		{"default: q\nprofiles: {p: {servers: h}}", "default: there is no profile q"},
		{"profiles: [", "did not find"},
		{strings.Repeat("# much\n", maxFile/7+1), "longer than"},
	} {
		name := write(t, filepath.Join(t.TempDir(), "config.yaml"), c.text)
		_, err := Load(name)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), name) || strings.Contains(err.Error(), "profile.") {
			t.Errorf("%.60s: %v; want %q", c.text, err, c.want)
		}
	}
	name := write(t, filepath.Join(t.TempDir(), "config.yaml"), "profiles: {}")
	if err := os.Chmod(name, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(name); err == nil || !strings.Contains(err.Error(), "everybody can write it") {
		t.Errorf("writable: %v", err)
	}
	for _, s := range []Secret{{Command: "exit 3"}, {Command: "true"}, {File: filepath.Join(t.TempDir(), "none")}} {
		if _, err := s.Read(context.Background(), os.Getenv); err == nil {
			t.Errorf("%+v: no error", s)
		}
	}
}
