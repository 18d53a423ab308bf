package command

import (
	"net"
	"strings"
)

var config = &Command{
	Name:  "config",
	In:    Since38,
	Usage: Usage{R38: "[-c] [-w] [-s]"},
	Flags: []Flag{
		{Name: "s", Help: "stats"},
		{Name: "w", Help: "watch"},
		{Name: "c", Help: "client connection string"},
	},
	Summary: "print the configuration of the ensemble",
	Help:    "-c prints its version and the connect string for clients. A standalone server has an empty configuration.",
	Example: []string{"config", "config -c"},
	Run:     runConfig,
}

func runConfig(c *Context) error {
	s, err := c.Session()
	if err != nil {
		return err
	}
	data, st, err := s.Config(c, c.Has("w"))
	if err != nil {
		return err
	}
	if c.Shell.Format != FormatText {
		r := ConfigRecord{Text: string(data), Stat: statOf(st, c.Has("s"))}
		if c.Has("c") {
			version, servers, _ := strings.Cut(clientServers(string(data)), " ")
			r = ConfigRecord{Servers: servers, Version: "0x" + version, Stat: r.Stat}
		}
		return c.Emit(r, nil)
	}
	switch {
	case data == nil:
		data = []byte("null")
	case c.Has("c"):
		data = []byte(clientServers(string(data)))
	}
	c.Print(data)
	c.Print([]byte("\n"))
	if c.Has("s") {
		c.PrintStat(st)
	}
	return nil
}

// clientServers is "<version> host:port,host:port" of a configuration, whose
// lines are server.N=host:port:port:role;clientHost:clientPort and
// version=<hex> (ConfigUtils.getClientConfigStr in Apache 3.9, where the order
// of the servers is that of a hash table).
func clientServers(configuration string) string {
	version := ""
	var servers []string
	for _, line := range strings.Split(configuration, "\n") {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		switch {
		case !ok:
		case key == "version":
			version = value
		case strings.HasPrefix(key, "server."):
			if _, client, ok := strings.Cut(value, ";"); ok {
				servers = append(servers, clientAddress(client))
			}
		}
	}
	return version + " " + strings.Join(servers, ",")
}

// clientAddress completes a client address that is a port alone.
func clientAddress(text string) string {
	if host, port, err := net.SplitHostPort(text); err == nil {
		return strings.Trim(host, "[]") + ":" + port
	}
	return "0.0.0.0:" + text
}
