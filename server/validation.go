package server

import "github.com/pkiaas/pkiaas/protocols/acme/va"

// newValidation opens what looks at the challenges of ACME over the network.
func newValidation(c *Config) (*va.Authority, error) {
	return va.New(va.Config{HTTPPort: c.ACMEHTTPPort, TLSPort: c.ACMETLSPort, Resolvers: c.ACMEResolvers, Quorum: c.ACMEQuorum,
		Allow: c.ACMEAllow, Deny: c.ACMEDeny, CAA: c.ACMECAA, Timeout: c.ACMETimeout})
}
