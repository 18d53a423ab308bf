package ctl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"zookit/server/config"
)

// lookupTimeout bounds the look-up of all hosts of the server lines together.
const lookupTimeout = 10 * time.Second

// checkMembers looks at the server lines of an ensemble from this machine, before anything is opened.
func checkMembers(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	if !cfg.Distributed() {
		return nil
	}
	local, err := localAddresses()
	if err != nil {
		log.Warn("the server lines are not checked: this machine's addresses are not known", "error", err)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	warnings, err := cfg.CheckMembers(local, func(host string) ([]netip.Addr, error) { return lookup(ctx, host) })
	for _, w := range warnings {
		log.Warn(w.String())
	}
	return err
}

func localAddresses() ([]netip.Addr, error) {
	networks, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, network := range networks {
		if n, ok := network.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				addrs = append(addrs, ip)
			}
		}
	}
	return addrs, nil
}

// lookup is a look-up whose error does not repeat the host.
func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return addrs, errors.New(dns.Err)
	}
	return addrs, err
}

// A portError is an address that could not be bound, with the line to change.
type portError struct {
	error
	quorum bool // one of the two ports between servers
}

func (e *portError) Unwrap() error { return e.error }

// withPort adds the line to change to an error of a listener.
func withPort(err error, cfg *config.Config) error {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "listen" {
		return err
	}
	port := cfg.ClientPort
	if at, ok := op.Addr.(*net.TCPAddr); ok {
		port = at.Port
	}
	quorum, explained := cfg.PortTaken(port, err)
	return &portError{fmt.Errorf("%w", explained), quorum}
}
