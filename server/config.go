package server

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/pki/keystore"
)

// Config holds the settings of the server. Each is a flag, an environment variable PKIAAS_<FLAG> and a key of the
// configuration file. docs/configuration.md is generated from it.
type Config struct {
	Data           string        `default:"./data" help:"Data directory, with the database, keys and certificates of the defaults."`
	Listen         string        `default:"127.0.0.1:8443" help:"Address of the HTTPS listener for the console, GraphQL and enrollment protocols. It never requests a client certificate. Port 0 selects a free port."`
	ListenPublic   string        `default:"127.0.0.1:8080" help:"Address of the HTTP listener for CRLs, OCSP and CA certificates."`
	ListenMTLS     string        `name:"listen-mtls" default:"127.0.0.1:9443" help:"Address of the HTTPS listener with client certificates, for the CA Gateway API."`
	ListenAdmin    string        `default:"127.0.0.1:9090" help:"Address of the HTTP listener for operators: /healthz, /readyz, /metrics. Keep it private. Empty disables it."`
	Database       string        `help:"sqlite:FILE or postgres://… Default: sqlite:DATA/pkiaas.db."`
	Keystore       []string      `sep:" " help:"Key store for CA keys: file:DIR or pkcs11:token=LABEL?module-path=LIBRARY&pin-source=file:PATH, optionally prefixed with NAME=. For several key stores, separate them with spaces or repeat the flag. New CAs use the first one by default. Default: file:DATA/keys."`
	KEK            string        `name:"kek" help:"Key-encryption key of software keys and secrets in the database: file:PATH, env:NAME, passphrase:PATH or hsm:PATH. Missing files are created. Default: file:DATA/kek. Back it up separately from the database."`
	OCSPSigners    string        `name:"ocsp-signers" default:"matching" enum:"matching,compatible" help:"Algorithm of delegated OCSP signers. matching: the family and strength of the CA's algorithm. compatible: RSA 2048, which every client can verify."`
	TwoPersonRoots bool          `name:"two-person-roots" help:"Require the approval of a second person to create or renew a root or to move its key."`
	Manifest       string        `help:"File to write a manifest of addresses to when the server is ready. Demo default: DATA/manifest.json."`
	BaseURL        string        `help:"External URL of the HTTPS listener. Required behind a proxy. Default: from the listener."`
	PublicURL      string        `help:"External URL of the HTTP listener, as written into certificates. Default: from the listener."`
	MTLSURL        string        `name:"mtls-url" help:"External URL of the client-certificate listener. Default: from the listener."`
	TrustedProxies []string      `name:"trusted-proxies" help:"Address ranges (CIDR) of load balancers in front of the server, e.g. 10.1.0.0/16. X-Forwarded-For and the PROXY protocol are accepted only from them."`
	ProxyProtocol  []string      `name:"proxy-protocol" help:"Listeners on which trusted proxies start each connection with a PROXY protocol header (version 1 or 2): tls, public, mtls."`
	AddressRate    int           `name:"address-rate" default:"10" help:"Requests per second that one address (IPv6: one /64) may send without signing in, with bursts of ten times that number. Other limits per address are derived from it. 0 disables them."`
	TLSCert        string        `name:"tls-cert" help:"PEM file with the server certificate and its chain. It is reloaded when it changes. Default: issued by the server's internal CA."`
	TLSKey         string        `name:"tls-key" help:"PEM file with the key of the server certificate."`
	TLSNames       []string      `name:"tls-names" help:"Additional DNS names and IP addresses in the internally issued server certificate."`
	Regions        []string      `default:"US" help:"Regions of this deployment, to which subscriptions can be assigned: US, EU or PQLAB. A deployment usually has one region."`
	SMTPURL        string        `name:"smtp-url" help:"SMTP server: smtp://user:password@host:587 or smtps://… Without it, mail stays in the outbox, which platform operators can read."`
	MailFrom       string        `default:"pkiaas@localhost" help:"Sender address of mail."`
	WebhookAllow   []string      `name:"webhook-allow" help:"Private address ranges (CIDR) that webhooks may call, e.g. 10.1.0.0/16. Plain HTTP is also allowed there."`
	ACMEResolvers  []string      `name:"acme-resolver" help:"DNS resolver for ACME validation, as IP or IP:PORT. Repeat for several resolvers: all must give the same answer, or as many as --acme-resolver-quorum requires. Default: the resolver of the machine."`
	ACMEQuorum     int           `name:"acme-resolver-quorum" help:"Number of resolvers that must give the same answer. Default: all."`
	ACMEHTTPPort   int           `name:"acme-http-port" default:"80" help:"Port for http-01 and for redirects to http."`
	ACMETLSPort    int           `name:"acme-tls-port" default:"443" help:"Port for tls-alpn-01 and for redirects to https."`
	ACMEAllow      []string      `name:"acme-allow" help:"Loopback, link-local and other special address ranges (CIDR) that ACME validation may connect to, e.g. 127.0.0.0/8. Private ranges are always allowed. Demo default: 127.0.0.0/8,::1/128."`
	ACMEDeny       []string      `name:"acme-deny" help:"Address ranges (CIDR) that ACME validation must not connect to. They take precedence over --acme-allow. all: everything not listed in --acme-allow."`
	ACMECAA        []string      `name:"acme-caa" help:"Domain names that identify this CA in CAA records. If set, CAA (RFC 8659, RFC 8657) is checked."`
	ACMETimeout    time.Duration `name:"acme-validation-timeout" default:"10s" help:"Timeout of one challenge validation, including lookups and redirects (at most 1m)."`
	CRLInterval    time.Duration `name:"crl-interval" default:"24h" help:"Interval between CRLs of a CA if nothing is revoked (at most 72h; a CRL is valid for 7 days)."`
	CRLDirectory   string        `name:"crl-directory" help:"Directory to copy every CRL to, as PARTITION/CA/crl.crl, for a web server or mirror. A file is replaced atomically and never by an older CRL."`
	CRLS3          string        `name:"crl-s3" help:"S3-compatible bucket to copy every CRL to: https://HOST/BUCKET or https://HOST/BUCKET/PREFIX."`
	CRLS3Key       string        `name:"crl-s3-key" help:"File with the access key of the bucket on the first line and the secret key on the second."`
	AuditHeads     string        `name:"audit-heads" help:"File to append signed audit heads to, and to verify the log against. Keep it where people with write access to the database have none. Default: DATA/audit-heads.jsonl."`
	AuditInterval  time.Duration `name:"audit-heads-interval" default:"1m" help:"How often audit heads are signed, stored and verified (1s to 24h)."`
	AuditS3        string        `name:"audit-s3" help:"S3-compatible bucket to store signed audit heads in, one object each: https://HOST/BUCKET or https://HOST/BUCKET/PREFIX. Do not use the public bucket of the CRLs."`
	AuditS3Key     string        `name:"audit-s3-key" help:"File with the access key of the bucket on the first line and the secret key on the second."`
	ClockSkew      time.Duration `default:"1m" help:"How far notBefore and thisUpdate are set in the past (at most 1h)."`
	LogLevel       string        `default:"info" enum:"debug,info,warn,error" help:"Log level: debug, info, warn or error."`
	LogFormat      string        `default:"json" enum:"json,text" help:"Log format: json or text."`

	// Demo is set by the command, not by a setting.
	Demo bool `kong:"-"`
}

