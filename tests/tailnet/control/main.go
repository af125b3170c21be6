// Command control is everything of a tailnet that is not a node: coordination (Tailscale's own control server for tests), a
// DERP relay with STUN, and a name server for names outside the tailnet. It serves one tailnet on one address, keeps all state in
// memory, and is told what to do over a unix socket (admin.go).
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"tailscale.com/derp/derpserver"
	"tailscale.com/net/stunserver"
	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration/testcontrol"
	"tailscale.com/types/key"
	"tailscale.com/types/opt"
)

const (
	controlPort = 8080 // HTTP; what matters is encrypted inside
	derpPort    = 8443 // TLS with a certificate of its own
	stunPort    = 3478
	dnsPort     = 53
)

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	ip := flag.String("ip", "", "address of everything here")
	domain := flag.String("domain", "rig.ts.net", "of MagicDNS")
	admin := flag.String("admin", "", "path of the unix socket to be told over")
	names := names{}
	flag.Var(names, "name", "NAME=ADDRESS[,ADDRESS] that the name server knows; may be given again")
	flag.Parse()
	at := func(port int) string { return net.JoinHostPort(*ip, strconv.Itoa(port)) }

	serveRelay(at(derpPort), at(stunPort))
	pc, err := net.ListenPacket("udp", at(dnsPort))
	check(err)
	go serveNames(pc, names)

	server := &testcontrol.Server{
		Logf:             func(string, ...any) {},
		ExplicitBaseURL:  "http://" + at(controlPort),
		AllNodesSameUser: true,
		CollectServices:  opt.False,
		MagicDNSDomain:   *domain,
		DNSConfig:        &tailcfg.DNSConfig{Proxied: true, Domains: []string{*domain}},
		DERPMap:          relayMap(*ip),
	}
	t := newTailnet(server, *domain)
	server.AltMapStream = t.stream

	l, err := net.Listen("tcp", at(controlPort))
	check(err)
	go func() { log.Fatal(http.Serve(l, onlyKnown(server))) }()
	os.Remove(*admin)
	a, err := net.Listen("unix", *admin)
	check(err)
	go func() { log.Fatal(http.Serve(a, t.admin())) }()

	log.Print("ready")
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	<-end
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func serveRelay(derpAt, stunAt string) {
	l, err := net.Listen("tcp", derpAt)
	check(err)
	relay := httptest.NewUnstartedServer(derpserver.Handler(derpserver.New(key.NewNode(), func(string, ...any) {})))
	relay.Listener.Close()
	relay.Listener = l
	relay.Config.ErrorLog = log.New(io.Discard, "", 0)
	relay.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){} // HTTP/2 cannot be upgraded
	relay.StartTLS()

	stun := stunserver.New(context.Background())
	check(stun.Listen(stunAt))
	go stun.Serve()
}

func relayMap(ip string) *tailcfg.DERPMap {
	return &tailcfg.DERPMap{
		OmitDefaultRegions: true,
		Regions: map[int]*tailcfg.DERPRegion{1: {
			RegionID: 1, RegionCode: "rig", RegionName: "the rig's own",
			Nodes: []*tailcfg.DERPNode{{
				Name: "1", RegionID: 1, HostName: ip, IPv4: ip, IPv6: "none", STUNTestIP: ip,
				DERPPort: derpPort, STUNPort: stunPort, InsecureForTests: true,
			}},
		}},
	}
}

// onlyKnown answers what the control server for tests does not know: it panics on that, on purpose, and everything would end.
func onlyKnown(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p := r.URL.Path; {
		case p == "/key" || p == "/ts2021" || p == "/generate_204" || strings.HasPrefix(p, "/c2n/"):
			h.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	})
}

// names are in lower case, without the dot at the end.
type names map[string][]netip.Addr

func (n names) String() string { return "" }

func (n names) Set(text string) error {
	name, list, _ := strings.Cut(text, "=")
	for _, word := range strings.Split(list, ",") {
		ip, err := netip.ParseAddr(word)
		if err != nil {
			return err
		}
		n[strings.ToLower(name)] = append(n[strings.ToLower(name)], ip)
	}
	return nil
}
