// Package outbound judges the addresses that people who do not run this server may make it connect to: the webhooks
// they name, the hosts they ask certificates for. An address is judged when the connection is made, after name
// resolution, so that no name can point elsewhere the second time. It stands among the protocols because those are
// what the server's outside is made of, and server may import it from there too.
package outbound

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// Guard says which addresses may be connected to. Ranges denied win over ranges allowed, and those over what is
// refused by itself.
type Guard struct {
	allow, deny []netip.Prefix
	onlyAllowed bool
	refused     []kind
}

// Public returns the guard of what lives on the internet: every special and private address is refused unless allowed.
func Public(allow []string) (*Guard, error) {
	g := &Guard{refused: append(slices.Clone(special), private...)}
	var err error
	g.allow, err = ranges(allow)
	return g, err
}

// Private returns the guard of what lives in the operator's own network: private addresses (RFC 1918, RFC 6598, ULA)
// are fine, those of this machine, its link and the other special ones are refused unless allowed. "all" among deny
// refuses whatever is not allowed.
func Private(allow, deny []string) (*Guard, error) {
	g := &Guard{refused: special}
	var err error
	if g.allow, err = ranges(allow); err != nil {
		return nil, err
	}
	if i := slices.Index(deny, "all"); i >= 0 {
		g.onlyAllowed, deny = true, slices.Delete(slices.Clone(deny), i, i+1)
	}
	g.deny, err = ranges(deny)
	return g, err
}

func ranges(list []string) (found []netip.Prefix, err error) {
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not an address range such as 10.1.0.0/16 or fd00::/8", text)
		}
		if p.Addr().Is4In6() { // an address is compared unmapped
			if p.Bits() < 96 {
				return nil, fmt.Errorf("%q is half of IPv4: give the range as an IPv4 one", text)
			}
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		found = append(found, p.Masked())
	}
	return found, nil
}

// RefusedError is an address that is not connected to, and why.
type RefusedError struct {
	Address netip.Addr
	Why     string // "a loopback address"
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%s is %s", e.Address, e.Why) }

// Check returns a *RefusedError when the address must not be connected to. An IPv4 address inside an IPv6 one (mapped,
// NAT64, 6to4) is judged too, and both must pass.
func (g *Guard) Check(a netip.Addr) error {
	for _, form := range forms(a) {
		if why := g.why(form); why != "" {
			return &RefusedError{a, why}
		}
	}
	return nil
}

func (g *Guard) why(a netip.Addr) string {
	in := func(p netip.Prefix) bool { return p.Contains(a) }
	switch {
	case slices.ContainsFunc(g.deny, in):
		return "in a range that the operator denies"
	// A range that is allowed for the hosts in it does not mean the cloud's keys: they must be named by themselves.
	case slices.Contains(metadata, a) && !slices.Contains(g.allow, netip.PrefixFrom(a, a.BitLen())):
		return "the metadata service of a cloud"
	case slices.ContainsFunc(g.allow, in):
		return ""
	case g.onlyAllowed:
		return "in no range that the operator allows"
	}
	for _, k := range g.refused {
		if slices.ContainsFunc(k.ranges, in) {
			return k.name
		}
	}
	return ""
}

// Allowed reports whether the operator named a range that holds the address, and it may be connected to.
func (g *Guard) Allowed(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(a) }) && g.Check(a) == nil
}

// Dialer connects only where the guard lets it: each address is checked in the moment before it is connected to.
func (g *Guard) Dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return errors.New("not an address: " + address)
		}
		return g.Check(at.Addr())
	}}
}

var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215, in its usual form of 96 bits
	sixToFour  = netip.MustParsePrefix("2002::/16")      // RFC 3056
)

// forms returns the address as it is compared, and the IPv4 address that a packet to it would reach in the end.
func forms(a netip.Addr) []netip.Addr {
	a = a.Unmap().WithZone("")
	b := a.As16()
	switch {
	case nat64.Contains(a), nat64Local.Contains(a):
		return []netip.Addr{a, netip.AddrFrom4([4]byte(b[12:16]))}
	case sixToFour.Contains(a):
		return []netip.Addr{a, netip.AddrFrom4([4]byte(b[2:6]))}
	}
	return []netip.Addr{a}
}

type kind struct {
	name   string
	ranges []netip.Prefix
}

func are(name string, texts ...string) (k kind) {
	k.name = name
	for _, text := range texts {
		k.ranges = append(k.ranges, netip.MustParsePrefix(text))
	}
	return k
}

// special are the ranges that no host of a network has as its own (RFC 6890 and the IANA registries that follow it).
var special = []kind{
	are("a loopback address", "127.0.0.0/8", "::1/128"),
	are("a link-local address", "169.254.0.0/16", "fe80::/10"),
	are("an unspecified address", "0.0.0.0/8", "::/128"),
	are("a multicast address", "224.0.0.0/4", "ff00::/8"),
	are("a documentation address", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
	are("a broadcast or reserved address", "240.0.0.0/4", "::/16", "fec0::/10"),
	are("a protocol or benchmarking address", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "100::/64", "2001::/23", "5f00::/16"),
	are("a transition address", "64:ff9b:1::/48", "2002::/16"),
}

var private = []kind{
	are("a private address", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "64:ff9b::/96"),
}

// metadata are the services that give a machine in a cloud its credentials: AWS, GCP, Oracle, Alibaba, Azure.
var metadata = func() (list []netip.Addr) {
	for _, text := range []string{
		"169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "192.0.0.192", "fd00:c1::a9fe:a9fe",
		"100.100.100.200", "168.63.129.16",
	} {
		list = append(list, netip.MustParseAddr(text))
	}
	return list
}()
