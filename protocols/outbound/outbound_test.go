package outbound

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestGuards(t *testing.T) {
	guard := func(g *Guard, err error) *Guard {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	public, private := guard(Public(nil)), guard(Private(nil, nil))
	allowing := guard(Private([]string{"127.0.0.0/8", "169.254.0.0/16", "fd00::/8"}, []string{"127.0.0.9/32", "::ffff:10.9.0.0/112"}))
	only := guard(Private([]string{"10.1.0.0/16", "64:ff9b::/96"}, []string{"10.1.66.0/24", "all"}))
	cloud := guard(Private([]string{"169.254.169.254/32"}, nil))
	for _, c := range []struct {
		address string
		passes  []*Guard
	}{
		{"8.8.8.8", []*Guard{public, private, allowing, cloud}},
		{"2606:4700::1111", []*Guard{public, private, allowing, cloud}},
		{"10.0.0.1", []*Guard{private, allowing, cloud}},
		{"10.1.2.3", []*Guard{private, allowing, only, cloud}},
		{"::ffff:10.1.2.3", []*Guard{private, allowing, only, cloud}},
		{"64:ff9b::a01:203", []*Guard{private, allowing, only, cloud}}, // 10.1.2.3 behind NAT64
		{"64:ff9b::a01:4201", []*Guard{private, allowing, cloud}},      // 10.1.66.1
		{"10.1.66.1", []*Guard{private, allowing, cloud}},
		{"10.9.0.1", []*Guard{private, cloud}},
		{"::ffff:10.9.0.1", []*Guard{private, cloud}},
		{"64:ff9b::a09:1", []*Guard{private, cloud}},
		{"172.16.0.1", []*Guard{private, allowing, cloud}},
		{"192.168.1.1", []*Guard{private, allowing, cloud}},
		{"100.64.0.1", []*Guard{private, allowing, cloud}},
		{"fd00::1", []*Guard{private, allowing, cloud}},
		{"127.0.0.1", []*Guard{allowing}},
		{"::ffff:127.0.0.1", []*Guard{allowing}},
		{"64:ff9b::7f00:1", []*Guard{allowing}},
		{"127.0.0.9", nil},
		{"::ffff:127.0.0.9", nil},
		{"::1", nil},
		{"169.254.1.1", []*Guard{allowing}},
		{"169.254.169.254", []*Guard{cloud}},
		{"::ffff:169.254.169.254", []*Guard{cloud}},
		{"64:ff9b::a9fe:a9fe", []*Guard{cloud}},
		{"fd00:ec2::254", nil},
		{"fd20:ce::254", nil},
		{"100.100.100.200", nil},
		{"168.63.129.16", nil},
		{"0.0.0.0", nil}, {"0.1.2.3", nil}, {"::", nil}, {"::7f00:1", nil}, {"::ffff:0:7f00:1", nil},
		{"224.0.0.1", nil}, {"ff02::1", nil}, {"255.255.255.255", nil}, {"240.0.0.1", nil},
		{"fe80::1", nil}, {"fe80::1%eth0", nil}, {"fec0::1", nil},
		{"192.0.2.1", nil}, {"198.51.100.1", nil}, {"203.0.113.1", nil}, {"2001:db8::1", nil}, {"3fff::1", nil},
		{"192.0.0.8", nil}, {"198.18.0.1", nil}, {"2002:7f00:1::", nil}, {"2002:808:808::", nil}, {"2001:0:7f00:1::", nil},
		{"64:ff9b:1::808:808", nil},
	} {
		for name, g := range map[string]*Guard{"public": public, "private": private, "allowing": allowing, "only": only, "cloud": cloud} {
			passes := false
			for _, p := range c.passes {
				passes = passes || p == g
			}
			err := g.Check(netip.MustParseAddr(c.address))
			if refused := (*RefusedError)(nil); (err == nil) != passes || err != nil && !errors.As(err, &refused) {
				t.Errorf("%s, %s: %v", name, c.address, err)
			}
		}
	}
	for _, text := range []string{"10.1.0.0", "x", "", "10.0.0.0/33", "::ffff:0:0/95"} {
		if _, err := Public([]string{text}); err == nil {
			t.Errorf("%q is a range", text)
		}
		if _, err := Private(nil, []string{text}); err == nil {
			t.Errorf("%q is a range", text)
		}
	}
	if _, err := Public([]string{"all"}); err == nil {
		t.Error("everything can be allowed by a word")
	}
}

// TestDialer: the check is made on the address that a name came to, before anything is sent there.
func TestDialer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	refusing, _ := Private(nil, nil)
	for _, host := range []string{"localhost", "127.0.0.1", "::ffff:127.0.0.1"} {
		conn, err := refusing.Dialer(time.Second).DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
		if refused := (*RefusedError)(nil); !errors.As(err, &refused) {
			t.Errorf("%s: %v %v", host, conn, err)
		}
	}
	allowing, _ := Private([]string{"127.0.0.0/8"}, nil)
	conn, err := allowing.Dialer(time.Second).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}
