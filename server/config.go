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

// Config is every setting of the server: a flag, an environment variable PKIAAS_<FLAG>, a key of the configuration
// file. docs/configuration.md is printed from it.
type Config struct {
	Data           string        `default:"./data" help:"Data directory: database, keys and certificates of the embedded defaults."`
	Listen         string        `default:"127.0.0.1:8443" help:"HTTPS: console, GraphQL and enrollment protocols. Never asks for a client certificate. Port 0 takes a free one."`
	ListenPublic   string        `default:"127.0.0.1:8080" help:"Plain HTTP: CRL, OCSP and CA certificates."`
	ListenMTLS     string        `name:"listen-mtls" default:"127.0.0.1:9443" help:"HTTPS with a client certificate: CA Gateway API."`
	ListenAdmin    string        `default:"127.0.0.1:9090" help:"Plain HTTP for operators: /healthz, /readyz, /metrics. Keep it private. Empty turns it off."`
	Database       string        `help:"sqlite:FILE or postgres://… Default: sqlite:DATA/pkiaas.db."`
	Keystore       []string      `sep:" " help:"Where CA keys live: file:DIR or pkcs11:token=LABEL?module-path=LIBRARY&pin-source=file:PATH, with NAME= in front if you like. Give several, with a space between them or by repeating the flag; the first is the default. Default: file:DATA/keys."`
	KEK            string        `name:"kek" help:"Key-encryption key of software keys and of secrets in the database: file:PATH, env:NAME, passphrase:PATH or hsm:PATH; files are made when missing. Default: file:DATA/kek. Back it up apart from the database."`
	OCSPSigners    string        `name:"ocsp-signers" default:"matching" enum:"matching,compatible" help:"matching: delegated OCSP signers are of their CA's algorithm family and strength. compatible: RSA with 2048 bits, as in the guide."`
	TwoPersonRoots bool          `name:"two-person-roots" help:"A root is created or renewed, or its key moved, only after a second person approved it."`
	Manifest       string        `help:"Where a manifest of addresses is written once everything is ready. Demo default: DATA/manifest.json."`
	BaseURL        string        `help:"URL by which people and devices reach the HTTPS listener; needed behind a proxy. Default: from the listener."`
	PublicURL      string        `help:"URL of the plain HTTP listener as it is written into certificates. Default: from the listener."`
	MTLSURL        string        `name:"mtls-url" help:"URL of the client-certificate listener. Default: from the listener."`
	TrustedProxies []string      `name:"trusted-proxies" help:"Address ranges (CIDR) of the load balancers in front of the server: 10.1.0.0/16. Only from them are X-Forwarded-For and the PROXY protocol believed."`
	ProxyProtocol  []string      `name:"proxy-protocol" help:"Listeners on which trusted proxies begin each connection with a PROXY protocol header (version 1 or 2): tls, public, mtls."`
	AddressRate    int           `name:"address-rate" default:"10" help:"Requests per second that one address (IPv6: one /64) may send without signing in; ten times as many at once. Other limits of an address follow from it. 0 turns them off."`
	TLSCert        string        `name:"tls-cert" help:"PEM file of the serving certificate and its chain; read again when it changes. Default: issued by the server's own internal CA."`
	TLSKey         string        `name:"tls-key" help:"PEM file of its key."`
	TLSNames       []string      `name:"tls-names" help:"Further DNS names and IP addresses of the internally issued serving certificate."`
	Regions        []string      `default:"US" help:"Regions that this deployment serves, of US, EU and PQLAB: those that subscriptions can be assigned to. One deployment is usually one region."`
	SMTPURL        string        `name:"smtp-url" help:"smtp://user:password@host:587 or smtps://…; without it mail stays in the outbox that platform operators see."`
	MailFrom       string        `default:"pkiaas@localhost" help:"Sender of mail."`
	WebhookAllow   []string      `name:"webhook-allow" help:"Address ranges (CIDR) that webhooks of tenants may call although they are private: 10.1.0.0/16. Plain http is allowed within them too."`
	ACMEResolvers  []string      `name:"acme-resolver" help:"DNS resolver that ACME validation asks, as IP or IP:PORT. Repeat it: all must then give the same answer, or as many as --acme-resolver-quorum says. Default: the resolver of the machine."`
	ACMEQuorum     int           `name:"acme-resolver-quorum" help:"How many of the resolvers must give the same answer. Default: all."`
	ACMEHTTPPort   int           `name:"acme-http-port" default:"80" help:"Port of http-01, and of redirects to http."`
	ACMETLSPort    int           `name:"acme-tls-port" default:"443" help:"Port of tls-alpn-01, and of redirects to https."`
	ACMEAllow      []string      `name:"acme-allow" help:"Address ranges (CIDR) that ACME validation may connect to although they are loopback, link-local or otherwise special: 127.0.0.0/8. Private ranges need no word. Demo default: 127.0.0.0/8,::1/128."`
	ACMEDeny       []string      `name:"acme-deny" help:"Address ranges (CIDR) that ACME validation must not connect to; they win over --acme-allow. all: whatever --acme-allow does not name."`
	ACMECAA        []string      `name:"acme-caa" help:"Domain names by which CAA records mean this CA. With one, CAA (RFC 8659, RFC 8657) is checked; without, it is not looked at."`
	ACMETimeout    time.Duration `name:"acme-validation-timeout" default:"10s" help:"Time for one validation of a challenge, with lookups and redirects (at most 1m)."`
	CRLInterval    time.Duration `name:"crl-interval" default:"24h" help:"Time between two CRLs of a CA when nothing is revoked (at most 72h; a CRL is valid for 7 days)."`
	CRLDirectory   string        `name:"crl-directory" help:"Directory that every CRL is copied to as PARTITION/CA/crl.crl, for a web server or a mirror to serve; replaced whole, never by an older one."`
	CRLS3          string        `name:"crl-s3" help:"Bucket of an S3-compatible store that every CRL is copied to: https://HOST/BUCKET or https://HOST/BUCKET/PREFIX."`
	CRLS3Key       string        `name:"crl-s3-key" help:"File with the access key of that store in its first line and the secret key in its second."`
	AuditHeads     string        `name:"audit-heads" help:"File to which the signed ends of the audit log are appended, and with which the log is compared. Keep it where those who can write to the database cannot. Default: DATA/audit-heads.jsonl."`
	AuditInterval  time.Duration `name:"audit-heads-interval" default:"1m" help:"How often the ends of the audit log are signed, kept and compared (1s to 24h)."`
	AuditS3        string        `name:"audit-s3" help:"Bucket of an S3-compatible store in which the signed ends of the audit log are kept too, one object each: https://HOST/BUCKET or https://HOST/BUCKET/PREFIX. Do not use the public bucket of the CRLs."`
	AuditS3Key     string        `name:"audit-s3-key" help:"File with the access key of that store in its first line and the secret key in its second."`
	ClockSkew      time.Duration `default:"1m" help:"How far notBefore and thisUpdate lie in the past (at most 1h)."`
	LogLevel       string        `default:"info" enum:"debug,info,warn,error" help:"debug, info, warn or error."`
	LogFormat      string        `default:"json" enum:"json,text" help:"json or text."`

	// Demo is set by the command, not by a setting.
	Demo bool `kong:"-"`
}

