package conformance

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/crypto/acme"

	"github.com/pkiaas/pkiaas/conformance/testbed"
	"github.com/pkiaas/pkiaas/protocols/acme/va/vatest"
)

// acmeEstate is a running demo whose ACME validates against ports and a DNS server of the test.
type acmeEstate struct {
	*testbed.Server
	t         *testing.T
	dns       *vatest.DNS
	httpPort  string
	tlsPort   string
	directory string
	chain     string // file: issuing CA and root
	ocsp, crl string // URLs
	control   string // URL at which hooks set TXT records
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// newACMEEstate validates http-01 at a free port; PKIAAS_ACME_HTTP_PORT=80 is what clients do outside of tests.
func newACMEEstate(t *testing.T, args ...string) *acmeEstate {
	t.Helper()
	e := &acmeEstate{t: t, dns: vatest.NewDNS(t), httpPort: cmp.Or(os.Getenv("PKIAAS_ACME_HTTP_PORT"), freePort(t)), tlsPort: freePort(t)}
	e.Server = start(t, "demo", t.TempDir(), "", append(e.validation(), args...)...)
	for _, c := range e.Manifest.CAs {
		if c.ID == "issuing-rsa" {
			e.chain, e.ocsp, e.crl = c.ChainFile, c.OCSPURL, c.CRLURL
		}
	}
	ca, err := e.CA(e.Manifest.GraphQL.Token, e.Manifest.Partition.ID, "issuing-rsa")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.GraphQL(
		e.Manifest.GraphQL.Token,
		`mutation($i: CreateProtocolConfigurationInput!) { createProtocolConfiguration(input: $i) { protocolConfiguration { id } } }`,
		map[string]any{
			"i": map[string]any{
				"partitionId": e.Manifest.Partition.ID, "identifier": "clients", "type": "ACME",
				"offerings": []any{map[string]any{"caId": ca, "profileId": "privatessl-tls-server-supply-san"}},
			},
		}, nil); err != nil {
		t.Fatal(err)
	}
	// What a hook says of TXT records: /NAME?VALUE sets one, /NAME removes it.
	var mu sync.Mutex
	values := map[string][]string{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	control := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		name := strings.TrimPrefix(r.URL.Path, "/")
		if r.URL.RawQuery == "" {
			delete(values, name)
		} else {
			values[name] = append(values[name], fmt.Sprintf("TXT %q", r.URL.RawQuery))
		}
		e.dns.Set(t, name, values[name]...)
	})}
	go func() { _ = control.Serve(l) }()
	t.Cleanup(func() { _ = control.Close() })
	e.control = "http://" + l.Addr().String()
	return e
}

func (e *acmeEstate) validation() []string {
	return []string{"--acme-resolver", e.dns.Address, "--acme-http-port", e.httpPort, "--acme-tls-port", e.tlsPort}
}

// key makes an external account key as an operator of the server does.
func (e *acmeEstate) key() (id, secret string) {
	e.t.Helper()
	args := []string{
		"acme", "key", "create", e.Manifest.Partition.ID, "clients", "--name", strings.ToLower(rand.Text()[:12]), "--data", e.Data,
		"--base-url", e.Manifest.BaseURL,
	}
	out, err := testbed.Run(args...)
	if err != nil {
		e.t.Fatalf("%v\n%s", err, out)
	}
	lines := map[string]string{}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		lines[name] = value
	}
	e.directory = lines["Directory"]
	return lines["EAB identifier"], lines["EAB HMAC key"]
}

