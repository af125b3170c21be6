package main

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"tailscale.com/tailcfg"
)

// admin is what the tests ask and order, in JSON over HTTP.
//
//	GET  /nodes                 [{"name", "asked", "addresses", "online", "tags", "expires"}]
//	POST /delete?ip=IPV4        the node is no more, as when an ephemeral one ends
//	POST /double                the next node gets the name it asks for even if another has it
//	POST /pin?ip=IPV4&on=true   it counts as online whether it is or not
//	POST /expire?ip=IPV4&in=1h  when its key does; negative: it has
//	POST /policy                [{"src", "dst", "ports"}]: the grants, in place of those before
func (t *tailnet) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /nodes", t.listNodes)
	mux.HandleFunc("POST /policy", t.setPolicy)
	mux.HandleFunc("POST /double", func(w http.ResponseWriter, r *http.Request) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.double = true
	})
	t.onNode(mux, "POST /delete", func(rec *record, r *http.Request) { rec.deleted = true })
	t.onNode(mux, "POST /pin", func(rec *record, r *http.Request) { rec.pinned = r.FormValue("on") == "true" })
	t.onNode(mux, "POST /expire", func(rec *record, r *http.Request) {
		in, _ := time.ParseDuration(r.FormValue("in"))
		rec.expiry = time.Now().UTC().Truncate(time.Second).Add(in)
	})
	return mux
}

func (t *tailnet) onNode(mux *http.ServeMux, pattern string, change func(*record, *http.Request)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		n := t.byAddress(r.FormValue("ip"))
		if n == nil {
			http.Error(w, "no node has that address", http.StatusNotFound)
			return
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		change(t.recordOf(n), r)
		t.changed()
	})
}

func (t *tailnet) byAddress(ip string) *tailcfg.Node {
	for _, n := range t.server.AllNodes() {
		if n.Addresses[0].Addr().String() == ip {
			return n
		}
	}
	return nil
}

func (t *tailnet) listNodes(w http.ResponseWriter, r *http.Request) {
	nodes := t.server.AllNodes()
	slices.SortFunc(nodes, func(a, b *tailcfg.Node) int { return cmp.Compare(a.ID, b.ID) })
	t.mu.Lock()
	defer t.mu.Unlock()
	out := []map[string]any{}
	for _, n := range nodes {
		rec := t.records[n.ID]
		if rec == nil || rec.deleted {
			continue
		}
		out = append(out, map[string]any{
			"name": rec.name + "." + t.domain, "asked": n.Hostinfo.Hostname(), "online": rec.streams > 0 || rec.pinned,
			"addresses": []string{n.Addresses[0].Addr().String(), n.Addresses[1].Addr().String()}, "tags": tagsOf(n),
			"expires": !rec.expiry.IsZero(),
		})
	}
	json.NewEncoder(w).Encode(out)
}

func (t *tailnet) setPolicy(w http.ResponseWriter, r *http.Request) {
	var policy []grant
	err := json.NewDecoder(r.Body).Decode(&policy)
	for _, g := range policy {
		if _, bad := g.ranges(); err == nil {
			err = bad
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.policy = policy
	t.changed()
}
