package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"zookit/protocol/quorum"
)

// ErrNoMembership: the server belongs to no ensemble, or does not tell.
var ErrNoMembership = errors.New("conf tells no membership")

// Membership is who votes and who observes as a server sees it, from conf: the
// ids with their roles, then groups and weights, then the version. Addresses
// are left out, since machines may know each other by names of their own. A
// server alone has none.
func (p *Prober) Membership(ctx context.Context, server string) ([]string, error) {
	text, err := p.Word(ctx, server, "conf")
	if err != nil {
		return nil, err
	}
	_, members, found := strings.Cut(text, "membership: ")
	if !found {
		return nil, ErrNoMembership
	}
	return roles(members)
}

func roles(text string) ([]string, error) {
	config, err := quorum.ParseConfig(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, m := range config.Members {
		role := "participant"
		if m.Observer {
			role = "observer"
		}
		lines = append(lines, fmt.Sprintf("server.%d is %s", m.ID, role))
	}
	for _, l := range strings.Split(config.String(), "\n") {
		if !strings.HasPrefix(l, "server.") {
			lines = append(lines, l)
		}
	}
	return lines, nil
}
