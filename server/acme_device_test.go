package server

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/attestation"
	"github.com/pkiaas/pkiaas/rbac"
)

// appleServers attest as Apple's do, under a root of the test.
type appleServers struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	root *x509.Certificate
}

func newAppleServers(t testing.TB) *appleServers {
	t.Helper()
	key := newP256()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root in the place of Apple's"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &appleServers{t, key, mustParse(t, der)}
}

// settings of a configuration that believes them.
func (s *appleServers) settings() string {
	return string(jsonOf(acme.Settings{Challenges: []string{acme.HTTP01, acme.DeviceAttest01},
		Attestation: map[attestation.Format]string{
			attestation.Apple: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.root.Raw})),
		}}))
}

// attest is the attestation object for a key in the Secure Enclave of a device, in answer to a token.
func (s *appleServers) attest(serial string, key crypto.PublicKey, token string) map[string]any {
	s.t.Helper()
	freshness := sha256.Sum256([]byte(token))
	apple := func(last ...int) asn1.ObjectIdentifier {
		return append(asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8}, last...)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "device"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().AddDate(0, 1, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{
			{Id: apple(9, 1), Value: []byte(serial)}, {Id: apple(9, 2), Value: []byte("00008110-" + serial)},
			{Id: apple(10, 1), Value: []byte("17.4.1")}, {Id: apple(11, 1), Value: freshness[:]},
		}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, s.root, key, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	object, err := cbor.Marshal(map[string]any{"fmt": "apple", "attStmt": map[string]any{"x5c": [][]byte{der}}})
	if err != nil {
		s.t.Fatal(err)
	}
	return map[string]any{"attObj": b64(object)}
}

func permanent(serial string) map[string]any {
	return map[string]any{"identifiers": []any{map[string]any{"type": acme.PermanentIdentifier, "value": serial}}}
}

// deviceCSR is as devices write it: what it names is not believed.
func deviceCSR(t testing.TB, key crypto.Signer) map[string]any {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "anything"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"csr": b64(der)}
}

// device is a client that has made its account without binding.
func (e *acmeEstate) device(t testing.TB) *rawACME {
	t.Helper()
	c := e.stranger(t)
	r := c.ok(c.post("new-account", map[string]any{"termsOfServiceAgreed": true}), 201)
	c.kid = r.location()
	if v := r.object(); v["status"] != "valid" || v["externalAccountBinding"] != nil {
		t.Errorf("the account %s", r.body)
	}
	return c
}

// prove answers the challenge of an order for a device, and returns what became of the authorization.
func (c *rawACME) prove(s *appleServers, order map[string]any, serial string, key crypto.Signer) map[string]any {
	c.t.Helper()
	authz, url, token := c.challenge(order, 0, acme.DeviceAttest01)
	c.ok(c.post(url, s.attest(serial, key.Public(), token)), 200)
	return c.settled(authz)
}

// enrol gets a device its certificate, under a profile that it may name.
func (c *rawACME) enrol(s *appleServers, serial string, profile ...string) ([]byte, *ecdsa.PrivateKey) {
	c.t.Helper()
	asked := permanent(serial)
	for _, p := range profile {
		asked["profile"] = p
	}
	order := c.ok(c.post("new-order", asked), 201).object()
	key := newP256()
	if z := c.prove(s, order, serial, key); z["status"] != "valid" {
		c.t.Fatalf("the authorization: %v", z)
	}
	url := c.ok(c.post(order["finalize"].(string), deviceCSR(c.t, key)), 200).object()["certificate"].(string)
	block, _ := pem.Decode(c.ok(c.post(url, nil), 200).body)
	return block.Bytes, key
}

func (e *acmeEstate) bindingRequired(t testing.TB) bool {
	t.Helper()
	c := e.stranger(t)
	return c.ok(
		c.send(http.MethodGet, c.base+"directory", "", nil), 200,
	).object()["meta"].(map[string]any)["externalAccountRequired"].(bool)
}

const macbook = "C02XK1ABJGH6"

