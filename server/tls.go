package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/san"
)

// cipherSuites are those of TLS 1.2; the two RSA ones are what the guide names for devices. TLS 1.3 has its own.
var cipherSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// servingCertificates supplies the certificates of the HTTPS listeners.
type servingCertificates interface {
	get(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// root is the PEM file to trust, "" when the operator brought a certificate.
	root() string
}

func tlsConfig(certs servingCertificates) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: cipherSuites, GetCertificate: certs.get, NextProtos: []string{"h2", "http/1.1"},
	}
}

// mutualTLSConfig asks for a client certificate and takes any: whose it is, if anybody's, is found out for each request, and who
// has none gets an answer that its program can show. See admit.
func mutualTLSConfig(certs servingCertificates) *tls.Config {
	c := tlsConfig(certs)
	c.ClientAuth = tls.RequestClientCert
	return c
}

// fileCertificate is the operator's certificate, read again when the file changes.
type fileCertificate struct {
	certFile, keyFile string
	log               *slog.Logger
	mu                sync.Mutex
	loaded            *tls.Certificate
	modified, checked time.Time
}

func (f *fileCertificate) root() string { return "" }

func (f *fileCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.loaded != nil && time.Since(f.checked) < 5*time.Second {
		return f.loaded, nil
	}
	f.checked = time.Now()
	info, err := os.Stat(f.certFile)
	if err == nil && f.loaded != nil && info.ModTime().Equal(f.modified) {
		return f.loaded, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(f.certFile, f.keyFile)
	}
	if err != nil {
		if f.loaded != nil {
			// Half-written files: go on with what worked, try again shortly.
			f.log.Warn("the serving certificate could not be read again", "file", f.certFile, "error", err)
			return f.loaded, nil
		}
		return nil, fmt.Errorf("reading the serving certificate: %w", err)
	}
	f.loaded, f.modified = &pair, info.ModTime()
	return f.loaded, nil
}

// internalCA issues the server's own certificates: an ECDSA and an RSA one, since some clients know only RSA. Its root
// lies in the data directory; the keys that serve live in memory and are made anew at each start.
type internalCA struct {
	rootFile string
	rootDER  []byte
	names    []string
	keys     keystore.Store
	rootKey  keystore.Key
	mu       sync.Mutex
	serving  []tls.Certificate
	renewAt  time.Time
}

// Files of the internal CA in the data directory: its certificate, and the id of its key in the server's own key store.
const tlsRootFile, tlsRootKeyFile = "tls-root.pem", "tls-root.key-id"

const servingLifetime = 90 * 24 * time.Hour

func newInternalCA(ctx context.Context, cfg *Config, keys keystore.Store, names []string) (*internalCA, error) {
	i := &internalCA{rootFile: filepath.Join(cfg.Data, tlsRootFile), names: names, keys: keys}
	if err := i.loadOrCreateRoot(ctx); err != nil {
		return nil, fmt.Errorf("the internal CA of the serving certificates: %w", err)
	}
	return i, i.issue(ctx)
}

// SignDetached signs content as the server: detached CMS (RFC 5652) with a certificate of its own, made for this once.
func (i *internalCA) SignDetached(ctx context.Context, content []byte) ([]byte, error) {
	root, err := x509.ParseCertificate(i.rootDER)
	if err != nil {
		return nil, err
	}
	subject, err := name.Parse("CN=pkiaas minutes,O=pkiaas")
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	der, err := certify(ctx, i.rootKey, issuance.Certificate{
		SerialNumber: issuance.NewSerialNumber(now), Issuer: root.RawSubject, Subject: subject.DER(), NotBefore: now.Add(-time.Hour),
		NotAfter:  root.NotAfter,
		PublicKey: spki, Extensions: []extension.Extension{
			extension.BasicConstraints(false, nil), extension.KeyUsage(
				extension.DigitalSignature, extension.NonRepudiation,
			), extension.ExtendedKeyUsage(false, extension.EmailProtection),
			extension.AuthorityKeyIdentifier(root.SubjectKeyId), extension.SubjectKeyIdentifier(extension.KeyIdentifier(spki))},
	})
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	signed, err := pkcs7.NewSignedData(content)
	if err != nil {
		return nil, err
	}
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := signed.AddSignerChain(certificate, key, []*x509.Certificate{root}, pkcs7.SignerInfoConfig{}); err != nil {
		return nil, err
	}
	signed.Detach()
	return signed.Finish()
}

func (i *internalCA) root() string { return i.rootFile }

