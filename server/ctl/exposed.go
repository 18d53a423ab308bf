package ctl

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"zookit/server/config"
)

// exposed warns of what Apache's defaults leave open: a zoo.cfg written for
// them must go on to work, so they stay, and are said once at the start.
func exposed(cfg *config.Config, addr net.Addr) (warnings []string) {
	if a, ok := addr.(*net.TCPAddr); ok && a.IP.IsUnspecified() {
		warnings = append(warnings, "the client port is open on every interface, to anybody who reaches it: set clientPortAddress, or guard the port and set ACLs")
	}
	if s := &cfg.Ensemble.Security; cfg.Distributed() && !(s.SSL && !s.PortUnification) && !s.SASL.ServerRequire && facesOthers(cfg) {
		warnings = append(warnings, "the ports between servers take anybody who reaches them for a server: set sslQuorum=true, or guard the ports (docs/security.md)")
	}
	// Windows has no such modes.
	if runtime.GOOS == "windows" {
		return warnings
	}
	for _, dir := range []string{cfg.DataDir, cfg.DataLogDir} {
		dir = filepath.Join(dir, "version-2")
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o004 != 0 && reachable(filepath.Dir(dir)) {
			warnings = append(warnings, dir+" can be read by every user of this machine, znodes and session ids with it: chmod o-rx "+filepath.Dir(dir))
		}
		if cfg.DataLogDir == cfg.DataDir {
			break
		}
	}
	return warnings
}

// facesOthers tells whether the ports between servers are open to other machines.
func facesOthers(cfg *config.Config) bool {
	at, _ := cfg.Listen()
	return slices.ContainsFunc(at, func(address string) bool {
		host, _, _ := net.SplitHostPort(address)
		ip := net.ParseIP(host)
		return host != "localhost" && (ip == nil || !ip.IsLoopback())
	})
}

// reachable tells whether other users may pass a directory.
func reachable(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.Mode().Perm()&0o001 != 0
}
