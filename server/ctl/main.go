package ctl

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"

	"zookit/server/config"
)

// Exit codes of zkserver.
const (
	ExitOK           = 0
	ExitUnexpected   = 1
	ExitInvocation   = 2  // bad arguments or configuration
	ExitDataDir      = 3  // a data directory cannot be used
	ExitDamage       = 10 // log or snapshot damaged or unwritable
	ExitQuorumPort   = 14 // a port between the servers of an ensemble cannot be bound
	ExitBrokenInside = 70 // a broken invariant
)

// An Env is what the program takes from the process around it.
type Env struct {
	Stdout, Stderr io.Writer
	Getenv         func(string) string // nil for an empty environment
	Serve          Serve               // what start-foreground runs
}

// Serve makes a server from a configuration; Start has not been called on it yet.
type Serve func(*config.Config, *slog.Logger) (Server, error)

// Main runs the program with its arguments (without its name) until ctx ends or the server does, and returns the exit
// code. A ctx that ends is the order to stop: the server is closed and the code is 0.
func Main(ctx context.Context, env Env, args []string) int {
	if env.Getenv == nil {
		env.Getenv = func(string) string { return "" }
	}
	c, err := parse(args)
	if err != nil {
		fmt.Fprintf(env.Stderr, "zkserver: %v\n", err)
		return ExitInvocation
	}
	return c.run(ctx, env)
}

// An invocation is one parsed command line.
type invocation struct {
	verb      string // "" for `zkserver CONFIG`
	words     []string
	defines   []string // -D arguments, without -D
	configDir string   // --config
	logJSON   bool
	// acceptLoss is the zxid of recover's -accept-loss, "" without.
	acceptLoss string
}

const usage = `usage: zkserver [-Dzookeeper.KEY=VALUE]... [-log text|json] [--config DIR] VERB | CONFIG

  zkserver CONFIG                       run a server with this zoo.cfg
  zkserver CLIENTPORT DATADIR [TICKTIME] [MAXCLIENTCNXNS]
  zkserver [start-foreground [CONFIG]]  run a server; without CONFIG with $ZOOCFGDIR/zoo.cfg ($ZOOCFG for another name)
  zkserver status [CONFIG]              ask the running server for its mode; exit code 0 when it answers, else 1
  zkserver recover [-accept-loss ZXID] [CONFIG]
                                        show what of the data is damaged and at stake; with ZXID, go on without it
  zkserver version
  zkserver help

A CONFIG without a slash behind a verb is looked for in $ZOOCFGDIR, as zkServer.sh does.
SERVER_JVMFLAGS and JVMFLAGS: their -D properties count, and of one property the later: SERVER_JVMFLAGS, JVMFLAGS, -D
arguments, zoo.cfg. The log goes to stderr. SIGTERM and SIGINT stop the server with exit code 0.
Exit codes: 1 unexpected, 2 arguments or configuration, 3 data directory, 10 log or snapshot damaged or unwritable,
14 a port between servers cannot be bound.
`

var verbs = map[string]string{
	"start-foreground": "", "status": "", "recover": "", "version": "", "help": "",
	"start":     "zkserver stays in the foreground: let systemd start it, or run zkserver start-foreground CONFIG",
	"stop":      "send SIGTERM to the process (systemctl stop, kill PID); it closes its connections and ends with exit code 0",
	"restart":   "let systemd restart it, or send SIGTERM to the process and run zkserver start-foreground CONFIG again",
	"print-cmd": "there is no java command line to print: zkserver start-foreground CONFIG is the whole command",
}

func parse(args []string) (*invocation, error) {
	c := &invocation{}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		name, value, joined := strings.Cut(arg, "=")
		take := func() (string, error) {
			if joined {
				return value, nil
			}
			if i++; i == len(args) {
				return "", fmt.Errorf("%s needs a value; see zkserver help", arg)
			}
			return args[i], nil
		}
		switch {
		case strings.HasPrefix(arg, "-D"):
			text := strings.TrimPrefix(arg, "-D")
			if text == "" || strings.HasPrefix(text, "=") {
				return nil, fmt.Errorf("%s names no property; write -Dzookeeper.KEY=VALUE", arg)
			}
			c.defines = append(c.defines, text)
		case name == "-log" || name == "--log":
			format, err := take()
			if err != nil {
				return nil, err
			}
			if format != "text" && format != "json" {
				return nil, fmt.Errorf("-log %s: neither text nor json", format)
			}
			c.logJSON = format == "json"
		case name == "-accept-loss" || name == "--accept-loss":
			zxid, err := take()
			if err != nil {
				return nil, err
			}
			c.acceptLoss = zxid
		case name == "--config" || name == "-config":
			dir, err := take()
			if err != nil {
				return nil, err
			}
			c.configDir = dir
		case arg == "-h" || arg == "-help" || arg == "--help":
			c.verb = "help"
			return c, nil
		case strings.HasPrefix(arg, "-"):
			return nil, fmt.Errorf("unknown flag %s; see zkserver help", arg)
		default:
			c.words = append(c.words, arg)
		}
	}
	if len(c.words) > 0 {
		if _, ok := verbs[c.words[0]]; ok {
			c.verb, c.words = c.words[0], c.words[1:]
			if len(c.words) > 1 {
				return nil, fmt.Errorf("%s takes one CONFIG, not %d; see zkserver help", c.verb, len(c.words))
			}
		}
	}
	if c.acceptLoss != "" && c.verb != "recover" {
		return nil, fmt.Errorf("-accept-loss belongs to zkserver recover; see zkserver help")
	}
	return c, nil
}

func (c *invocation) run(ctx context.Context, env Env) int {
	switch c.verb {
	case "help":
		fmt.Fprint(env.Stdout, usage)
		return ExitOK
	case "version":
		fmt.Fprintln(env.Stdout, versionLine())
		return ExitOK
	case "status":
		return c.status(ctx, env)
	case "recover":
		return c.recover(env)
	case "", "start-foreground":
		return c.serve(ctx, env)
	}
	fmt.Fprintf(env.Stderr, "zkserver: %s: %s\n", c.verb, verbs[c.verb])
	return ExitInvocation
}

// configPath is the file a verb means, by the rules of zkServer.sh and zkEnv.sh.
func (c *invocation) configPath(env Env) (string, error) {
	dir := c.configDir
	if dir == "" {
		dir = env.Getenv("ZOOCFGDIR")
	}
	if len(c.words) > 0 {
		name := c.words[0]
		if c.verb == "" || dir == "" || strings.ContainsRune(name, '/') || strings.ContainsRune(name, filepath.Separator) {
			return name, nil
		}
		return filepath.Join(dir, name), nil
	}
	if dir == "" {
		return "", fmt.Errorf("no configuration: name a zoo.cfg, or set ZOOCFGDIR to the directory it is in; see zkserver help")
	}
	name := env.Getenv("ZOOCFG")
	if name == "" {
		name = "zoo.cfg"
	}
	return filepath.Join(dir, name), nil
}

func (c *invocation) configEnv(env Env) config.Env {
	return config.Env{Getenv: env.Getenv, Defines: c.defines}
}
