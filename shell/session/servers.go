package session

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"zookit/protocol"
)

const defaultPort = "2181"

// ParseServers splits a connect string into addresses (host:port) and the
// chroot ("" for none), as ConnectStringParser of Apache 3.9 does. Nothing is
// looked up. An error is a *ServersError.
func ParseServers(servers string) (addrs []string, chroot string, err error) {
	list := servers
	if i := strings.IndexByte(servers, '/'); i >= 0 {
		list, chroot = servers[:i], servers[i:]
		if err := protocol.ValidatePath(chroot); err != nil {
			return nil, "", &ServersError{Servers: servers, Why: err.Error(), Err: err}
		}
		if chroot == "/" {
			chroot = ""
		}
	}
	for _, entry := range strings.Split(list, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		addr, why := parseAddr(entry)
		if why != "" {
			return nil, "", &ServersError{Servers: servers, Why: why}
		}
		if !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) == 0 {
		return nil, "", &ServersError{Servers: servers, Why: strconv.Quote(servers) + " names no server; write host:port[,host:port…][/chroot]"}
	}
	return addrs, chroot, nil
}

// parseAddr completes one entry to host:port, or tells why it cannot.
func parseAddr(entry string) (addr, why string) {
	host, port := entry, defaultPort
	switch {
	case entry[0] == '[':
		end := strings.IndexByte(entry, ']')
		if end < 0 {
			return "", strconv.Quote(entry) + " lacks the closing bracket of its address"
		}
		host = entry[1:end]
		rest := entry[end+1:]
		if rest != "" {
			if rest[0] != ':' {
				return "", strconv.Quote(entry) + " has something other than :port after its address"
			}
			port = rest[1:]
		}
	case strings.Count(entry, ":") > 1:
		if net.ParseIP(entry) == nil {
			return "", strconv.Quote(entry) + " has more than one colon; an IPv6 address with a port is written [address]:port"
		}
	default:
		if h, p, ok := strings.Cut(entry, ":"); ok {
			host, port = h, p
		}
	}
	if host == "" {
		return "", strconv.Quote(entry) + " has no host"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", "the port " + strconv.Quote(port) + " of " + strconv.Quote(entry) + " is not a number from 1 to 65535"
	}
	return net.JoinHostPort(host, port), ""
}
