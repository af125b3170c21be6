package main

import (
	"fmt"
	"slices"
	"strings"

	"tailscale.com/tailcfg"
)

// A grant lets nodes that match src open connections to ports of nodes that match dst. What none grants is refused, without an
// answer, and nodes that no grant connects, in either direction, do not know of each other: as with a real policy.
//
// src and dst are "*", "tag:NAME", or the name that a node asked for: that of all its incarnations.
type grant struct {
	Src, Dst string
	Ports    []string // "25", "9000-9010", "*"
}

func (g grant) ranges() ([]tailcfg.PortRange, error) {
	var out []tailcfg.PortRange
	for _, word := range g.Ports {
		pr := tailcfg.PortRangeAny
		if word != "*" {
			if n, _ := fmt.Sscanf(word, "%d-%d", &pr.First, &pr.Last); n == 1 {
				pr.Last = pr.First
			} else if n != 2 {
				return nil, fmt.Errorf("not a port: %q", word)
			}
		}
		out = append(out, pr)
	}
	return out, nil
}

func isMeant(who string, n *tailcfg.Node) bool {
	switch {
	case who == "*":
		return true
	case strings.HasPrefix(who, "tag:"):
		return slices.Contains(tagsOf(n), who)
	}
	return who == n.Hostinfo.Hostname()
}

func tagsOf(n *tailcfg.Node) []string { return n.Hostinfo.RequestTags().AsSlice() }

func (t *tailnet) acquainted(a, b *tailcfg.Node) bool {
	for _, g := range t.policy {
		if isMeant(g.Src, a) && isMeant(g.Dst, b) || isMeant(g.Src, b) && isMeant(g.Dst, a) {
			return true
		}
	}
	return false
}

// filterFor is what self lets in.
func (t *tailnet) filterFor(self *tailcfg.Node, peers []*tailcfg.Node) []tailcfg.FilterRule {
	// An empty list counts as "no change", so there is always one rule: about an address that nobody has.
	nobody := "192.0.2.254"
	rules := []tailcfg.FilterRule{{SrcIPs: []string{nobody}, DstPorts: []tailcfg.NetPortRange{{IP: nobody}}}}
	for _, g := range t.policy {
		ports, _ := g.ranges()
		var rule tailcfg.FilterRule
		if !isMeant(g.Dst, self) {
			continue
		}
		for _, p := range peers {
			for _, a := range p.Addresses {
				if isMeant(g.Src, p) {
					rule.SrcIPs = append(rule.SrcIPs, a.Addr().String())
				}
			}
		}
		for _, a := range self.Addresses {
			for _, pr := range ports {
				rule.DstPorts = append(rule.DstPorts, tailcfg.NetPortRange{IP: a.Addr().String(), Ports: pr})
			}
		}
		if len(rule.SrcIPs) > 0 {
			rules = append(rules, rule)
		}
	}
	return rules
}
