// Package profile reads zkcli's configuration: named profiles of servers with
// how to deal with them, in config.yaml of the directory zkcli in
// XDG_CONFIG_HOME, which is ~/.config when that is not set.
//
//	default: test                  # used when neither -server nor a profile is named
//	profiles:
//	  prod:
//	    servers: zk1:2181,zk2:2181 # or a list
//	    chroot: /app
//	    color: red                 # of the prompt
//	    readonly: true             # the session changes nothing
//	    protected: true            # at the prompt, what changes something asks for the name
//	    undo: false                # keep no journal of changes
//	    pager: off                 # or a command line that shows long results
//	    read-only-server: true     # a read-only server will do, as -r says
//	    session-timeout: 30s
//	    connect-timeout: 5s
//	    max-buffer: 4194304        # jute.maxbuffer of the servers, in bytes
//	    auth:
//	      - scheme: digest
//	        user: joe
//	        password-command: pass show zk # or password-file, password-env
//	    tls:
//	      trust: /etc/ssl/zk.pem   # PEM, PKCS12 or JKS; the system's authorities when left out
//	      trust-type: PKCS12       # when the name's ending does not tell
//	      trust-password-file: …   # or -env, -command
//	      key: client.p12          # the client's key and certificates
//	      key-type: PKCS12
//	      key-password-env: …      # or -file, -command
//	      cert: client.crt         # of a key in a PEM file of its own
//	      verify-hostname: false
//	      server-name: zk.example
//
// A secret never stands in the file: it comes from a file, the environment or
// the output of a command. File names are relative to the configuration's
// directory; ~/ is the home directory.
package profile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"zookit/protocol"
)

// File is a configuration.
type File struct {
	Name     string              `yaml:"-"` // of the file
	Default  string              `yaml:"default"`
	Profiles map[string]*Profile `yaml:"profiles"`
}

// Profile is one entry. Zero values mean that nothing was said.
type Profile struct {
	Name           string        `yaml:"-"`
	Servers        list          `yaml:"servers"`
	Chroot         string        `yaml:"chroot"`
	Color          string        `yaml:"color"`
	ReadOnly       bool          `yaml:"readonly"`
	Protected      bool          `yaml:"protected"`
	Undo           *bool         `yaml:"undo"`
	Pager          string        `yaml:"pager"`
	ReadOnlyServer bool          `yaml:"read-only-server"`
	SessionTimeout time.Duration `yaml:"session-timeout"`
	ConnectTimeout time.Duration `yaml:"connect-timeout"`
	MaxBuffer      int           `yaml:"max-buffer"` // bytes
	Auth           []Auth        `yaml:"auth"`
	TLS            *TLS          `yaml:"tls"`
}

// Auth is an identity of the session.
type Auth struct {
	Scheme   string `yaml:"scheme"`
	User     string `yaml:"user"`
	Password Secret `yaml:",inline"`
}

// TLS is how to speak to the secure client port.
type TLS struct {
	Trust        string `yaml:"trust"`
	TrustType    string `yaml:"trust-type"`
	TrustFile    string `yaml:"trust-password-file"`
	TrustEnv     string `yaml:"trust-password-env"`
	TrustCommand string `yaml:"trust-password-command"`
	Key          string `yaml:"key"`
	KeyType      string `yaml:"key-type"`
	KeyFile      string `yaml:"key-password-file"`
	KeyEnv       string `yaml:"key-password-env"`
	KeyCommand   string `yaml:"key-password-command"`
	Cert         string `yaml:"cert"`
	VerifyHost   *bool  `yaml:"verify-hostname"`
	ServerName   string `yaml:"server-name"`
}

// Names lists the profiles, sorted.
func (f *File) Names() []string {
	names := make([]string, 0, len(f.Profiles))
	for n := range f.Profiles {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// ConnectString is the servers with the chroot.
func (p *Profile) ConnectString() string { return strings.Join(p.Servers, ",") + p.Chroot }

// colors are what a terminal has a number for.
var colors = []string{"red", "green", "yellow", "blue", "magenta", "cyan"}

// check refuses what cannot work.
func (p *Profile) check() error {
	if strings.ContainsAny(p.Name, "/:, \t") || strings.HasPrefix(p.Name, "-") || p.Name == "" || p.Name == "file" {
		return fmt.Errorf("the name cannot be used: it has to be a word without / : and , and not \"file\"")
	}
	if len(p.Servers) == 0 || slices.Contains(p.Servers, "") {
		return fmt.Errorf("it names no servers; write servers: host:port[,host:port…]")
	}
	if p.Chroot != "" {
		if strings.Contains(p.ConnectString(), "/") && strings.Contains(strings.Join(p.Servers, ","), "/") {
			return fmt.Errorf("the chroot stands both behind the servers and by itself")
		}
		if err := protocol.ValidatePath(p.Chroot); err != nil {
			return fmt.Errorf("chroot: %w", err)
		}
	}
	if p.Color != "" && !slices.Contains(colors, p.Color) {
		return fmt.Errorf("the color %q is none of %s", p.Color, strings.Join(colors, ", "))
	}
	for name, d := range map[string]time.Duration{"session-timeout": p.SessionTimeout, "connect-timeout": p.ConnectTimeout} {
		if d < 0 || d > 24*24*time.Hour || d > 0 && d < time.Millisecond {
			return fmt.Errorf("%s: %v is not from 1ms to 576h", name, d)
		}
	}
	if p.MaxBuffer < 0 || p.MaxBuffer > 1<<30 {
		return fmt.Errorf("max-buffer: %d is not a number of bytes up to %d", p.MaxBuffer, 1<<30)
	}
	for i, a := range p.Auth {
		if a.Scheme == "" {
			return fmt.Errorf("auth: entry %d has no scheme", i+1)
		}
		if err := a.Password.check(); err != nil {
			return fmt.Errorf("auth: %s: %w", a.Scheme, err)
		}
	}
	return p.TLS.check()
}

func (t *TLS) check() error {
	if t == nil {
		return nil
	}
	for name, s := range map[string]Secret{"trust": t.trustPassword(), "key": t.keyPassword()} {
		if err := s.check(); err != nil {
			return fmt.Errorf("tls: %s: %w", name, err)
		}
	}
	return nil
}

func (t *TLS) trustPassword() Secret {
	return Secret{File: t.TrustFile, Env: t.TrustEnv, Command: t.TrustCommand}
}

func (t *TLS) keyPassword() Secret {
	return Secret{File: t.KeyFile, Env: t.KeyEnv, Command: t.KeyCommand}
}
