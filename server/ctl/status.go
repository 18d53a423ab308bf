package ctl

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"zookit/protocol"
	"zookit/server/config"
)

// statusTimeout bounds the question to the server.
const statusTimeout = 10 * time.Second

// status asks the server of a configuration for its mode, in the words and with the exit codes of zkServer.sh status.
// The configuration need not be one this release can run: the server asked may be Apache's, in an ensemble.
func (c *invocation) status(ctx context.Context, env Env) int {
	path, err := c.configPath(env)
	if err != nil {
		fmt.Fprintf(env.Stderr, "zkserver: %v\n", err)
		return ExitInvocation
	}
	fmt.Fprintf(env.Stderr, "Using config: %s\n", path)
	address, port, err := config.ClientPort(path, c.configEnv(env))
	if err != nil {
		fmt.Fprintf(env.Stderr, "zkserver: %v\n", err)
		fmt.Fprintln(env.Stdout, "Unable to find either secure or unsecure client port in any configs. Terminating.")
		return ExitUnexpected
	}
	if address == "" {
		address = "localhost"
	}
	fmt.Fprintf(env.Stdout, "Client port found: %d. Client address: %s. Client SSL: false.\n", port, address)
	mode, err := askMode(ctx, address, port)
	if err != nil {
		fmt.Fprintf(env.Stderr, "zkserver: %v\n", err)
		fmt.Fprintln(env.Stdout, "Error contacting service. It is probably not running.")
		return ExitUnexpected
	}
	fmt.Fprintln(env.Stdout, mode)
	return ExitOK
}

// askMode returns the line "Mode: …" of srvr.
func askMode(ctx context.Context, address string, port int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	if ip := net.ParseIP(address); ip != nil && ip.IsUnspecified() {
		address = "localhost"
	}
	answer, err := protocol.FourLetter(ctx, net.JoinHostPort(address, strconv.Itoa(port)), "srvr")
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(answer, "\n") {
		if strings.HasPrefix(line, "Mode: ") {
			return line, nil
		}
	}
	if _, why, is := strings.Cut(answer, "\nQuarantined: "); is {
		why, awaits, _ := strings.Cut(strings.TrimSpace(why), "\nAwaits: ")
		return "", fmt.Errorf("the server is in quarantine: %s\nzkserver: it serves again by itself; it awaits %s", why, awaits)
	}
	return "", fmt.Errorf("srvr answered without a mode: %q", firstLine(answer))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line[:min(len(line), 200)]
}
