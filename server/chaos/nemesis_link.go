//go:build linux

package chaos

import (
	"fmt"
	"time"
)

// link does the faults of the network, and takes them away again.
func (m *nemesis) link(s Step, n, other *node) error {
	hold := func() { rest(m.ctx, s.Hold) }
	lost := func(pairs [][2]int) error {
		defer func() {
			for _, p := range pairs {
				_ = m.e.network.lose(p[0], p[1], false)
			}
		}()
		for _, p := range pairs {
			if err := m.e.network.lose(p[0], p[1], true); err != nil {
				return err
			}
		}
		hold()
		return nil
	}
	switch s.Fault {
	case "packets lost both ways":
		return lost(append(m.from(n), m.to(n)...))
	case "packets lost from it":
		return lost(m.from(n))
	case "packets lost to it":
		return lost(m.to(n))
	case "packets lost between two":
		return lost([][2]int{{n.sid, other.sid}, {other.sid, n.sid}})
	case "halves":
		return lost(m.halves(n))
	case "links stall both ways":
		m.during(hold, Fault{Stall: [2]bool{true, true}}, append(m.from(n), m.to(n)...)...)
	case "links stall from it":
		// Its own connections carry nothing out, and those to it nothing back.
		defer m.during(func() {}, Fault{}, append(m.from(n), m.to(n)...)...)
		m.set(Fault{Stall: [2]bool{toServer: true}}, m.from(n)...)
		m.set(Fault{Stall: [2]bool{toCaller: true}}, m.to(n)...)
		hold()
	case "links stall to it":
		defer m.during(func() {}, Fault{}, append(m.from(n), m.to(n)...)...)
		m.set(Fault{Stall: [2]bool{toCaller: true}}, m.from(n)...)
		m.set(Fault{Stall: [2]bool{toServer: true}}, m.to(n)...)
		hold()
	case "slow links":
		delay := time.Duration(5+m.rng.IntN(120)) * time.Millisecond
		m.during(hold, Fault{Delay: delay}, append(m.from(n), m.to(n)...)...)
	case "dripping links":
		m.during(hold, Fault{Drip: true}, append(m.from(n), m.to(n)...)...)
	case "links reset":
		m.each((*proxy).resetAll, append(m.from(n), m.to(n)...)...)
	case "half-open links":
		m.each((*proxy).killAll, append(m.from(n), m.to(n)...)...)
		hold()
		m.each((*proxy).reap, append(m.from(n), m.to(n)...)...)
	case "clients stall":
		n.client.set(Fault{Stall: [2]bool{m.rng.IntN(2) == 0, true}})
		hold()
		n.client.set(Fault{})
	case "clients slow":
		n.client.set(Fault{Delay: time.Duration(5+m.rng.IntN(100)) * time.Millisecond})
		hold()
		n.client.set(Fault{})
	case "clients drip":
		n.client.set(Fault{Drip: true})
		hold()
		n.client.set(Fault{})
	case "clients reset":
		n.client.resetAll()
	case "clients half-open":
		n.client.killAll()
		hold()
		n.client.reap()
	case "clients refused":
		n.client.set(Fault{Refuse: true})
		n.client.resetAll()
		hold()
		n.client.set(Fault{})
	default:
		return fmt.Errorf("unknown fault %q", s.Fault)
	}
	return nil
}

// from and to are the ways between a server and each other.
func (m *nemesis) from(n *node) (list [][2]int) {
	for _, x := range m.e.nodes {
		if x != n {
			list = append(list, [2]int{n.sid, x.sid})
		}
	}
	return list
}

func (m *nemesis) to(n *node) (list [][2]int) {
	for _, p := range m.from(n) {
		list = append(list, [2]int{p[1], p[0]})
	}
	return list
}

// halves cuts between a minority with n in it and the rest.
func (m *nemesis) halves(n *node) (list [][2]int) {
	in := map[int]bool{n.sid: true}
	for _, i := range m.rng.Perm(len(m.e.nodes)) {
		if len(in) < len(m.e.nodes)/2 {
			in[i+1] = true
		}
	}
	for _, a := range m.e.nodes {
		for _, b := range m.e.nodes {
			if in[a.sid] != in[b.sid] {
				list = append(list, [2]int{a.sid, b.sid})
			}
		}
	}
	return list
}

func (m *nemesis) each(f func(*proxy), pairs ...[2]int) {
	for _, pair := range pairs {
		for _, p := range m.e.links[pair] {
			f(p)
		}
	}
}

func (m *nemesis) set(f Fault, pairs ...[2]int) {
	m.each(func(p *proxy) { p.set(f) }, pairs...)
}

func (m *nemesis) during(hold func(), f Fault, pairs ...[2]int) {
	m.set(f, pairs...)
	hold()
	m.set(Fault{}, pairs...)
}
