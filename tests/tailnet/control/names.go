package main

import (
	"log"
	"net"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// serveNames is the resolver that a node had before it joined: what MagicDNS does not know is asked here.
func serveNames(pc net.PacketConn, known names) {
	buf := make([]byte, 1500)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			log.Print("name server: ", err)
			return
		}
		if answer := answerNames(buf[:n], known); answer != nil {
			pc.WriteTo(answer, from)
		}
	}
}

func answerNames(query []byte, known names) []byte {
	var p dnsmessage.Parser
	head, err := p.Start(query)
	if err != nil || head.Response {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	ips, ok := known[strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))]
	head.Response, head.RecursionAvailable = true, true
	if !ok {
		head.RCode = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(nil, head)
	b.StartQuestions()
	b.Question(q)
	b.StartAnswers()
	rh := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}
	for _, ip := range ips {
		if q.Type == dnsmessage.TypeA && ip.Is4() {
			b.AResource(rh, dnsmessage.AResource{A: ip.As4()})
		}
		if q.Type == dnsmessage.TypeAAAA && ip.Is6() {
			b.AAAAResource(rh, dnsmessage.AAAAResource{AAAA: ip.As16()})
		}
	}
	answer, err := b.Finish()
	if err != nil {
		return nil
	}
	return answer
}