// Validate sets computed defaults and refuses invalid settings, before anything is opened.
func (c *Config) Validate() error {
	data, err := filepath.Abs(c.Data)
	if err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	c.Data = data
	fill(&c.Database, "sqlite:"+filepath.Join(data, "pkiaas.db"))
	if len(c.Keystore) == 0 {
		c.Keystore = []string{"file:" + filepath.Join(data, "keys")}
	}
	names := map[string]bool{}
	for _, spec := range c.Keystore {
		name, _ := keystore.ParseName(spec)
		if names[name] {
			return fmt.Errorf("--keystore: two key stores are named %s; give one of them another NAME=", name)
		}
		names[name] = true
	}
	fill(&c.AuditHeads, filepath.Join(data, "audit-heads.jsonl"))
	if c.AuditInterval == 0 {
		c.AuditInterval = time.Minute
	}
	if c.AuditInterval < time.Second || c.AuditInterval > 24*time.Hour {
		return fmt.Errorf("--audit-heads-interval: between 1s and 24h")
	}
	fill(&c.KEK, "file:"+filepath.Join(data, "kek"))
	if c.Demo {
		fill(&c.Manifest, filepath.Join(data, "manifest.json"))
		if len(c.ACMEAllow) == 0 { // its clients are on the same machine
			c.ACMEAllow = []string{"127.0.0.0/8", "::1/128"}
		}
	}
	for flag, address := range map[string]string{
		"--listen": c.Listen, "--listen-public": c.ListenPublic, "--listen-mtls": c.ListenMTLS, "--listen-admin": c.ListenAdmin,
	} {
		if address == "" && flag == "--listen-admin" {
			continue
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("%s: %q is not HOST:PORT", flag, address)
		}
	}
	if err := c.canonicalURLs(); err != nil {
		return err
	}
	trusted, err := parseProxies(c.TrustedProxies)
	if err != nil {
		return err
	}
	for _, name := range c.ProxyProtocol {
		if !slices.Contains([]string{"tls", "public", "mtls"}, name) {
			return fmt.Errorf("--proxy-protocol: %q is not tls, public or mtls", name)
		}
		if len(trusted) == 0 {
			return fmt.Errorf("--proxy-protocol needs --trusted-proxies: client addresses are accepted only from listed load balancers")
		}
	}
	if c.AddressRate < 0 || c.AddressRate > 100_000 {
		return fmt.Errorf("--address-rate: between 0 and 100000")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fmt.Errorf("--tls-cert and --tls-key must be set together")
	}
	if c.CRLInterval < time.Second || c.CRLInterval > 72*time.Hour {
		return fmt.Errorf("--crl-interval: between 1s and 72h")
	}
	if c.ClockSkew < 0 || c.ClockSkew > time.Hour {
		return fmt.Errorf("--clock-skew: between 0s and 1h")
	}
	if _, err := newPoster(c.WebhookAllow); err != nil {
		return err
	}
	if _, err := newValidation(c); err != nil {
		return err
	}
	if len(c.Regions) == 0 {
		return fmt.Errorf("--regions: at least one")
	}
	for _, r := range c.Regions {
		if !slices.Contains([]string{"US", "EU", "PQLAB"}, r) {
			return fmt.Errorf("--regions: %q is not US, EU or PQLAB", r)
		}
	}
	return nil
}

// canonicalURLs normalizes the URLs and refuses those that would not work.
func (c *Config) canonicalURLs() error {
	for _, u := range []struct {
		flag, scheme string
		withPath     bool
		value        *string
	}{
		{"--base-url", "https", false, &c.BaseURL}, {"--public-url", "http", true, &c.PublicURL},
		{"--mtls-url", "https", false, &c.MTLSURL},
	} {
		if *u.value == "" {
			continue
		}
		if u.scheme == "http" && strings.HasPrefix(strings.ToLower(*u.value), "https:") {
			return fmt.Errorf(
				"--public-url: CRLs and OCSP must be served over plain HTTP, because a client that checks a certificate cannot check " +
					"another one first",
			)
		}
		canonical, err := canonicalURL(*u.value, u.scheme, u.withPath)
		if err != nil {
			return fmt.Errorf("%s: %w", u.flag, err)
		}
		*u.value = canonical
	}
	return nil
}

func fill(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