// Validate fills what has a computed default and refuses what cannot work, before anything is opened.
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
			return fmt.Errorf("--keystore: two are named %s; put another NAME= in front of one", name)
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
	for flag, address := range map[string]string{"--listen": c.Listen, "--listen-public": c.ListenPublic, "--listen-mtls": c.ListenMTLS, "--listen-admin": c.ListenAdmin} {
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
			return fmt.Errorf("--proxy-protocol needs --trusted-proxies: the address of a client is believed only from a load balancer that is named")
		}
	}
	if c.AddressRate < 0 || c.AddressRate > 100_000 {
		return fmt.Errorf("--address-rate: between 0 and 100000")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fmt.Errorf("--tls-cert and --tls-key go together")
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

// canonicalURLs refuses addresses under which the server would not work, and writes the others in one way.
func (c *Config) canonicalURLs() error {
	for _, u := range []struct {
		flag, scheme string
		withPath     bool
		value        *string
	}{{"--base-url", "https", false, &c.BaseURL}, {"--public-url", "http", true, &c.PublicURL}, {"--mtls-url", "https", false, &c.MTLSURL}} {
		if *u.value == "" {
			continue
		}
		if u.scheme == "http" && strings.HasPrefix(strings.ToLower(*u.value), "https:") {
			return fmt.Errorf("--public-url: CRL and OCSP are served over plain HTTP: a client that checks a certificate cannot be asked to check another one first")
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
