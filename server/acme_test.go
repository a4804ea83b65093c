package server

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"slices"
	"testing"

	client "golang.org/x/crypto/acme"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/rbac"
)

// acmeEstate is a server with an ACME configuration.
type acmeEstate struct {
	*App
	m   *Manifest
	ctx context.Context // the system
	c   *protocolconfig.Configuration
}

func newACME(t testing.TB, settings string) *acmeEstate {
	t.Helper()
	return newACMEOn(t, "", settings)
}

// offer adds an offering of the configuration's CA under a profile.
func (e *acmeEstate) offer(t testing.TB, profile string) {
	t.Helper()
	c, err := e.configurations.AddOffering(e.ctx, e.c.ID, protocolconfig.OfferingRequest{CAID: e.c.Offerings[0].CAID, ProfileID: profile})
	if err != nil {
		t.Fatal(err)
	}
	e.c = c
}

func newACMEOn(t testing.TB, database, settings string) *acmeEstate {
	t.Helper()
	a, m := inProcessOn(t, database)
	ctx := rbac.WithActor(context.Background(), rbac.SystemActor())
	issuing, err := a.cas.ByIdentifier(ctx, m.Partition.ID, "issuing-rsa")
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.configurations.Create(
		ctx,
		protocolconfig.Request{
			PartitionID: m.Partition.ID, Identifier: "acme-test", Type: acme.TypeID, Description: "test",
			Offerings: protocolconfig.One(issuing.ID, "privatessl-tls-server-supply-san"), Settings: settings,
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	return &acmeEstate{a, m, ctx, c}
}

// client registers an account with the independent ACME client of golang.org/x/crypto.
func (e *acmeEstate) client(t testing.TB, k acme.NewKey) (*client.Client, *client.Account) {
	t.Helper()
	made, secret, err := e.acmeAdmin.CreateKey(e.ctx, e.c.ID, k)
	if err != nil {
		t.Fatal(err)
	}
	mac, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := e.dial(key)
	account, err := c.Register(
		t.Context(),
		&client.Account{
			Contact: []string{"mailto:admin@example.com"}, ExternalAccountBinding: &client.ExternalAccountBinding{KID: made.ID, Key: mac},
		},
		client.AcceptTOS,
	)
	if err != nil {
		t.Fatal(err)
	}
	return c, account
}

func (e *acmeEstate) dial(key crypto.Signer) *client.Client {
	// what is tested is behind TLS
	return &client.Client{
		Key: key, DirectoryURL: acme.DirectoryURL(e.cfg.BaseURL, e.c),
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
	}
}

func newCSR(t testing.TB, cn string, names ...string) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: cn}}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

// problem is the type of an ACME error.
func problem(err error) string {
	var e *client.Error
	if errors.As(err, &e) {
		return e.ProblemType
	}
	return ""
}

const urn = "urn:ietf:params:acme:error:"

func TestACME(t *testing.T) {
	e := newACME(t, "")
	ctx := t.Context()
	c, account := e.client(t, acme.NewKey{FriendlyName: "team-a", Allowed: []string{"*.example.com", "10.0.0.0/8"}, Preauthorized: true})
	if account.Status != "valid" || account.URI == "" {
		t.Fatalf("%+v", account)
	}
	ids := append(client.DomainIDs("b.example.com", "A.example.com", "a.example.com"), client.IPIDs("10.1.2.3")...)
	order, err := c.AuthorizeOrder(ctx, ids)
	if err != nil {
		t.Fatal(err)
	}
	if order.Status != client.StatusReady || len(order.Identifiers) != 3 {
		t.Fatalf("%+v", order)
	}
	wrong, _ := newCSR(t, "a.example.com", "a.example.com")
	if _, _, err := c.CreateOrderCert(ctx, order.FinalizeURL, wrong, true); problem(err) != urn+"badCSR" {
		t.Errorf("a CSR with fewer names: %v", err)
	}
	request, key := newCSR(t, "", "a.example.com", "b.example.com", "10.1.2.3")
	chain, url, err := c.CreateOrderCert(ctx, order.FinalizeURL, request, true)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(leaf.DNSNames, []string{"b.example.com", "a.example.com"}) || len(leaf.IPAddresses) != 1 ||
		leaf.Subject.CommonName != "b.example.com" {
		t.Errorf("%v %v %v", leaf.Subject, leaf.DNSNames, leaf.IPAddresses)
	}
	if len(chain) != 2 {
		t.Errorf("a chain of %d", len(chain))
	}
	if again, err := c.FetchCert(ctx, url, true); err != nil || !slices.Equal(again[0], chain[0]) {
		t.Errorf("fetched again: %v", err)
	}
	// The inventory knows where it came from.
	var made certificate.Certificate
	if err := e.store.DB(ctx).Take(&made, "configuration_id = ?", e.c.ID).Error; err != nil || made.Source != "acme" {
		t.Errorf("%+v %v", made.Source, err)
	}
	if _, err := c.AuthorizeOrder(ctx, client.DomainIDs("example.org")); problem(err) != urn+"rejectedIdentifier" {
		t.Errorf("a name that the key is not for: %v", err)
	}
	// Renewal information, and its use.
	// Revocation with the certificate's own key, then once more.
	stranger, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := c.RevokeCert(ctx, stranger, chain[0], client.CRLReasonKeyCompromise); problem(err) != urn+"unauthorized" {
		t.Errorf("revoked by a stranger: %v", err)
	}
	if err := c.RevokeCert(ctx, key, chain[0], client.CRLReasonKeyCompromise); err != nil {
		t.Error(err)
	}
	if err := c.RevokeCert(
		ctx, nil, chain[0], client.CRLReasonKeyCompromise,
	); problem(err) != urn+"alreadyRevoked" && !errors.Is(err, nil) {
		t.Errorf("revoked twice: %v", err)
	}
	if err := e.store.DB(ctx).Take(&made, "id = ?", made.ID).Error; err != nil || made.Status != certificate.Revoked ||
		made.RevocationReason != certificate.KeyCompromise {
		t.Errorf("%s %v", made.Status, err)
	}
	// Another key, and then the end of the account.
	next, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := c.AccountKeyRollover(ctx, next); err != nil {
		t.Error(err)
	}
	if _, err := c.AuthorizeOrder(ctx, client.DomainIDs("c.example.com")); err != nil {
		t.Error(err)
	}
	if err := c.DeactivateReg(ctx); err != nil {
		t.Error(err)
	}
	if _, err := c.AuthorizeOrder(ctx, client.DomainIDs("d.example.com")); problem(err) != urn+"unauthorized" {
		t.Errorf("ordered by a deactivated account: %v", err)
	}
}