// TestAnAppleDeviceWithoutBinding enrols a device whose client knows no external account binding, and refuses what it has not
// proved or was not meant for it.
func TestAnAppleDeviceWithoutBinding(t *testing.T) {
	s := newAppleServers(t)
	e := newACME(t, s.settings())
	e.offer(t, "privatessl-tls-client")
	stranger := e.stranger(t)
	stranger.want("before there is a key", stranger.post("new-account", map[string]any{}), 403, "externalAccountRequired")
	if !e.bindingRequired(t) {
		t.Error("the directory asks for no binding before there is a key")
	}
	key, secret, err := e.acmeAdmin.CreateKey(
		e.ctx, e.c.ID,
		acme.NewKey{FriendlyName: "macs", WithoutBinding: true, Allowed: []string{"device:" + macbook, "device:SPARE", "device:00008110-"}},
	)
	if err != nil || secret != "" {
		t.Fatalf("a secret %q, %v", secret, err)
	}
	if e.bindingRequired(t) {
		t.Error("the directory asks for a binding though there is a key without")
	}
	// Its identifier binds nothing, with whatever secret.
	for _, guess := range [][]byte{{}, make([]byte, 32), []byte(key.ID)} {
		stranger.want(
			"bound to the key without binding",
			stranger.post("new-account", map[string]any{"externalAccountBinding": stranger.eab(key.ID, guess)}), 403, "unauthorized",
		)
	}

	c := e.device(t)
	der, leafKey := c.enrol(s, macbook)
	leaf := mustParse(t, der)
	if pub, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || !pub.Equal(leafKey.Public()) {
		t.Error("the certificate is of another key than the attested one")
	}
	// It names the device, and no host: the profile would make one of a common name.
	if len(leaf.DNSNames) > 0 || len(leaf.IPAddresses) > 0 || leaf.Subject.String() != "" {
		t.Errorf("the certificate names %v %v %s", leaf.DNSNames, leaf.IPAddresses, leaf.Subject)
	}
	var made certificate.Certificate
	if err := e.store.DB(e.ctx).Take(
		&made, "configuration_id = ?", e.c.ID,
	).Error; err != nil || !strings.Contains(made.SearchText, strings.ToLower(macbook)) || made.EndEntityID == nil {
		t.Fatalf("%+v %v", made, err)
	}

	// Nothing but devices that are listed.
	c.want("a host", c.post("new-order", identifiers("host.example.com")), 403, "rejectedIdentifier")
	c.want("a host with the name of a device", c.post("new-order", identifiers("c02xk1abjgh6")), 403, "rejectedIdentifier")
	c.want("an address", c.post("new-order", identifiers("10.1.2.3")), 403, "rejectedIdentifier")
	both := permanent(macbook)
	both["identifiers"] = append(both["identifiers"].([]any), identifiers("host.example.com")["identifiers"].([]any)...)
	c.want("a device and a host", c.post("new-order", both), 403, "rejectedIdentifier")
	c.want("a device that is not listed", c.post("new-order", permanent("C02OTHER0000")), 403, "rejectedIdentifier")
	c.want("part of a serial number", c.post("new-order", permanent(macbook[:4])), 403, "rejectedIdentifier")

	// A listed serial number is proved by that device alone, and the request holds the key that it attested.
	order := c.ok(c.post("new-order", permanent("SPARE1")), 201).object()
	if order["status"] != "pending" {
		t.Errorf("nothing is proved and the order is %s", order["status"])
	}
	c.want("finalized without a proof", c.post(order["finalize"].(string), deviceCSR(t, newP256())), 403, "orderNotReady")
	if z := c.prove(s, order, "C02OTHER0000", newP256()); z["status"] != "invalid" || !strings.Contains(
		string(jsonOf(z)), urn+"badAttestationStatement",
	) {
		t.Errorf("another device proved it: %v", z)
	}
	order = c.ok(c.post("new-order", permanent("SPARE1")), 201).object()
	if z := c.prove(newAppleServers(t), order, "SPARE1", newP256()); z["status"] != "invalid" {
		t.Errorf("a statement under another root proved it: %v", z)
	}
	order = c.ok(c.post("new-order", permanent("SPARE1")), 201).object()
	if z := c.prove(s, order, "SPARE1", newP256()); z["status"] != "valid" {
		t.Errorf("%v", z)
	}
	c.want("with another key", c.post(order["finalize"].(string), deviceCSR(t, newP256())), 400, "badCSR")
	// The next order is to be proved again.
	if o := c.ok(c.post("new-order", permanent("SPARE1")), 201).object(); o["status"] != "pending" {
		t.Errorf("an order that was not proved is %s", o["status"])
	}

	// What another account ordered is not its own, even if it has proved to be the same device.
	twin := e.device(t)
	second, _ := twin.enrol(s, macbook, "privatessl-tls-client")
	// A profile that makes no host of it has the device as common name.
	if leaf := mustParse(t, second); leaf.Subject.CommonName != macbook || len(leaf.DNSNames) > 0 {
		t.Errorf("%s %v", leaf.Subject, leaf.DNSNames)
	}
	twin.want("revoked by another account", twin.post("revoke-cert", map[string]any{"certificate": b64(der)}), 403, "unauthorized")
	bound := e.raw(t, allNames)
	_, hostDER, _ := bound.issue("www.example.com")
	twin.want("a host's certificate revoked", twin.post("revoke-cert", map[string]any{"certificate": b64(hostDER)}), 403, "unauthorized")
	c.ok(c.post("revoke-cert", map[string]any{"certificate": b64(der)}), 200)

	// It is an end entity like any other.
	var entity endentity.EndEntity
	if err := e.store.DB(e.ctx).Take(&entity, "id = ?", *made.EndEntityID).Error; err != nil || entity.Identifier != macbook {
		t.Fatalf("%+v %v", entity, err)
	}
	if _, err := e.endEntities.Deactivate(e.ctx, entity.ID); err != nil {
		t.Fatal(err)
	}
	c.want("a deactivated device", c.post("new-order", permanent(macbook)), 403, "unauthorized")

	// One such key at a time.
	another := acme.NewKey{FriendlyName: "more", WithoutBinding: true, Allowed: []string{"device:X"}}
	if _, _, err := e.acmeAdmin.CreateKey(e.ctx, e.c.ID, another); !fault.Is(err, fault.Conflict) ||
		fault.Of(err).Field != "withoutBinding" {
		t.Errorf("a second key: %v", err)
	}
	// Revoked, it makes no account and its accounts order nothing; then there may be another.
	waiting := c.ok(c.post("new-order", permanent("SPARE2")), 201).object()
	_, url, token := c.challenge(waiting, 0, acme.DeviceAttest01)
	if _, err := e.acmeAdmin.RevokeKey(e.ctx, key.ID); err != nil {
		t.Fatal(err)
	}
	c.want("ordered under a revoked key", c.post("new-order", permanent("SPARE2")), 403, "unauthorized")
	c.want("proved under a revoked key", c.post(url, s.attest("SPARE2", newP256().Public(), token)), 403, "unauthorized")
	stranger.want("an account of a revoked key", stranger.post("new-account", map[string]any{}), 403, "externalAccountRequired")
	if !e.bindingRequired(t) {
		t.Error("the directory asks for no binding after the key was revoked")
	}
	if _, _, err := e.acmeAdmin.CreateKey(e.ctx, e.c.ID, another); err != nil {
		t.Error(err)
	}
	c.want("under the key that came after", c.post("new-order", permanent("X1")), 403, "unauthorized")
}

