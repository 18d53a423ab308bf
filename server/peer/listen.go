package peer

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"zookit/protocol/quorum"
)

// ListenElection opens the election ports of a server: at each of its
// addresses, or with allIPs (quorumListenOnAllIPs) the same ports on all
// interfaces. The error says what to do.
func ListenElection(self quorum.Member, allIPs, keepAliveOn bool) ([]net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: keepAlive(keepAliveOn), KeepAlive: -1}
	var out []net.Listener
	seen := map[string]bool{}
	for _, a := range self.Addresses {
		address := a.Election()
		if allIPs {
			address = net.JoinHostPort("", strconv.Itoa(a.ElectionPort))
		}
		if seen[address] {
			continue
		}
		seen[address] = true
		ln, err := lc.Listen(context.Background(), "tcp", address)
		if err != nil {
			for _, open := range out {
				_ = open.Close()
			}
			return nil, fmt.Errorf("election port of server.%d at %s: %w: give the server line an address of this machine and a port that nothing else uses, or set quorumListenOnAllIPs=true", self.ID, address, err)
		}
		out = append(out, ln)
	}
	return out, nil
}
