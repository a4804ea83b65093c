package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/credential"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/domain/tenant"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/rbac"
)

// Demo serves with a small estate, which an empty data directory is filled with: through the same services that serve
// everyone, nothing is put into the database past them.
func Demo(ctx context.Context, cfg *Config, out io.Writer) error {
	cfg.Demo = true
	a, err := Open(ctx, cfg)
	if err != nil {
		return err
	}
	if err := a.Listen(ctx); err != nil {
		return errors.Join(err, a.store.Close())
	}
	return a.Serve(ctx, func() error {
		e := &estate{App: a, file: filepath.Join(cfg.Data, "estate.json")}
		if err := e.ensure(ctx); err != nil {
			return fmt.Errorf("the demo estate: %w", err)
		}
		if err := a.writeManifest(&e.Manifest); err != nil {
			return err
		}
		e.announce(out)
		return nil
	})
}

// estate is what the demo is filled with. Its secrets are kept in a file beside the database, as the manifest needs
// them again: a demo has none worth keeping.
type estate struct {
	*App
	Manifest
	file     string
	sessions []context.Context
}

func (e *estate) ensure(ctx context.Context) error {
	text, err := os.ReadFile(e.file)
	if err == nil {
		return json.Unmarshal(text, &e.Manifest)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, step := range []func(context.Context) error{
		e.people, e.authorities, e.certificatesOfEveryKind, e.protocols, e.gateway, e.signOut,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if text, err = json.MarshalIndent(e.Manifest, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(e.file, text, 0o600)
}

func (e *estate) announce(out io.Writer) {
	local := strings.Replace(e.cfg.BaseURL, "127.0.0.1", "localhost", 1)
	owner := e.Users[0]
	code, err := totp.GenerateCode(owner.TOTPSecret, time.Now())
	if err != nil {
		code = "?"
	}
	fmt.Fprintf(
		out, "\n  pkiaas is ready. Sign in at\n\n    %s\n\n  as    %s  (Owner; one user for each role is in the manifest)\n  with  %s\n"+
			"  code  %s  (now; put the secret %s into an authenticator app for more)\n\n"+
			"  Platform operator: %s\n  Manifest with every address and credential: %s\n"+
			"  The browser will warn once: the serving certificate chains to %s\n\n",
		local, owner.Email, owner.Password, code, owner.TOTPSecret, e.Operator.Email, e.cfg.Manifest, e.certs.root())
}

func (e *estate) system(ctx context.Context) context.Context {
	return rbac.WithActor(ctx, rbac.SystemActor())
}

// as is the context of a signed-in user.
func (e *estate) as(ctx context.Context, u *ManifestUser) (context.Context, error) {
	signedIn, err := e.identity.SignIn(ctx, u.Email, u.Password)
	if err != nil {
		return nil, err
	}
	_, session, err := e.identity.AuthenticateSession(ctx, signedIn.Token)
	if err != nil {
		return nil, err
	}
	ctx = identity.WithSession(ctx, session)
	token := ""
	if signedIn.EnrolmentRequired {
		enrolment, err := e.identity.BeginTOTP(ctx)
		if err != nil {
			return nil, err
		}
		u.TOTPSecret = enrolment.Secret
		// The code of the step before, so that the present one is still good for signing in by hand.
		code, err := totp.GenerateCode(enrolment.Secret, time.Now().Add(-30*time.Second))
		if err != nil {
			return nil, err
		}
		enrolled, err := e.identity.ConfirmTOTP(ctx, code)
		if err != nil {
			return nil, err
		}
		token = enrolled.SignedIn.Token
	}
	actor, session, err := e.identity.AuthenticateSession(ctx, token)
	if err != nil {
		return nil, err
	}
	signedInCtx := rbac.WithActor(identity.WithSession(ctx, session), actor)
	e.sessions = append(e.sessions, signedInCtx)
	return signedInCtx, nil
}

// signOut ends the sessions that the filling needed.
func (e *estate) signOut(context.Context) error {
	for _, ctx := range e.sessions {
		if _, err := e.identity.SignOut(ctx, "", false); err != nil {
			return err
		}
	}
	return nil
}

const demoHost = "demo.pkiaas.example"

func (e *estate) people(ctx context.Context) error {
	e.Operator = &ManifestUser{Email: "operator@" + demoHost, Password: newDemoPassword()}
	if _, err := e.identity.CreateOperator(e.system(ctx), e.Operator.Email, e.Operator.Password); err != nil {
		return err
	}
	operator, err := e.as(ctx, e.Operator)
	if err != nil {
		return err
	}
	owner := ManifestUser{Email: "owner@" + demoHost, Password: newDemoPassword(), Role: string(rbac.Owners)}
	subscription, err := e.tenants.Create(
		operator, tenant.NewSubscription{Name: "demo", PurchasedCertificates: 10_000, PurchasedCAs: 100, Tier: new(tenant.Premium),
			OwnerEmail: owner.Email, OwnerFirstName: "Olivia", OwnerLastName: "Owner"})
	if err != nil {
		return err
	}
	e.Subscription = &ManifestNamed{ID: subscription.ID, Name: subscription.Name}
	// A second one, unassigned, so that there is something to assign.
	if _, err := e.tenants.Create(
		operator,
		tenant.NewSubscription{Name: "second subscription", PurchasedCertificates: 500, PurchasedCAs: 5, OwnerEmail: owner.Email},
	); err != nil {
		return err
	}
	asOwner, err := e.confirm(ctx, &owner, "Olivia", "Owner")
	if err != nil {
		return err
	}
	_, partition, err := e.tenants.Assign(asOwner, subscription.ID, tenant.Region(e.cfg.Regions[0]), true)
	if err != nil {
		return err
	}
	e.Partition = &ManifestPartition{ID: partition.ID, Name: partition.Name, Region: string(partition.Region)}
	e.Users = []ManifestUser{owner}
	// The owner's grants have just grown.
	rbac.ActorFrom(asOwner).Grants[partition.ID] = []rbac.Role{rbac.Owners}
	names := [][2]string{{}, {"Carl", "Admiral"}, {"Cora", "Cert"}, {"Audrey", "Audit"}, {"Paul", "Proto"}, {"Petra", "Protokoll"}}
	for n, role := range rbac.Roles() {
		if role == rbac.Owners {
			continue
		}
		u := ManifestUser{
			Email: strings.ReplaceAll(strings.ToLower(string(role)), "_", "-") + "@" + demoHost, Password: newDemoPassword(),
			Role: string(role),
		}
		if _, err := e.identity.Invite(
			asOwner, partition.ID,
			identity.Invitee{Email: u.Email, FirstName: names[n][0], LastName: names[n][1], Roles: []rbac.Role{role}},
		); err != nil {
			return err
		}
		if _, err := e.confirm(ctx, &u, names[n][0], names[n][1]); err != nil {
			return err
		}
		e.Users = append(e.Users, u)
	}
	if _, err := e.identity.Invite(
		asOwner, partition.ID, identity.Invitee{Email: "ivy@" + demoHost, FirstName: "Ivy", LastName: "Invited"},
	); err != nil {
		return err
	}
	_, token, err := e.identity.CreateToken(
		asOwner,
		identity.NewToken{PartitionID: partition.ID, Name: "demo automation", Role: rbac.Owners, ExpiresAt: time.Now().AddDate(0, 11, 0)},
	)
	if err != nil {
		return err
	}
	e.GraphQL = &ManifestGraphQL{Token: token}
	return nil
}

// confirm follows the invitation in the outbox, as the person would follow the link in the mail.
func (e *estate) confirm(ctx context.Context, u *ManifestUser, first, last string) (context.Context, error) {
	mails, err := e.mail.Outbox(e.system(ctx), page.Request{First: page.MaxFirst})
	if err != nil {
		return nil, err
	}
	for _, m := range mails.Nodes {
		_, token, found := strings.Cut(m.Body, "/invitation#")
		if m.Recipient != u.Email || !found {
			continue
		}
		token, _, _ = strings.Cut(token, "\n")
		if _, err := e.identity.AcceptInvitation(ctx, token, u.Password, first, last); err != nil {
			return nil, err
		}
		if ctx, err = e.as(ctx, u); err != nil {
			return nil, err
		}
		return ctx, e.acceptAll(ctx)
	}
	return nil, fmt.Errorf("no invitation for %s", u.Email)
}

// acceptAll accepts, signed in, what else the person is invited to.
func (e *estate) acceptAll(ctx context.Context) error {
	invitations, err := e.identity.Invitations(ctx)
	if err != nil {
		return err
	}
	for _, i := range invitations {
		if err := e.identity.AcceptRoles(ctx, i.ID); err != nil {
			return err
		}
	}
	actor := rbac.ActorFrom(ctx)
	now, err := e.identity.CurrentActor(ctx, actor.Kind, actor.ID, actor.Name)
	if err == nil {
		actor.Grants = now.Grants
	}
	return err
}

func newDemoPassword() string {
	text := strings.ToLower(rand.Text())
	return "demo-" + text[:5] + "-" + text[5:10] + "-" + text[10:15]
}

func (e *estate) authorities(ctx context.Context) error {
	ctx = e.system(ctx)
	all := subscriberProfiles(profile.CATypeIssuing)
	for _, c := range []struct {
		id, name, parent, algorithm string
		typ                         ca.Type
		profiles                    []string
	}{
		{"root-1", "Demo Root", "", "ECDSAP384+SHA384", ca.Root, []string{demoCAProfile}},
		{"issuing-1", "Demo Issuing", "root-1", "ECDSAP256+SHA256", ca.Issuing, all},
		{"issuing-rsa", "Demo Issuing RSA", "root-1", "RSA-3072+PKCS15-SHA256", ca.Issuing, all},
		{"root-pq", "Demo Post-Quantum Root", "", "ML-DSA-65", ca.Root, nil},
		{"issuing-pq", "Demo Post-Quantum Issuing", "root-pq", "ML-DSA-44", ca.Issuing, all},
		{"root-hybrid", "Demo Hybrid Root", "", "MLDSA65-ECDSA-P384", ca.Root, nil},
		{"issuing-hybrid", "Demo Hybrid Issuing", "root-hybrid", "MLDSA44-ECDSA-P256", ca.Issuing, all},
	} {
		r := ca.Request{PartitionID: e.Partition.ID, Type: c.typ, Identifier: c.id, FriendlyName: c.name, SigningAlgorithm: c.algorithm,
			Subject: "CN=" + c.name + " CA,O=pkiaas demo", CRLEnabled: true, OCSPEnabled: true, ProfileIDs: c.profiles}
		if c.parent != "" {
			parent, err := e.cas.ByIdentifier(ctx, e.Partition.ID, c.parent)
			if err != nil {
				return err
			}
			r.ParentID = &parent.ID
		}
		var made *ca.CertificationAuthority
		if err := patiently(ctx, e.log, "creating a CA of the demo", func() (err error) {
			made, err = e.cas.Create(ctx, r)
			return err
		}); err != nil {
			return err
		}
		made, err := e.active(ctx, made.ID)
		if err != nil {
			return err
		}
		chain, err := e.cas.Chain(ctx, made)
		if err != nil {
			return err
		}
		m := ManifestCA{
			ID: c.id, Type: string(c.typ), Algorithm: c.algorithm, CertificateFile: filepath.Join(e.cfg.Data, c.id+".pem"),
			ChainFile: filepath.Join(e.cfg.Data, c.id+"-chain.pem"),
			CRLURL:    e.cas.URLs.CRL(made), OCSPURL: e.cas.URLs.OCSP(made)}
		if err := errors.Join(
			os.WriteFile(m.CertificateFile, []byte(ca.PEM(made.Certificate)), 0o644),
			os.WriteFile(m.ChainFile, []byte(ca.PEM(chain...)), 0o644),
		); err != nil {
			return err
		}
		e.CAs = append(e.CAs, m)
	}
	return nil
}

func subscriberProfiles(caType string) []string {
	var ids []string
	for _, p := range profile.Builtin() {
		for _, t := range p.AllowedCATypes {
			if p.Kind == profile.Subscriber && t == caType {
				ids = append(ids, p.ID)
			}
		}
	}
	return ids
}

// active waits until the job has created the CA.
func (e *estate) active(ctx context.Context, id string) (*ca.CertificationAuthority, error) {
	for deadline := time.Now().Add(2 * time.Minute); ; {
		c, err := e.cas.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		switch {
		case c.Status == ca.Active:
			return c, nil
		case c.Status == ca.Failed:
			return nil, fmt.Errorf("%s could not be created: %s", c.Identifier, c.CreationFailure)
		case time.Now().After(deadline):
			return nil, fmt.Errorf("%s is not active after two minutes", c.Identifier)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// certificatesOfEveryKind issues a few dozen, so that no screen is empty.
func (e *estate) certificatesOfEveryKind(ctx context.Context) error {
	ctx = e.system(ctx)
	hosts := []string{
		"www", "api", "shop", "mail", "vpn", "git", "ci", "wiki", "db-1", "db-2", "cache", "queue", "auth", "ldap", "proxy", "metrics",
		"logs", "backup",
	}
	days := []int{3, 5, 12, 21, 28, 45, 60, 90, 120, 180, 200, 240, 270, 300, 320, 340, 350, 360}
	var issued []*certificate.Certificate
	for n, host := range hosts {
		issuer := []string{"issuing-1", "issuing-rsa", "issuing-1", "issuing-pq"}[n%4]
		c, err := e.cas.ByIdentifier(ctx, e.Partition.ID, issuer)
		if err != nil {
			return err
		}
		request, err := demoCSR(host + "." + demoHost)
		if err != nil {
			return err
		}
		notAfter := time.Now().AddDate(0, 0, days[n])
		asked := intake.Text{
			CAID: c.ID, ProfileID: "privatessl-tls-client-server-supply-san", CSR: request, NotAfter: &notAfter, EndEntity: host,
		}
		if err := patiently(ctx, e.log, "issuing a certificate of the demo", func() error {
			made, err := e.enrollment.Issue(ctx, asked.Request())
			if err == nil {
				issued = append(issued, made.Certificate)
			}
			return err
		}); err != nil {
			return err
		}
	}
	c, err := e.cas.ByIdentifier(ctx, e.Partition.ID, "issuing-rsa")
	if err != nil {
		return err
	}
	for _, person := range []string{"alice", "bob", "carol", "dave"} {
		asked := enrollment.PKCS12Request{Password: newDemoPassword(), KeyType: "RSA-2048",
			Request: intake.Text{CAID: c.ID, ProfileID: "smime-p12-key-encipherment", Subject: new("CN=" + person + ",O=pkiaas demo"),
				SANs: []intake.AlternativeName{{Type: san.Email, Value: person + "@" + demoHost}}, EndEntity: person}.WithoutKey()}
		if err := patiently(ctx, e.log, "issuing a certificate of the demo", func() error {
			made, err := e.enrollment.IssuePKCS12(ctx, asked)
			if err == nil {
				issued = append(issued, made.Certificate)
			}
			return err
		}); err != nil {
			return err
		}
	}
	for n, reason := range []certificate.Reason{
		certificate.KeyCompromise, certificate.Superseded, certificate.CessationOfOperation, certificate.AffiliationChanged,
	} {
		if _, err := e.certificates.Revoke(ctx, issued[4*n+1].ID, reason, nil); err != nil {
			return err
		}
	}
	until := time.Now().AddDate(0, 0, 14)
	if _, err := e.certificates.Suspend(ctx, issued[2].ID, &until); err != nil {
		return err
	}
	_, err = e.certificates.Suspend(ctx, issued[6].ID, nil)
	return err
}

// protocols offers each enrollment protocol, with what its clients need.
func (e *estate) protocols(ctx context.Context) error {
	ctx = e.system(ctx)
	issuer, err := e.cas.ByIdentifier(ctx, e.Partition.ID, "issuing-1")
	if err != nil {
		return err
	}
	m := ManifestACME{ConfigID: "acme-1", CAID: issuer.Identifier, ProfileID: "privatessl-tls-server-supply-san"}
	c, err := e.configurations.Create(
		ctx,
		protocolconfig.Request{
			PartitionID: e.Partition.ID, Identifier: m.ConfigID, Type: acme.TypeID, Description: "Web servers of the demo",
			Offerings: protocolconfig.One(issuer.ID, m.ProfileID),
		},
	)
	if err != nil {
		return err
	}
	key, secret, err := e.acmeAdmin.CreateKey(ctx, c.ID, acme.NewKey{FriendlyName: "demo"})
	if err != nil {
		return err
	}
	m.EABKid, m.EABHMACKey = key.ID, secret
	e.ACME = []ManifestACME{m}
	return nil
}

// demoCAProfile is the profile under which clients have CAs of their own certified.
const demoCAProfile = "basic-ca-subord"

// gateway makes a credential of the CA Gateway API that may do all there is to do on the issuing CAs, and have CAs certified by a root.
func (e *estate) gateway(ctx context.Context) error {
	ctx = e.system(ctx)
	var grants []*credential.Grant
	for _, c := range e.CAs {
		if c.Type != string(ca.Issuing) {
			continue
		}
		issuing, err := e.cas.ByIdentifier(ctx, e.Partition.ID, c.ID)
		if err != nil {
			return err
		}
		grants = append(grants, &credential.Grant{CAID: issuing.ID, Role: credential.CertAdmins})
	}
	root, err := e.cas.ByIdentifier(ctx, e.Partition.ID, "root-1")
	if err != nil {
		return err
	}
	grants = append(grants, &credential.Grant{CAID: root.ID, Role: credential.CertAdmins})
	asked := credential.Request{PartitionID: e.Partition.ID, Identifier: "demo-gateway", FriendlyName: "Demo gateway client", Roles: grants}
	var issued *credential.Issued
	if err := patiently(ctx, e.log, "making the credential of the demo", func() (err error) {
		issued, err = e.credentials.Create(ctx, asked)
		return err
	}); err != nil {
		return err
	}
	e.CAGW = &ManifestCAGW{
		P12File: filepath.Join(e.cfg.Data, issued.FileName()), P12Password: issued.Password, CAID: e.Partition.ID + "~issuing-1",
		ProfileIDs: []string{"multiuse-p12-key-encipherment-client-server", "privatessl-tls-server", "privatessl-tls-client-server",
			"privatessl-tls-client"},
		CAProfileID: demoCAProfile, CAProfileCAID: e.Partition.ID + "~" + root.Identifier}
	return os.WriteFile(e.CAGW.P12File, issued.PKCS12, 0o600)
}

func demoCSR(host string) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.CreateCertificateRequest(
		rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}}, key,
	)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), err
}
