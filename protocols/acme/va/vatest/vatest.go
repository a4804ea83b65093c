// Package vatest has what tests of validation need: a DNS server on loopback that answers as told.
package vatest

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// DNS is a server on UDP and TCP. A name that has no record does not exist, unless a longer one does.
type DNS struct {
	Address string // IP:port

	mu      sync.Mutex
	records map[string][]dns.RR
	answer  func(q *dns.Msg, network string) *dns.Msg
	asked   []string
}

// NewDNS starts one until the test ends.
func NewDNS(t testing.TB) *DNS {
	t.Helper()
	d := &DNS{records: map[string][]dns.RR{}}
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p, err := net.ListenPacket("udp", l.Addr().String())
		if err != nil { // taken for UDP: another one
			_ = l.Close()
			continue
		}
		d.Address = l.Addr().String()
		for _, s := range []*dns.Server{{Listener: l, Handler: d.handler("tcp")}, {PacketConn: p, Handler: d.handler("udp")}} {
			started := make(chan struct{})
			s.NotifyStartedFunc = func() { close(started) }
			go func() { _ = s.ActivateAndServe() }()
			<-started
			t.Cleanup(func() { _ = s.Shutdown() })
		}
		return d
	}
}

// Set replaces the records of a name by those of a zone file's lines without the name: "A 127.0.0.1", "CNAME b.test.",
// `TXT "x"`. Without lines the name is gone.
func (d *DNS) Set(t testing.TB, name string, lines ...string) {
	t.Helper()
	var list []dns.RR
	for _, line := range lines {
		rr, err := dns.NewRR(dns.Fqdn(name) + " 0 IN " + line)
		if err != nil || rr == nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, rr)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.records[dns.CanonicalName(name)] = list
}

// Answer has f answer what it does not return nil for; Silence keeps silent.
func (d *DNS) Answer(f func(q *dns.Msg, network string) *dns.Msg) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = f
}

// Silence is no answer at all.
var Silence = new(dns.Msg)

// Asked lists the questions so far: "udp A example.test.".
func (d *DNS) Asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.asked)
}

func (d *DNS) handler(network string) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		if m := d.reply(q, network); m != Silence {
			_ = w.WriteMsg(m)
		}
	}
}

func (d *DNS) reply(q *dns.Msg, network string) *dns.Msg {
	name, kind := q.Question[0].Name, q.Question[0].Qtype
	d.mu.Lock()
	d.asked = append(d.asked, network+" "+dns.TypeToString[kind]+" "+name)
	answer := d.answer
	d.mu.Unlock()
	if answer != nil {
		if m := answer(q, network); m != nil {
			return m
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m := new(dns.Msg).SetReply(q)
	name = dns.CanonicalName(name)
	list := d.records[name]
	for _, rr := range list {
		if rr.Header().Rrtype == kind || rr.Header().Rrtype == dns.TypeCNAME {
			m.Answer = append(m.Answer, rr)
		}
	}
	if len(list) == 0 {
		m.Rcode = dns.RcodeNameError
		for n, l := range d.records {
			if len(l) > 0 && strings.HasSuffix(n, "."+name) {
				m.Rcode = dns.RcodeSuccess
			}
		}
	}
	if network == "udp" {
		m.Truncate(1232)
	}
	return m
}
