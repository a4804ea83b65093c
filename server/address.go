package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/pires/go-proxyproto"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/tenant"
)

// proxies are the load balancers whose word counts for the address of a client.
type proxies []netip.Prefix

func parseProxies(list []string) (proxies, error) {
	var p proxies
	for _, text := range list {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			ip, notIP := netip.ParseAddr(strings.TrimSpace(text))
			if notIP != nil {
				return nil, fmt.Errorf("--trusted-proxies: %q is not an address range such as 10.1.0.0/16", text)
			}
			prefix = netip.PrefixFrom(ip, ip.BitLen())
		}
		p = append(p, prefix.Masked())
	}
	return p, nil
}

func (p proxies) trusted(ip netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}

// client is who sent a request. A header is believed only when a trusted proxy sent it, and in it only what trusted
// proxies wrote: it is read from the right, up to the first address that is not one of them.
func (p proxies) client(peer netip.Addr, h http.Header) netip.Addr {
	if len(p) == 0 || !p.trusted(peer) {
		return peer
	}
	hops := strings.Split(strings.Join(h.Values("X-Forwarded-For"), ","), ",")
	client := peer
	for n := len(hops) - 1; n >= 0; n-- {
		hop := parseAddress(strings.TrimSpace(hops[n]))
		if !hop.IsValid() {
			break // what is left of it was written by somebody who is not to be believed
		}
		if client = hop; !p.trusted(hop) {
			break
		}
	}
	return client
}

// parseAddress reads an IP address, alone or with a port; the zero value when it is none.
func parseAddress(text string) netip.Addr {
	ip, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		with, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}
		}
		ip = with.Addr()
	}
	return ip.Unmap().WithZone("")
}

// listener adds the PROXY protocol to a listener. Its header is required from trusted proxies (the specification
// forbids to guess), and means nothing from others.
func (p proxies) listener(l net.Listener) net.Listener {
	return &proxyproto.Listener{
		Listener: l, ReadHeaderTimeout: 5 * time.Second, ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if p.trusted(parseAddress(o.Upstream.String())) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		}}
}

// keptVisitors bounds the memory of visitors; who is forgotten begins anew.
const keptVisitors = 50_000

// visitors bounds what each address may cost before it is known who asks. An IPv6 client has a /64, so that is what
// counts. All of it is in memory: a refusal costs no query.
type visitors struct {
	known  *otter.Cache[netip.Addr, *visitor]
	perSec rate.Limit // 0: no limits
	work   *semaphore.Weighted
	queue  *semaphore.Weighted
	now    func() time.Time
}

// visitor is an address.
type visitor struct {
	anonymous *rate.Limiter // requests that nobody signed in for
	claimed   *rate.Limiter // requests with a credential, until it proves to be good
	light     *rate.Limiter // requests that cost little: an ACME directory, a nonce
	static    *rate.Limiter // files of the console
	status    *rate.Limiter // OCSP answers that have to be signed, lists that have to be looked for
	connected *rate.Limiter // new connections
}

func newVisitors(perSecond int) *visitors {
	workers := int64(max(8, 2*runtime.GOMAXPROCS(0)))
	return &visitors{
		known: otter.Must(
			&otter.Options[netip.Addr, *visitor]{
				MaximumSize: keptVisitors, ExpiryCalculator: otter.ExpiryAccessing[netip.Addr, *visitor](10 * time.Minute),
			},
		),
		perSec: rate.Limit(perSecond), work: semaphore.NewWeighted(workers), queue: semaphore.NewWeighted(workers +
			waitingWork), now: time.Now,
	}
}

// network is what one client has: all of an IPv4 address, 64 bits of an IPv6 address.
func network(ip netip.Addr) netip.Addr {
	if ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			return prefix.Addr()
		}
	}
	return ip
}

// at finds a visitor.
func (v *visitors) at(ip netip.Addr) *visitor {
	ip = network(ip)
	if found, ok := v.known.GetIfPresent(ip); ok {
		return found
	}
	bucket := func(times int) *rate.Limiter {
		return rate.NewLimiter(v.perSec*rate.Limit(times), int(v.perSec)*times*10)
	}
	found, _ := v.known.SetIfAbsent(
		ip,
		&visitor{anonymous: bucket(1), claimed: bucket(10), light: bucket(3), static: bucket(30), status: bucket(5), connected: bucket(20)},
	)
	return found
}

