package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// ClientPort finds where the server of a configuration listens for clients, as `zkServer.sh status` does: clientPort and
// clientPortAddress, or the client part of the server line whose number myid has. It reads no more than that, so it
// works for configurations this release cannot run. address is "" for every interface.
func ClientPort(path string, env Env) (address string, port int, err error) {
	text, err := env.readFile(path)
	if err != nil {
		return "", 0, &Error{File: path, Why: readFailure(err), Mend: "give the path of a readable zoo.cfg"}
	}
	props, err := parseProperties(path, text)
	if err != nil {
		return "", 0, err
	}
	set := map[string]property{}
	for _, p := range props {
		set[p.Key] = p
	}
	if p, ok := set["clientPort"]; ok {
		n, valid := portNumber(p.Bare)
		if !valid || n == 0 {
			return "", 0, &Error{File: path, Line: p.Line, Key: p.Key, Value: p.Bare, Why: "not the port of a running server", Mend: "write its port"}
		}
		return set["clientPortAddress"].Bare, n, nil
	}
	if _, secure := set["secureClientPort"]; secure {
		return "", 0, &Error{File: path, Key: "clientPort", Why: "not set: clients come by secureClientPort alone, and this command does not speak TLS", Mend: "add the lines clientPort=2181 and clientPortAddress=127.0.0.1, or ask with zkcli and -client-configuration"}
	}
	id, err := env.readFile(filepath.Join(set["dataDir"].Bare, "myid"))
	if err != nil {
		return "", 0, &Error{File: path, Key: "clientPort", Why: "not set, and there is no myid file to choose a server line by", Mend: "add the line clientPort=2181"}
	}
	first, _, _ := strings.Cut(string(id), "\n")
	name := "server." + trim(first)
	line, ok := set[name]
	if dynamic, has := set["dynamicConfigFile"]; !ok && has {
		if text, err := env.readFile(dynamic.Bare); err == nil {
			if props, err := parseProperties(dynamic.Bare, text); err == nil {
				for _, p := range props {
					if p.Key == name {
						line, ok = p, true
					}
				}
			}
		}
	}
	m, _ := parseServerLine(0, line.Bare)
	address, port, hasPort := splitClient(m.Client)
	if !ok || !hasPort {
		return "", 0, &Error{File: path, Key: "clientPort", Why: fmt.Sprintf("not set, and %s has no client port", printable(name)), Mend: "add the line clientPort=2181"}
	}
	if _, client, _ := strings.Cut(line.Bare, ";"); !strings.Contains(client, ":") {
		address = ""
	}
	return shortHost(address), port, nil
}
