package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"zookit/protocol/quorum"
)

// maxServerID bounds the id of a server: the largest number is Apache's for observers without one
// (QuorumPeer.OBSERVER_ID), and negative ones are protocol versions to the election port.
const maxServerID = 1<<63 - 2

// serverID reads the N of server.N, as Long.parseLong does; why is "" for a usable one.
func serverID(text string) (id int64, why string) {
	id, why = wholeNumber(text)
	switch {
	case why == "not a whole number":
		return 0, fmt.Sprintf("%s is not a number", printable(cut(text)))
	case why != "":
		return 0, why
	case id < 0 || id > maxServerID:
		return 0, fmt.Sprintf("%d is no server id", id)
	}
	return id, ""
}

// cut bounds what a message repeats of a value.
func cut(text string) string { return text[:min(len(text), 80)] }

// parseServerLine reads the value of server.N, as QuorumPeer.QuorumServer of Apache 3.9.5 does:
//
//	host:quorumPort:electionPort[:role][|host:quorumPort:electionPort[:role]]…[;[clientAddress:]clientPort]
//
// The hosts are in the form Java prints them. why is "" for a line that can be used.
func parseServerLine(id int64, value string) (m quorum.Member, why string) {
	m.ID = id
	// String.split leaves out empty parts at the end.
	parts := strings.Split(strings.TrimRight(value, ";"), ";")
	if len(parts) > 2 {
		return m, "more than one client port"
	}
	role := ""
	for _, text := range strings.Split(strings.TrimRight(parts[0], "|"), "|") {
		a, itsRole, why := parseAddress(text)
		switch {
		case why != "":
			return m, why
		case itsRole != "" && role != "" && itsRole != role:
			return m, "its addresses have different roles"
		case itsRole != "":
			role = itsRole
		}
		m.Addresses = append(m.Addresses, a)
	}
	m.Observer = role == observer
	// Apache keeps a set, and prints it in the order of the hosts.
	slices.SortStableFunc(m.Addresses, func(a, b quorum.Address) int { return strings.Compare(a.Host, b.Host) })
	m.Addresses = slices.Compact(m.Addresses)
	if len(parts) == 1 {
		return m, ""
	}
	host, rest := "0.0.0.0", parts[1]
	if strings.Contains(rest, ":") {
		if host, rest, why = splitHost(rest); why != "" {
			return m, why
		}
	}
	port, ok := portNumber(rest)
	if !ok {
		return m, fmt.Sprintf("%s is no client port", printable(cut(rest)))
	}
	m.Client = joinHost(host, port)
	return m, ""
}

// parseAddress reads host:quorumPort:electionPort[:role].
func parseAddress(text string) (a quorum.Address, role, why string) {
	host, rest, why := splitHost(text)
	if why != "" {
		return a, "", why
	}
	a.Host = host
	// String.split leaves out empty parts at the end.
	fields := strings.Split(strings.TrimRight(rest, ":"), ":")
	if len(fields) < 2 || len(fields) > 3 {
		return a, "", "not of the form host:port:port"
	}
	for i, to := range []*int{&a.QuorumPort, &a.ElectionPort} {
		port, ok := portNumber(fields[i])
		if !ok || port == 0 {
			return a, "", fmt.Sprintf("%s is not a port", printable(cut(fields[i])))
		}
		*to = port
	}
	if a.QuorumPort == a.ElectionPort {
		return a, "", "its two ports must be different"
	}
	if len(fields) == 3 {
		role = strings.ToLower(trim(fields[2]))
		if role != participant && role != observer {
			return a, "", fmt.Sprintf("%s is neither participant nor observer", printable(cut(role)))
		}
	}
	return a, role, ""
}

// splitHost takes the host off host:rest, and the brackets off an IPv6 address.
func splitHost(text string) (host, rest, why string) {
	found := false
	if inner, bracket := strings.CutPrefix(text, "["); bracket {
		if host, rest, found = strings.Cut(inner, "]:"); !found {
			return "", "", "a [ without ]: behind it"
		}
	} else if host, rest, found = strings.Cut(text, ":"); !found {
		return "", "", "not of the form host:port:port"
	}
	switch {
	case host == "" && strings.HasPrefix(rest, ":"):
		return "", "", "an IPv6 address stands in brackets: [::1]:2888:3888"
	case host == "":
		return "", "", "there is no host"
	case !hostName(host):
		return "", "", fmt.Sprintf("%s is no host", printable(cut(host)))
	case numeric(host):
		return "", "", fmt.Sprintf("%s is no address, which has four parts without leading zeros", host)
	}
	return javaHost(host), rest, ""
}

// maxHost bounds a host: a name in the DNS has 253 bytes, an address with its zone less.
const maxHost = 255

// hostName refuses what could not be told from the rest of a line where the host is printed again.
func hostName(s string) bool {
	return len(s) <= maxHost && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`[]|;,=/\"`, r) })
}

// numeric reports digits and dots that are no address. Java reads most of them as one all the same, 127.1 as 127.0.0.1
// and 010.0.0.1 as 10.0.0.1, where C libraries see other addresses and Go a name.
func numeric(host string) bool {
	_, err := netip.ParseAddr(host)
	return err != nil && strings.Trim(host, "0123456789.") == ""
}

// javaHost is a host as InetSocketAddress.getHostString gives it: a name as written, an IPv6 address in full.
func javaHost(host string) string {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	var groups []string
	b := ip.As16()
	for i := 0; i < len(b); i += 2 {
		groups = append(groups, strconv.FormatUint(uint64(b[i])<<8|uint64(b[i+1]), 16))
	}
	text := strings.Join(groups, ":")
	if zone := ip.Zone(); zone != "" {
		text += "%" + zone
	}
	return text
}

// shortHost is the usual form of what javaHost gives.
func shortHost(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String()
	}
	return host
}

func joinHost(host string, port int) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(port)
}

// SplitClient parts the client address of a server line; ok is false without one.
func SplitClient(client string) (host string, port int, ok bool) {
	host, port, ok = splitClient(client)
	return shortHost(host), port, ok
}

// splitClient parts what joinHost joined; ok is false without a client port.
func splitClient(client string) (host string, port int, ok bool) {
	host, rest, why := splitHost(client)
	if why != "" {
		return "", 0, false
	}
	port, ok = portNumber(rest)
	return host, port, ok
}

// portNumber reads a port as Integer.parseInt does, without blanks around it.
func portNumber(s string) (int, bool) {
	n, why := wholeNumber(s)
	return int(n), why == "" && n >= 0 && n <= 65535
}

// anyAddress reports a host that stands for every interface.
func anyAddress(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || host == "*" || (err == nil && ip.IsUnspecified())
}
