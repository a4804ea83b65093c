package va

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// resolver answers questions. Where there is no address or TXT record, the error is a *noNameError or a *noDataError;
// no CAA is no error. The texts of errors are safe to show.
type resolver interface {
	String() string
	addresses(ctx context.Context, name string) ([]netip.Addr, error)
	txt(ctx context.Context, name string) ([]string, error)
	caa(ctx context.Context, name string) ([]*dns.CAA, error)
}

// noNameError is NXDOMAIN.
type noNameError struct{ name string }

func (e *noNameError) Error() string { return "NXDOMAIN: " + e.name + " does not exist" }

// server is a resolver at an address that the operator gave.
type server struct {
	address string
	timeout time.Duration // of one question
}

func (s *server) String() string { return s.address }

const maxAliases = 8 // CNAMEs that are followed

// query returns the records of a type, following CNAMEs: those in the answer, as resolvers give them, and by asking
// again, as is needed of servers that only know their own zone.
func (s *server) query(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	asked := dns.CanonicalName(name)
	for hops := 0; ; {
		m, err := s.exchange(ctx, asked, kind)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", dns.TypeToString[kind], strings.TrimSuffix(asked, "."), err)
		}
		at := asked
		for i := 0; i < len(m.Answer); i++ {
			if alias, ok := m.Answer[i].(*dns.CNAME); ok && dns.CanonicalName(alias.Hdr.Name) == at {
				if at, i, hops = dns.CanonicalName(alias.Target), -1, hops+1; hops > maxAliases {
					return nil, fmt.Errorf("%s: more than %d CNAMEs", strings.TrimSuffix(name, "."), maxAliases)
				}
			}
		}
		if m.Rcode == dns.RcodeNameError {
			return nil, &noNameError{strings.TrimSuffix(at, ".")}
		}
		var found []dns.RR
		for _, rr := range m.Answer {
			if h := rr.Header(); h.Rrtype == kind && h.Class == dns.ClassINET && dns.CanonicalName(h.Name) == at {
				found = append(found, rr)
			}
		}
		if len(found) > 0 || at == asked {
			return found, nil
		}
		asked = at
	}
}

// exchange asks over UDP, twice if need be, and over TCP when the answer is cut short or none comes.
func (s *server) exchange(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	q := new(dns.Msg).SetQuestion(name, kind)
	q.SetEdns0(1232, false)
	var last error
	for _, network := range []string{"udp", "udp", "tcp"} {
		m, err := s.once(ctx, q, network)
		if err == nil && m.Truncated && network == "udp" {
			m, err = s.once(ctx, q, "tcp")
		}
		switch {
		case err != nil:
			last = err
		case m.Rcode == dns.RcodeSuccess, m.Rcode == dns.RcodeNameError:
			return m, nil
		default:
			last = errors.New(cmp.Or(dns.RcodeToString[m.Rcode], fmt.Sprintf("code %d", m.Rcode)))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, last
}

func (s *server) once(ctx context.Context, q *dns.Msg, network string) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	q.Id = dns.Id() // and a new source port: who cannot see the question must guess both
	m, _, err := (&dns.Client{Net: network, Timeout: s.timeout, UDPSize: 1232}).ExchangeContext(ctx, q, s.address)
	switch {
	case err != nil:
		return nil, errors.New(plain(err))
	case !m.Response || len(m.Question) != 1 || m.Question[0].Qtype != q.Question[0].Qtype ||
		dns.CanonicalName(m.Question[0].Name) != q.Question[0].Name:
		return nil, errors.New("an answer to another question")
	case m.Truncated && network == "tcp":
		return nil, errors.New("an answer cut short, over TCP")
	}
	return m, nil
}

// addresses asks for both kinds at once; one is enough.
func (s *server) addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	var lists [2][]dns.RR
	var errs [2]error
	var wg sync.WaitGroup
	for i, kind := range []uint16{dns.TypeAAAA, dns.TypeA} {
		wg.Go(func() { lists[i], errs[i] = s.query(ctx, name, kind) })
	}
	wg.Wait()
	var found []netip.Addr
	for _, rr := range slices.Concat(lists[0], lists[1]) {
		var ip net.IP
		switch rr := rr.(type) {
		case *dns.AAAA:
			ip = rr.AAAA
		case *dns.A:
			ip = rr.A
		}
		if a, ok := netip.AddrFromSlice(ip); ok {
			found = append(found, a.Unmap())
		}
	}
	if len(found) == 0 {
		return nil, cmp.Or(errs[0], errs[1], error(&noDataError{"A or AAAA", name}))
	}
	return found, nil
}