func (i *internalCA) loadOrCreateRoot(ctx context.Context) error {
	idFile := filepath.Join(filepath.Dir(i.rootFile), tlsRootKeyFile)
	if text, err := os.ReadFile(i.rootFile); err == nil {
		id, err := os.ReadFile(idFile)
		if err != nil {
			return err
		}
		block, _ := pem.Decode(text)
		if block == nil {
			return fmt.Errorf("%s holds no certificate", i.rootFile)
		}
		i.rootDER = block.Bytes
		i.rootKey, err = i.keys.Open(ctx, string(id))
		return err
	}
	a, err := algorithm.ForLabel("ECDSAP256+SHA256")
	if err != nil {
		return err
	}
	if i.rootKey, err = i.keys.Generate(ctx, a, keystore.Signing); err != nil {
		return err
	}
	subject, err := name.Parse("CN=pkiaas internal TLS root,O=pkiaas")
	if err != nil {
		return err
	}
	now := time.Now()
	id := extension.KeyIdentifier(i.rootKey.PublicKey())
	i.rootDER, err = certify(ctx, i.rootKey, issuance.Certificate{
		SerialNumber: issuance.NewSerialNumber(now), Issuer: subject.DER(), Subject: subject.DER(), NotBefore: now.Add(-time.Hour),
		NotAfter:  now.AddDate(10, 0, 0),
		PublicKey: i.rootKey.PublicKey(), Extensions: []extension.Extension{
			extension.BasicConstraints(true, new(int)), extension.KeyUsage(
				extension.KeyCertSign, extension.CRLSign,
			), extension.SubjectKeyIdentifier(id)},
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(idFile, []byte(i.rootKey.ID()), 0o600); err != nil {
		return err
	}
	return os.WriteFile(i.rootFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.rootDER}), 0o644)
}

func certify(ctx context.Context, signer keystore.Key, c issuance.Certificate) ([]byte, error) {
	prepared, err := issuance.Prepare(c, signer.Algorithm())
	if err != nil {
		return nil, err
	}
	return prepared.Sign(ctx, signer)
}

func (i *internalCA) issue(ctx context.Context) error {
	root, err := x509.ParseCertificate(i.rootDER)
	if err != nil {
		return err
	}
	var names []san.GeneralName
	for _, n := range i.names {
		t := san.DNSName
		if net.ParseIP(n) != nil {
			t = san.IPAddress
		}
		parsed, err := san.Parse(t, n, "--tls-names")
		if err != nil {
			return err
		}
		names = append(names, parsed)
	}
	subject, err := name.Parse("CN=" + i.names[0])
	if err != nil {
		return err
	}
	now := time.Now()
	var serving []tls.Certificate
	for _, label := range []string{"ECDSAP256+SHA256", "RSA-2048+PKCS15-SHA256"} {
		a, err := algorithm.ForLabel(label)
		if err != nil {
			return err
		}
		key, err := a.Generate()
		if err != nil {
			return err
		}
		usages := []extension.KeyUsageBit{extension.DigitalSignature}
		der, err := certify(ctx, i.rootKey, issuance.Certificate{
			SerialNumber: issuance.NewSerialNumber(now), Issuer: root.RawSubject, Subject: subject.DER(), NotBefore: now.Add(-time.Hour),
			NotAfter:  now.Add(servingLifetime),
			PublicKey: key.PublicKey(), Extensions: []extension.Extension{
				extension.BasicConstraints(false, nil), extension.KeyUsage(usages...),
				extension.ExtendedKeyUsage(false, extension.ServerAuth),
				extension.SubjectAlternativeName(false, san.MarshalDER(names)),
				extension.AuthorityKeyIdentifier(root.SubjectKeyId), extension.SubjectKeyIdentifier(
					extension.KeyIdentifier(key.PublicKey()),
				)},
		})
		if err != nil {
			return err
		}
		pkcs8, err := key.MarshalPKCS8()
		if err != nil {
			return err
		}
		private, err := x509.ParsePKCS8PrivateKey(pkcs8)
		if err != nil {
			return err
		}
		serving = append(serving, tls.Certificate{Certificate: [][]byte{der, i.rootDER}, PrivateKey: private})
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.serving, i.renewAt = serving, now.Add(servingLifetime/2)
	return nil
}

func (i *internalCA) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	i.mu.Lock()
	due := time.Now().After(i.renewAt)
	i.mu.Unlock()
	if due {
		if err := i.issue(hello.Context()); err != nil {
			return nil, err
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range i.serving {
		if hello.SupportsCertificate(&i.serving[n]) == nil {
			return &i.serving[n], nil
		}
	}
	// The RSA one: what the client cannot take it will say.
	return &i.serving[len(i.serving)-1], nil
}

// servingNames are the names by which the listeners are reached.
func servingNames(cfg *Config) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	for _, u := range []string{cfg.BaseURL, cfg.MTLSURL} {
		if parsed, err := url.Parse(u); err == nil && parsed.Hostname() != "" {
			names = append([]string{parsed.Hostname()}, names...)
		}
	}
	for _, address := range []string{cfg.Listen, cfg.ListenMTLS} {
		if host, _, err := net.SplitHostPort(address); err == nil && host != "" && host != "0.0.0.0" && host != "::" {
			names = append(names, host)
		}
	}
	names = append(names, cfg.TLSNames...)
	seen := map[string]bool{}
	return slices.DeleteFunc(names, func(n string) bool { d := seen[n]; seen[n] = true; return d })
}