// TestLimitsOfAKeyWithoutBinding: as many accounts as it may make, for as long as it may.
func TestLimitsOfAKeyWithoutBinding(t *testing.T) {
	s := newAppleServers(t)
	e := newACME(t, s.settings())
	e.offer(t, "privatessl-tls-client")
	end := e.now().Add(time.Hour)
	k := acme.NewKey{FriendlyName: "one", WithoutBinding: true, Allowed: []string{"device:" + macbook}, MaxAccounts: 1, ExpiresAt: &end}
	if _, _, err := e.acmeAdmin.CreateKey(e.ctx, e.c.ID, k); err != nil {
		t.Fatal(err)
	}
	c := e.device(t)
	again := c.envelope("new-account", map[string]any{})
	delete(again.header, "kid")
	again.header["jwk"] = jwkOf(c.key)
	if r := c.ok(c.send("POST", again.url, again.contentType, again.sign()), 200); r.location() != c.kid {
		t.Errorf("the same key has the account %s and then %s", c.kid, r.location())
	}
	stranger := e.stranger(t)
	stranger.want("one account more", stranger.post("new-account", map[string]any{}), 403, "unauthorized")
	c.nonce = ""
	c.enrol(s, macbook)
	ahead.Add(int64(2 * time.Hour))
	c.nonce, stranger.nonce = "", ""
	c.want("after the end", c.post("new-order", permanent(macbook)), 403, "unauthorized")
	stranger.want("an account after the end", stranger.post("new-account", map[string]any{}), 403, "externalAccountRequired")
	k.FriendlyName, k.ExpiresAt = "two", nil
	if _, _, err := e.acmeAdmin.CreateKey(e.ctx, e.c.ID, k); err != nil {
		t.Errorf("after the end of the first: %v", err)
	}
}