// noDataError is a name that exists and has no record of the type.
type noDataError struct{ kind, name string }

func (e *noDataError) Error() string { return "there is no " + e.kind + " record at " + e.name }

func (s *server) txt(ctx context.Context, name string) ([]string, error) {
	list, err := s.query(ctx, name, dns.TypeTXT)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, rr := range list {
		if t, ok := rr.(*dns.TXT); ok {
			found = append(found, strings.Join(t.Txt, ""))
		}
	}
	if len(found) == 0 {
		return nil, &noDataError{"TXT", name}
	}
	return found, nil
}

func (s *server) caa(ctx context.Context, name string) ([]*dns.CAA, error) {
	list, err := s.query(ctx, name, dns.TypeCAA)
	if missing := (*noNameError)(nil); errors.As(err, &missing) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var found []*dns.CAA
	for _, rr := range list {
		if c, ok := rr.(*dns.CAA); ok {
			found = append(found, c)
		}
	}
	return found, nil
}

// system is what the machine is set up with: addresses as every program finds them (hosts file too), records from the
// servers of resolv.conf, the first that answers.
type system struct{ timeout time.Duration }

const resolvConf = "/etc/resolv.conf"

func (s *system) String() string { return "system" }

func (s *system) addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	asked := name
	if strings.Contains(name, ".") { // the search list of this machine is for names of one label
		asked += "."
	}
	found, err := (&net.Resolver{PreferGo: true}).LookupNetIP(ctx, "ip", asked)
	if missing := (*net.DNSError)(nil); errors.As(err, &missing) && missing.IsNotFound {
		return nil, &noNameError{name}
	} else if err != nil {
		return nil, errors.New(plain(err))
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found, nil
}

func first[T any](ctx context.Context, s *system, f func(*server) (T, error)) (result T, err error) {
	conf, err := dns.ClientConfigFromFile(resolvConf) // each time: it may change
	if err != nil {
		return result, fmt.Errorf("this machine has no %s; the operator names resolvers with --acme-resolver", resolvConf)
	}
	err = errors.New("this machine has no resolver")
	for _, ip := range conf.Servers {
		result, err = f(&server{net.JoinHostPort(ip, conf.Port), s.timeout})
		noName, noData := (*noNameError)(nil), (*noDataError)(nil)
		if err == nil || errors.As(err, &noName) || errors.As(err, &noData) || ctx.Err() != nil {
			break
		}
	}
	return result, err
}

func (s *system) txt(ctx context.Context, name string) ([]string, error) {
	return first(ctx, s, func(r *server) ([]string, error) { return r.txt(ctx, name) })
}

func (s *system) caa(ctx context.Context, name string) ([]*dns.CAA, error) {
	return first(ctx, s, func(r *server) ([]*dns.CAA, error) { return r.caa(ctx, name) })
}

// answer is what one resolver said.
type answer[T any] struct {
	resolver string
	value    T
	err      error
}