// run runs a client with the environment of this process and more, and returns what it said.
func (e *acmeEstate) run(env []string, name string, args ...string) string {
	e.t.Helper()
	out, err := e.try(env, name, args...)
	if err != nil {
		e.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func (e *acmeEstate) try(env []string, name string, args ...string) (string, error) {
	c := exec.CommandContext(e.t.Context(), name, args...)
	c.Env = append(os.Environ(), env...)
	c.WaitDelay = 10 * time.Second
	out, err := c.CombinedOutput()
	return string(out), err
}

// webroot serves the files of a directory at the port of http-01 until the test ends.
func (e *acmeEstate) webroot(t *testing.T, dir string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:"+e.httpPort)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.StripPrefix("/.well-known/acme-challenge/", http.FileServer(http.Dir(dir)))}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
}

// leaf reads the certificate of a file, which openssl has verified for the name against the root of the demo, with the
// intermediates that the client stored.
func (e *acmeEstate) leaf(t *testing.T, name, file string) *x509.Certificate {
	t.Helper()
	if out, err := exec.CommandContext(
		t.Context(), "openssl", "verify", "-x509_strict", "-CAfile", e.root(), "-untrusted", file, "-purpose", "sslserver",
		"-verify_hostname", name, file,
	).CombinedOutput(); err != nil {
		t.Fatalf("openssl verify: %s", out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(text)
	if block == nil || len(rest) == 0 {
		t.Fatalf("%s holds no chain", file)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func (e *acmeEstate) root() string {
	for _, c := range e.Manifest.CAs {
		if c.ID == "root-1" {
			return c.CertificateFile
		}
	}
	return ""
}

// revoked waits until OCSP says so of one certificate and good of another, and until the CRL holds the one and not the other.
func (e *acmeEstate) revoked(t *testing.T, bad, good *x509.Certificate) {
	t.Helper()
	ask := func() string {
		out, err := exec.CommandContext(
			t.Context(), "openssl", "ocsp", "-issuer", e.chain, "-CAfile", e.chain, "-url", e.ocsp, "-serial",
			"0x"+bad.SerialNumber.Text(16), "-serial", "0x"+good.SerialNumber.Text(16),
		).CombinedOutput()
		if err != nil {
			return string(out) + err.Error()
		}
		return string(out)
	}
	await(t, ask, "0x"+bad.SerialNumber.Text(16)+": revoked")
	if out := ask(); !strings.Contains(out, "0x"+good.SerialNumber.Text(16)+": good") || !strings.Contains(out, "Response verify OK") {
		t.Error(out)
	}
	await(t, func() string {
		list, err := e.fetchCRL()
		if err != nil {
			return err.Error()
		}
		for _, r := range list.RevokedCertificateEntries {
			if r.SerialNumber.Cmp(good.SerialNumber) == 0 {
				return "the CRL lists the certificate that stands"
			}
		}
		for _, r := range list.RevokedCertificateEntries {
			if r.SerialNumber.Cmp(bad.SerialNumber) == 0 {
				return "on the CRL"
			}
		}
		return "the CRL does not list it"
	}, "on the CRL")
}

func (e *acmeEstate) fetchCRL() (*x509.RevocationList, error) {
	der, err := testbed.Get(e.crl)
	if err != nil {
		return nil, err
	}
	return x509.ParseRevocationList(der)
}

// renewed: another certificate, for the same name.
func (e *acmeEstate) renewed(t *testing.T, name, file string, before *x509.Certificate) *x509.Certificate {
	t.Helper()
	leaf := e.leaf(t, name, file)
	if leaf.SerialNumber.Cmp(before.SerialNumber) == 0 {
		t.Fatal("the client kept the old certificate")
	}
	return leaf
}

func script(t *testing.T, lines string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hook.sh")
	if err := os.WriteFile(file, []byte("#!/bin/bash\n"+lines), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func copyOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), filepath.Base(file))
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestACMEClients has the ACME clients of Debian make an account, issue, renew and revoke, each as its manual says.
func TestACMEClients(t *testing.T) {
	needTool(t, "openssl", "openssl")
	e := newACMEEstate(t)
	trust := e.Manifest.TLSCAFile
	t.Run("certbot", func(t *testing.T) {
		needTool(t, "certbot", "certbot")
		e := e.of(t)
		name, dir := "certbot.example.com", t.TempDir()
		e.dns.Set(t, name, "A 127.0.0.1")
		id, secret := e.key()
		env := []string{"REQUESTS_CA_BUNDLE=" + trust}
		// What a test needs beside the guide's command line: directories of its own and a port that needs no root.
		own := []string{
			"--config-dir", dir + "/config", "--work-dir", dir + "/work", "--logs-dir", dir + "/logs", "--non-interactive",
			"--http-01-port", e.httpPort,
		}
		e.run(env, "certbot", append([]string{
			"certonly", "--standalone", "--server", e.directory, "--eab-kid", id, "--eab-hmac-key", secret, "--email", "admin@example.com",
			"--agree-tos", "-d", name,
		}, own...)...)
		live := dir + "/config/live/" + name + "/"
		first := e.leaf(t, name, live+"fullchain.pem")
		old := copyOf(t, live+"cert.pem")
		e.run(env, "certbot", append([]string{"renew", "--force-renewal", "--no-random-sleep-on-renew"}, own...)...)
		second := e.renewed(t, name, live+"fullchain.pem", first)
		e.run(env, "certbot", append([]string{
			"revoke", "--cert-path", old, "--reason", "superseded", "--no-delete-after-revoke", "--server", e.directory,
		}, own[:len(own)-2]...)...)
		e.revoked(t, first, second)
		// With the key of the certificate instead of the account.
		key := copyOf(t, live+"privkey.pem")
		e.run(env, "certbot", append([]string{"renew", "--force-renewal", "--no-random-sleep-on-renew"}, own...)...)
		third := e.renewed(t, name, live+"fullchain.pem", second)
		e.run(env, "certbot", append([]string{
			"revoke", "--cert-path", copyPEM(t, second), "--key-path", key, "--reason", "keycompromise", "--no-delete-after-revoke",
			"--server", e.directory,
		}, own[:len(own)-2]...)...)
		e.revoked(t, second, third)
		e.run(env, "certbot", append([]string{
			"update_account", "--email", "other@example.com", "--server", e.directory,
		}, own[:len(own)-2]...)...)
		e.run(env, "certbot", append([]string{"unregister", "--server", e.directory}, own[:len(own)-2]...)...)
		// A wrong HMAC key is refused, with a word that helps.
		wrong := t.TempDir()
		out, err := e.try(
			env, "certbot", "register", "--server", e.directory, "--eab-kid", id, "--eab-hmac-key", strings.Repeat("A", 43), "--email",
			"admin@example.com", "--agree-tos", "--non-interactive",
			"--config-dir", wrong, "--work-dir", wrong, "--logs-dir", wrong)
		if text, _ := os.ReadFile(wrong + "/letsencrypt.log"); err == nil || !strings.Contains(
			out+string(text), "check EAB identifier and HMAC key",
		) {
			t.Errorf("with a wrong HMAC key: %v %s", err, out)
		}
	})
	t.Run("lego", func(t *testing.T) {
		needTool(t, "lego", "lego")
		for _, challenge := range []string{"http", "tls", "dns"} {
			t.Run(challenge, func(t *testing.T) {
				e := e.of(t)
				name, dir := "lego-"+challenge+".example.com", t.TempDir()
				e.dns.Set(t, name, "A 127.0.0.1")
				id, secret := e.key()
				env := []string{"LEGO_CA_CERTIFICATES=" + trust}
				args := []string{
					"--server", e.directory, "--accept-tos", "--email", "admin@example.com", "--path", dir, "--eab", "--kid", id, "--hmac",
					secret,
				}
				domain, file := name, name
				switch challenge {
				case "http":
					args = append(args, "--http", "--http.port", "127.0.0.1:"+e.httpPort)
				case "tls":
					args = append(args, "--tls", "--tls.port", "127.0.0.1:"+e.tlsPort)
				case "dns":
					domain, file, name = "*."+name, "_."+name, "any."+name
					env = append(
						env,
						"EXEC_PATH="+script(
							t,
							`name=${2%.}; case $1 in present) curl -sf "`+e.control+`/$name?$3";; cleanup) curl -sf "`+e.control+
								`/$name";; esac`,
						),
					)
					args = append(args, "--dns", "exec", "--dns.resolvers", e.dns.Address, "--dns.disable-cp")
				}
				args = append(args, "-d", domain)
				e.run(env, "lego", append(args, "run")...)
				stored := dir + "/certificates/" + file + ".crt"
				first := e.leaf(t, name, stored)
				e.run(env, "lego", append(args, "renew", "--days", "9999", "--no-random-sleep")...)
				second := e.renewed(t, name, stored, first)
				if err := os.WriteFile(stored, []byte(read(t, copyPEM(t, first))), 0o600); err != nil { // it revokes what it finds there
					t.Fatal(err)
				}
				e.run(env, "lego", append(args, "revoke", "--keep", "--reason", "4")...)
				e.revoked(t, first, second)
			})
		}
	})
	t.Run("dehydrated", func(t *testing.T) {
		needTool(t, "dehydrated", "dehydrated")
		needTool(t, "curl", "curl")
		for _, challenge := range []string{"http-01", "dns-01"} {
			t.Run(challenge, func(t *testing.T) {
				e := e.of(t)
				name, dir := "dehydrated-"+challenge+".example.com", t.TempDir()
				e.dns.Set(t, name, "A 127.0.0.1")
				id, secret := e.key()
				domain, file := name, name
				hook := script(t, "")
				if challenge == "dns-01" {
					domain, file = name+" *."+name, name
					hook = script(
						t,
						`case $1 in deploy_challenge) curl -sf "`+e.control+`/_acme-challenge.$2?$4";; clean_challenge) curl -sf "`+
							e.control+`/_acme-challenge.$2";; esac; exit 0`,
					)
				} else {
					e.webroot(t, dir+"/well-known")
				}
				if err := os.Mkdir(dir+"/well-known", 0o700); err != nil {
					t.Fatal(err)
				}
				config := fmt.Sprintf(
					"CA=%q\nBASEDIR=%q\nWELLKNOWN=%q\nCURL_OPTS='--cacert "+
						"%s'\nCHALLENGETYPE=%s\nHOOK=%q\nEAB_KID=%q\nEAB_HMAC_KEY=%q\nCONTACT_EMAIL=admin@example.com\nKEYSIZE=2048\n",
					e.directory, dir, dir+"/well-known", trust, challenge, hook, id, secret)
				if err := os.WriteFile(dir+"/config", []byte(config), 0o600); err != nil {
					t.Fatal(err)
				}
				e.run(nil, "dehydrated", "--register", "--accept-terms", "--config", dir+"/config")
				e.run(nil, "dehydrated", "--cron", "--domain", domain, "--config", dir+"/config")
				stored := dir + "/certs/" + file + "/"
				first := e.leaf(t, name, stored+"fullchain.pem")
				e.run(nil, "dehydrated", "--cron", "--force", "--domain", domain, "--config", dir+"/config")
				second := e.renewed(t, name, stored+"fullchain.pem", first)
				e.run(nil, "dehydrated", "--revoke", copyPEM(t, first), "--config", dir+"/config")
				e.revoked(t, first, second)
				e.run(nil, "dehydrated", "--account", "--config", dir+"/config")
			})
		}
	})
	t.Run("uacme", func(t *testing.T) {
		needTool(t, "uacme", "uacme")
		needTool(t, "curl", "curl")
		for _, challenge := range []string{"http-01", "dns-01"} {
			t.Run(challenge, func(t *testing.T) {
				e := e.of(t)
				name, dir := "uacme-"+challenge+".example.com", t.TempDir()
				e.dns.Set(t, name, "A 127.0.0.1")
				id, secret := e.key()
				// It trusts only the certificates of the machine, so it sees others in their place.
				uacme := func(args ...string) {
					t.Helper()
					unshare := []string{"-m"}
					if os.Getuid() != 0 {
						unshare = []string{"-r", "-m"}
					}
					args = append(unshare, append([]string{
						"sh", "-c", `mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec uacme "$@"`, trust, "-v", "-a",
						e.directory, "-c", dir, "-y",
					}, args...)...)
					e.run(nil, "unshare", args...)
				}
				var hook, ident string
				if challenge == "dns-01" {
					ident = "*." + name
					// It gives the digest for dns-01.
					hook = script(
						t,
						`[ $2 = dns-01 ] || exit 1; case $1 in begin) curl -sf "`+e.control+`/_acme-challenge.$3?$5";; *) curl -sf "`+
							e.control+`/_acme-challenge.$3";; esac`,
					)
				} else {
					ident = name
					root := t.TempDir()
					e.webroot(t, root)
					hook = script(
						t, `[ $2 = http-01 ] || exit 1; case $1 in begin) printf %s "$5" > "`+root+`/$4";; *) rm "`+root+`/$4";; esac`,
					)
				}
				uacme("-e", id+":"+secret, "new", "admin@example.com")
				uacme("-h", hook, "issue", ident)
				stored := dir + "/" + name + "/cert.pem"
				host := strings.Replace(ident, "*", "any", 1)
				first := e.leaf(t, host, stored)
				uacme("-f", "-h", hook, "issue", ident)
				second := e.renewed(t, host, stored, first)
				uacme("newkey") // what follows is signed with another account key
				uacme("-r", "4", "revoke", copyPEM(t, first))
				e.revoked(t, first, second)
				uacme("update", "other@example.com")
				uacme("deactivate")
			})
		}
	})
}

// TestACMEValidationSurvives: the server is killed while it looks at a challenge, and another one that takes its place finishes
// what was begun, without a word of the client.
func TestACMEValidationSurvives(t *testing.T) {
	address := "127.0.0.1:" + freePort(t) // the account's URL has it
	e := newACMEEstate(t, "--listen", address)
	name := "survivor.example.com"
	asked := make(chan struct{})
	var once sync.Once
	e.dns.Answer(func(*dns.Msg, string) *dns.Msg {
		once.Do(func() { close(asked) })
		return vatest.Silence
	})
	id, secret := e.key()
	mac, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(read(t, e.Manifest.TLSCAFile)))
	c := &acme.Client{
		Key: p256(t), DirectoryURL: e.directory,
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}},
	}
	ctx := t.Context()
	if _, err := c.Register(
		ctx, &acme.Account{ExternalAccountBinding: &acme.ExternalAccountBinding{KID: id, Key: mac}}, acme.AcceptTOS,
	); err != nil {
		t.Fatal(err)
	}
	order, err := c.AuthorizeOrder(ctx, acme.DomainIDs(name))
	if err != nil {
		t.Fatal(err)
	}
	z, err := c.GetAuthorization(ctx, order.AuthzURLs[0])
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	e.webroot(t, dir)
	for _, one := range z.Challenges {
		if one.Type != "http-01" {
			continue
		}
		body, err := c.HTTP01ChallengeResponse(one.Token)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, one.Token), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Accept(ctx, one); err != nil {
			t.Fatal(err)
		}
	}
	<-asked
	e.Kill()
	e.dns.Answer(nil)
	e.dns.Set(t, name, "A 127.0.0.1")
	start(t, "serve", e.Data, "", append(
		e.validation(), "--listen", address, "--acme-allow", "127.0.0.0/8", "--base-url", e.Manifest.BaseURL,
	)...)
	ready, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if order, err = c.WaitOrder(ready, order.URI); err != nil || order.Status != acme.StatusReady {
		t.Fatalf("%+v %v", order, err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{name}}, p256(t))
	if err != nil {
		t.Fatal(err)
	}
	if chain, _, err := c.CreateOrderCert(ctx, order.FinalizeURL, der, true); err != nil || len(chain) != 2 {
		t.Errorf("a chain of %d, %v", len(chain), err)
	}
}

func p256(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (e *acmeEstate) of(t *testing.T) *acmeEstate {
	one := *e
	one.t = t
	return &one
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func copyPEM(t *testing.T, c *x509.Certificate) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