// A key without binding is made with the devices it is for, where they can prove themselves; nobody is told a secret of it.
func TestAKeyWithoutBindingIsMade(t *testing.T) {
	e := newACME(t, "")
	create := func(input string) answer {
		return e.ask(
			t, e.as(rbac.ProtocolOperators),
			`mutation { createAcmeKey(input: {configurationId:
				"`+e.c.ID+`", withoutBinding: true, `+input+`}) { key { id state withoutBinding allowedIdentifiers } hmacKey } }`,
			nil,
		)
	}
	refused := func(what, input, code, field string) {
		t.Helper()
		got := create(input)
		if got.code() != code || got.Errors[0].Extensions.Field != field || got.Errors[0].Extensions.Action == "" {
			t.Errorf("%s: %+v", what, got.Errors)
		}
	}
	right := `friendlyName: "macs", allowedIdentifiers: ["device:C02XK1ABJGH6"]`
	refused("no format is accepted", right, "POLICY_REFUSED", "withoutBinding")
	e.done(
		t, rbac.ProtocolOperators,
		`mutation { updateAcmeSettings(input: {configurationId:
			"`+e.c.ID+`", attestation: [{format: "apple"}]}) { protocolConfiguration { id } } }`,
		nil,
	)
	refused("device-attest-01 is not offered", right, "POLICY_REFUSED", "withoutBinding")
	e.done(
		t, rbac.ProtocolOperators,
		`mutation { updateAcmeSettings(input: {configurationId:
			"`+e.c.ID+`", challenges: ["device-attest-01"]}) { protocolConfiguration { id } } }`,
		nil,
	)
	refused("for which devices?", `friendlyName: "macs"`, "INVALID", "allowedIdentifiers")
	for _, name := range []string{"host.example.com", "*.example.com", "10.0.0.0/8", "10.1.2.3", "device:", "*"} {
		refused(
			"for "+name, `friendlyName: "macs", allowedIdentifiers: ["device:C02XK1ABJGH6", "`+name+`"]`, "INVALID", "allowedIdentifiers",
		)
	}
	refused("without a proof", right+`, needsNoChallenge: true`, "INVALID", "needsNoChallenge")
	var made struct {
		CreateAcmeKey struct {
			Key struct {
				ID, State          string
				WithoutBinding     bool
				AllowedIdentifiers []string
			}
			HmacKey *string
		}
	}
	e.done(
		t, rbac.ProtocolOperators,
		`mutation { createAcmeKey(input: {configurationId:
			"`+e.c.ID+`", withoutBinding: true, `+right+`}) { key { id state withoutBinding allowedIdentifiers } hmacKey } }`,
		&made,
	)
	if k := made.CreateAcmeKey; k.HmacKey != nil || !k.Key.WithoutBinding || k.Key.State != "ACTIVE" || !slices.Equal(
		k.Key.AllowedIdentifiers, []string{"device:C02XK1ABJGH6"},
	) {
		t.Errorf("%+v", k)
	}
	refused("a second one", `friendlyName: "more", allowedIdentifiers: ["device:X"]`, "CONFLICT", "withoutBinding")
	for _, role := range []rbac.Role{rbac.ProtocolAuditors, rbac.CAAuditors} {
		if text := e.done(
			t, role, `{ protocolConfiguration(id: "`+e.c.ID+`") { acme { externalKeys { nodes { id withoutBinding } } } } }`, nil,
		); !strings.Contains(text, `"withoutBinding":true`) {
			t.Errorf("%s sees %s", role, text)
		}
	}
}
