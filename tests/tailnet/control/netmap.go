package main

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration/testcontrol"
)

// tailnet adds to the control server for tests what a real one also knows: which nodes are online, unique names, tags, key
// expiry, a policy, and that nodes go. Changes reach the nodes as deltas, as from the real one.
type tailnet struct {
	server *testcontrol.Server
	domain string

	mu      sync.Mutex
	records map[tailcfg.NodeID]*record
	watches map[*watch]bool
	policy  []grant
	double  bool // the next node to come gets the name it asks for, taken or not
}

// A record is kept for as long as the node is: not as long as it runs.
type record struct {
	name    string // first label
	created time.Time
	streams int // that it holds open: more than none is "online"
	seen    time.Time
	expiry  time.Time // zero: never
	pinned  bool      // "online" whatever happens: control has not noticed yet
	deleted bool
}

// A watch is one node's long poll.
type watch struct {
	id    tailcfg.NodeID
	stale chan struct{} // holds one
}

func newTailnet(server *testcontrol.Server, domain string) *tailnet {
	return &tailnet{
		server: server, domain: domain,
		records: map[tailcfg.NodeID]*record{}, watches: map[*watch]bool{},
		policy: []grant{{"*", "*", []string{"*"}}},
	}
}

// changed is called with the lock held.
func (t *tailnet) changed() {
	for w := range t.watches {
		select {
		case w.stale <- struct{}{}:
		default: // it will look anyway
		}
	}
}

func (t *tailnet) recordOf(n *tailcfg.Node) *record {
	r := t.records[n.ID]
	if r == nil {
		now := time.Now().UTC()
		r = &record{name: t.freeName(n.Hostinfo.Hostname()), created: now, seen: now}
		t.records[n.ID] = r
	}
	return r
}

func (t *tailnet) freeName(asked string) string {
	asked = strings.ToLower(asked)
	taken := map[string]bool{}
	for _, r := range t.records {
		taken[r.name] = !r.deleted || taken[r.name]
	}
	name := asked
	for i := 1; taken[name] && !t.double; i++ {
		name = fmt.Sprintf("%s-%d", asked, i)
	}
	t.double = false
	return name
}

// stream is the long poll of a node, and also what it tells of itself in between.
func (t *tailnet) stream(ctx context.Context, out testcontrol.MapStreamWriter, req *tailcfg.MapRequest) {
	n := t.server.Node(req.NodeKey)
	if n == nil || t.isDeleted(n) {
		return
	}
	if !req.Stream {
		if !req.ReadOnly {
			t.hear(n, req)
		}
		out.SendMapMessage(&tailcfg.MapResponse{})
		return
	}
	w := t.arrive(n)
	defer t.leave(n, w)
	t.follow(ctx, out, req, w)
}

func (t *tailnet) isDeleted(n *tailcfg.Node) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.recordOf(n).deleted
}

func (t *tailnet) hear(n *tailcfg.Node, req *tailcfg.MapRequest) {
	n.Endpoints, n.DiscoKey, n.Cap = req.Endpoints, req.DiscoKey, req.Version
	if req.Hostinfo != nil {
		n.Hostinfo = req.Hostinfo.View()
		if info := n.Hostinfo.NetInfo(); info.Valid() && info.PreferredDERP() != 0 {
			n.HomeDERP = info.PreferredDERP()
		}
	}
	t.server.UpdateNode(n)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changed()
}

func (t *tailnet) arrive(n *tailcfg.Node) *watch {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &watch{n.ID, make(chan struct{}, 1)}
	t.watches[w] = true
	t.recordOf(n).streams++
	t.changed()
	return w
}

func (t *tailnet) leave(n *tailcfg.Node, w *watch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.watches, w)
	r := t.recordOf(n)
	r.streams--
	r.seen = time.Now().UTC()
	t.changed()
}

func (t *tailnet) follow(ctx context.Context, out testcontrol.MapStreamWriter, req *tailcfg.MapRequest, w *watch) {
	var before *tailcfg.MapResponse
	alive := time.NewTicker(50 * time.Second)
	defer alive.Stop()
	for {
		now := t.view(req)
		if now == nil || out.SendMapMessage(difference(before, now)) != nil {
			return
		}
		before = now
		for fresh := true; fresh; {
			select {
			case <-ctx.Done():
				return
			case <-w.stale:
				fresh = false
			case <-alive.C:
				if out.SendMapMessage(&tailcfg.MapResponse{KeepAlive: true}) != nil {
					return
				}
			}
		}
	}
}

// view is all that a node may know now; nil: it is no node any more.
func (t *tailnet) view(req *tailcfg.MapRequest) *tailcfg.MapResponse {
	m, err := t.server.MapResponse(req)
	if err != nil || m == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.recordOf(m.Node).deleted {
		return nil
	}
	now := time.Now()
	m.ControlTime, m.Domain = &now, t.domain
	m.DNSConfig.CertDomains = nil // nobody here could issue certificates
	t.describe(m.Node)
	var all, peers []*tailcfg.Node
	for _, p := range m.Peers {
		if r := t.records[p.ID]; r != nil && !r.deleted {
			t.describe(p)
			all = append(all, p)
		}
	}
	for _, p := range all {
		if t.acquainted(m.Node, p) {
			peers = append(peers, p)
		}
	}
	m.Peers, m.PacketFilter = peers, t.filterFor(m.Node, all)
	return m
}

func (t *tailnet) describe(n *tailcfg.Node) {
	r := t.recordOf(n)
	online := r.streams > 0 || r.pinned
	n.Name = r.name + "." + t.domain + "."
	n.Tags, n.Created, n.KeyExpiry = tagsOf(n), r.created, r.expiry
	n.Expired = !r.expiry.IsZero() && r.expiry.Before(time.Now())
	n.Online, n.LastSeen = &online, nil
	if !online {
		seen := r.seen.Truncate(time.Second)
		n.LastSeen = &seen
	}
}

// difference is what has to be sent to a node that was sent `before`; nil: nothing yet.
func difference(before, now *tailcfg.MapResponse) *tailcfg.MapResponse {
	if before == nil {
		return now
	}
	d := &tailcfg.MapResponse{ControlTime: now.ControlTime}
	if !reflect.DeepEqual(before.Node, now.Node) {
		d.Node = now.Node
	}
	if !reflect.DeepEqual(before.PacketFilter, now.PacketFilter) {
		d.PacketFilter = now.PacketFilter
	}
	known := map[tailcfg.NodeID]*tailcfg.Node{}
	for _, p := range before.Peers {
		known[p.ID] = p
	}
	for _, p := range now.Peers {
		old := known[p.ID]
		delete(known, p.ID)
		if old == nil || !reflect.DeepEqual(old, p) {
			peerDifference(d, old, p)
		}
	}
	for id := range known {
		d.PeersRemoved = append(d.PeersRemoved, id)
	}
	return d
}

func peerDifference(d *tailcfg.MapResponse, old, now *tailcfg.Node) {
	if old != nil {
		same := *old
		same.Online, same.LastSeen = now.Online, now.LastSeen
		if reflect.DeepEqual(&same, now) {
			d.PeersChangedPatch = append(d.PeersChangedPatch,
				&tailcfg.PeerChange{NodeID: now.ID, Online: now.Online, LastSeen: now.LastSeen})
			return
		}
	}
	d.PeersChanged = append(d.PeersChanged, now)
}