// take counts a request of an address, or refuses it.
func (v *visitors) take(l *rate.Limiter) error {
	if v.perSec == 0 || l.AllowN(v.now(), 1) {
		return nil
	}
	return fault.New(fault.TooManyRequests, "there were too many requests from this address").After(time.Second).Do(
		"Wait a second, and send requests more slowly.",
	)
}

// giveBack takes the count of a request back: whoever sent it proved to be somebody.
func (v *visitors) giveBack(l *rate.Limiter) {
	if v.perSec != 0 {
		l.AllowN(v.now(), -1)
	}
}

const (
	// waitingWork is how many requests may wait for one of the workers, and workPatience how long.
	waitingWork  = 256
	workPatience = 2 * time.Second
)

// costly admits work that a stranger can cause and that costs something, a signature say: bounded for each address,
// and in parallel for all of them, so that those who have signed in keep their share of the machine.
func (v *visitors) costly(ctx context.Context) (done func(), err error) {
	if info := infoFrom(ctx); info != nil && info.visitor != nil {
		if err := v.take(info.visitor.status); err != nil {
			return nil, err
		}
	}
	busy := fault.New(fault.Unavailable, "the server is busy").After(workPatience).Do("Try again shortly.")
	if !v.queue.TryAcquire(1) {
		return nil, busy
	}
	waiting, cancel := context.WithTimeout(ctx, workPatience)
	defer cancel()
	if v.work.Acquire(waiting, 1) != nil {
		v.queue.Release(1)
		return nil, busy
	}
	return func() { v.work.Release(1); v.queue.Release(1) }, nil
}

// Bounds of connections: each takes memory before it has said anything.
const (
	connectionsPerAddress = 200
	connectionsInAll      = 10_000
)

// doorman is a listener that accepts so many connections of an address at a time, and so many a second. A trusted proxy
// brings connections of others; it is not counted.
type doorman struct {
	net.Listener
	visitors *visitors
	proxies  proxies

	mu   sync.Mutex
	open map[netip.Addr]int // by network
	all  int
}

func (d *doorman) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		ip := parseAddress(c.RemoteAddr().String())
		if d.visitors.perSec == 0 || d.proxies.trusted(ip) {
			return c, nil
		}
		from := network(ip)
		if d.visitors.take(d.visitors.at(from).connected) == nil && d.enter(from) {
			return &countedConn{Conn: c, left: func() { d.leave(from) }}, nil
		}
		_ = c.Close() // there is nothing to say that would cost less than what is saved
	}
}

func (d *doorman) enter(ip netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all >= connectionsInAll || d.open[ip] >= connectionsPerAddress {
		return false
	}
	d.all++
	d.open[ip]++
	return true
}

func (d *doorman) leave(ip netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if d.open[ip]--; d.open[ip] == 0 {
		delete(d.open, ip)
	}
}

type countedConn struct {
	net.Conn
	once sync.Once
	left func()
}

func (c *countedConn) Close() error {
	defer c.once.Do(c.left)
	return c.Conn.Close()
}

// guarded puts the bounds of connections, and the PROXY protocol, in front of a listener.
func (a *App) guarded(name string, l net.Listener) net.Listener {
	if name != "admin" {
		l = &doorman{Listener: l, visitors: a.visitors, proxies: a.proxies, open: map[netip.Addr]int{}}
	}
	if slices.Contains(a.cfg.ProxyProtocol, name) {
		l = a.proxies.listener(l)
	}
	return l
}

// acmeLimits are the limits of ACME.
type acmeLimits struct {
	visitors *visitors
	tenants  *tenant.Limiter
}

// Anyone counts a request against its address. It may be signed, by whom is not known yet.
func (l acmeLimits) Anyone(ctx context.Context, signed bool) error {
	info := infoFrom(ctx)
	if info == nil || info.visitor == nil {
		return nil
	}
	if signed {
		return l.visitors.take(info.visitor.claimed)
	}
	return l.visitors.take(info.visitor.light)
}

// Account counts a request that an account signed. Only an account that the tenant let in, by an external account
// binding, uses the rate of its partition; anyone can make another one, so it stays with its address.
func (l acmeLimits) Account(ctx context.Context, partitionID string, bound bool) error {
	info := infoFrom(ctx)
	if info != nil && info.visitor != nil {
		l.visitors.giveBack(info.visitor.claimed)
	}
	if bound {
		return l.tenants.AllowOther(ctx, partitionID)
	}
	if info != nil && info.visitor != nil {
		return l.visitors.take(info.visitor.light)
	}
	return nil
}