// ask puts one question to every resolver at once. What show returns is safe to show.
func ask[T any](t *attempt, kind, name string, show func(T) []string, f func(resolver) (T, error)) []answer[T] {
	answers := make([]answer[T], len(t.resolvers))
	var wg sync.WaitGroup
	for i, r := range t.resolvers {
		wg.Go(func() {
			value, err := f(r)
			answers[i] = answer[T]{r.String(), value, err}
		})
	}
	wg.Wait()
	for _, a := range answers {
		l := Lookup{Resolver: a.resolver, Name: name, Type: kind}
		if a.err != nil {
			l.Error = clip(a.err.Error(), 300)
		} else {
			for _, s := range show(a.value) {
				if len(l.Answers) < 10 {
					l.Answers = append(l.Answers, clip(s, 300))
				}
			}
		}
		note(t, &t.rec.Lookups, l)
	}
	return answers
}

// said tells what each resolver answered, in a sentence. What show returns is safe to show.
func said[T any](answers []answer[T], show func(T) string) string {
	var parts []string
	for _, a := range answers {
		text := ""
		if a.err != nil {
			text = a.err.Error()
		} else {
			text = show(a.value)
		}
		if len(answers) > 1 || a.resolver != "system" {
			text = a.resolver + ": " + text
		}
		parts = append(parts, clip(text, 400))
		if len(parts) == 4 {
			break
		}
	}
	return strings.Join(parts, "; ")
}

// failed counts answers that are errors.
func failed[T any](answers []answer[T]) (n int) {
	for _, a := range answers {
		if a.err != nil {
			n++
		}
	}
	return n
}

// addresses returns those that enough resolvers gave, IPv6 first.
func (t *attempt) addresses(ctx context.Context, host string) ([]netip.Addr, *Problem) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	texts := func(list []netip.Addr) (s []string) {
		for _, a := range list {
			s = append(s, a.String())
		}
		return s
	}
	answers := ask(t, "A/AAAA", host, texts, func(r resolver) ([]netip.Addr, error) { return r.addresses(ctx, host) })
	votes := map[netip.Addr]int{}
	var agreed []netip.Addr
	for _, a := range answers {
		list := slices.Clone(a.value)
		slices.SortFunc(list, netip.Addr.Compare)
		for _, ip := range slices.Compact(list) {
			if votes[ip]++; votes[ip] == t.Quorum {
				agreed = append(agreed, ip)
			}
		}
	}
	slices.SortFunc(agreed, func(a, b netip.Addr) int {
		if a.Is4() != b.Is4() {
			if b.Is4() {
				return -1
			}
			return 1
		}
		return a.Compare(b)
	})
	if len(agreed) > 0 {
		return agreed, nil
	}
	sentence := said(answers, func(list []netip.Addr) string { return strings.Join(texts(list[:min(len(list), 4)]), ", ") })
	if len(answers) > 1 && failed(answers) < len(answers) {
		return nil, problem(dnsProblem, "fewer than %d resolvers agree on an address of %s (%s)", t.Quorum, host, sentence)
	}
	return nil, problem(dnsProblem, "the address of %s could not be looked up (%s)", host, sentence)
}

// dial connects to a host: to at most two IPv6 addresses, then two of IPv4, until one accepts.
func (t *attempt) dial(ctx context.Context, host string, port int) (net.Conn, *Problem) {
	found, p := t.addresses(ctx, host)
	if p != nil {
		return nil, p
	}
	var tried []string
	six, four := 0, 0
	for _, ip := range found {
		count := &six
		if ip.Is4() {
			count = &four
		}
		if *count++; *count > 2 {
			continue
		}
		at := netip.AddrPortFrom(ip, uint16(port)).String()
		conn, err := t.dialer.DialContext(ctx, "tcp", at)
		if err == nil {
			note(t, &t.rec.Connections, Connection{Host: host, Address: at})
			return conn, nil
		}
		note(t, &t.rec.Connections, Connection{host, at, plain(err)})
		tried = append(tried, at+": "+plain(err))
	}
	return nil, problem(connection, "%s could not be connected to (%s)", host, strings.Join(tried, "; "))
}
