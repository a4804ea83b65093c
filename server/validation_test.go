package server

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/protocols/acme/va"
)

// TestValidationSettings: a setting that cannot work stops the start and names itself; only the demo may validate its
// own machine without being told.
func TestValidationSettings(t *testing.T) {
	here := httptest.NewServer(http.NotFoundHandler())
	defer here.Close()
	valid := func(change func(*Config)) (*Config, error) {
		c := &Config{
			Data: t.TempDir(), Listen: "127.0.0.1:0", ListenPublic: "127.0.0.1:0", ListenMTLS: "127.0.0.1:0", Regions: []string{"EU"},
			CRLInterval:  time.Hour,
			ACMEHTTPPort: here.Listener.Addr().(*net.TCPAddr).Port, ACMETLSPort: 443, ACMETimeout: 10 * time.Second}
		change(c)
		return c, c.Validate()
	}
	const token = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
	for _, demo := range []bool{false, true} {
		c, err := valid(func(c *Config) { c.Demo = demo })
		if err != nil {
			t.Fatal(err)
		}
		a, err := newValidation(c)
		if err != nil {
			t.Fatal(err)
		}
		_, p := a.Validate(
			t.Context(),
			va.Challenge{
				Type: va.HTTP01, Identifier: va.Identifier{Type: va.IP, Value: "127.0.0.1"}, Token: token,
				KeyAuthorization: token + "." + token,
			},
		)
		if p == nil || strings.Contains(p.Detail, "loopback") == demo {
			t.Errorf("demo %t: %v", demo, p)
		}
	}
	for name, c := range map[string]struct {
		change func(*Config)
		word   string
	}{
		"a resolver's name": {func(c *Config) { c.ACMEResolvers = []string{"dns.example"} }, "dns.example"},
		"a quorum":          {func(c *Config) { c.ACMEQuorum = 2 }, "--acme-resolver-quorum"},
		"an address":        {func(c *Config) { c.ACMEAllow = []string{"10.0.0.1"} }, "10.0.0.1"},
		"a denied address":  {func(c *Config) { c.ACMEDeny = []string{"10.0.0.1"} }, "10.0.0.1"},
		"a port":            {func(c *Config) { c.ACMETLSPort = 99999 }, "99999"},
		"an issuer":         {func(c *Config) { c.ACMECAA = []string{"me@example.com"} }, "me@example.com"},
		"a time":            {func(c *Config) { c.ACMETimeout = time.Hour }, "1h"},
	} {
		if _, err := valid(c.change); err == nil || !strings.Contains(err.Error(), c.word) || !strings.Contains(err.Error(), "--acme-") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
