package ca

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/csr"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/nameconstraint"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Importing is what ImportRoot is called with.
type Importing struct {
	PartitionID, Identifier, FriendlyName string
	Certificate                           []byte
}

// ImportRoot records a root whose key is elsewhere, by its certificate (PEM or DER). CAs below it are made here and
// signed there; it has no CRL or OCSP of ours. It counts as a CA.
func (s *Service) ImportRoot(
	ctx context.Context, partitionID, identifier, friendlyName string, certificate []byte,
) (_ *CertificationAuthority, err error) {
	event := audit.Event{
		PartitionID: partitionID, Action: "ca.import-root", ObjectKind: "ca", ObjectName: strings.Trim(text.Quote(identifier), `"`),
	}
	defer s.Audit.Refusal(ctx, &err, &event)
	defer s.Approvals.Submit(ctx, &err)
	if err := s.Guard.Require(ctx, rbac.CACreate, partitionID); err != nil {
		return nil, err
	}
	if err := CheckIdentifier("identifier", identifier); err != nil {
		return nil, err
	}
	if err := text.Label("friendlyName", friendlyName, 1, 64); err != nil {
		return nil, err
	}
	found, err := issuance.ParseCertificates(certificate)
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fault.New(fault.Invalid, "these are %d certificates", len(found)).At("certificate").Do("Give that of the root alone.")
	}
	now := s.Now()
	d, err := issuance.CheckRoot(found[0], now)
	if err != nil {
		return nil, err
	}
	subject, _, err := name.Existing(d.Subject)
	if err != nil {
		return nil, err
	}
	c := &CertificationAuthority{
		ID: uuid.Must(uuid.NewV7()).String(), PartitionID: partitionID, Identifier: identifier, FriendlyName: friendlyName,
		Type: ExternalRoot, Status: Active,
		SigningAlgorithm: d.SignatureAlgorithm, Subject: subject.String(), SubjectDER: d.Subject, NotBefore: &d.NotBefore,
		NotAfter:    d.NotAfter,
		Certificate: found[0], SerialNumber: d.SerialNumber, CreationStep: StepActive, CreatedAt: now, ActivatedAt: &now,
		CreatedBy:     rbac.ActorFrom(ctx).Name,
		KeyGeneration: 1, IssuerGeneration: 1,
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.Quota.TakeCA(ctx, partitionID); err != nil {
			return err
		}
		// Two roots may have one name and one serial number: what is the same has the same bytes.
		var same []CertificationAuthority
		if err := s.Store.DB(ctx).Select("identifier").Find(
			&same, "partition_id = ? AND type = ? AND purged_at IS NULL AND certificate = ?", partitionID, ExternalRoot, c.Certificate,
		).Error; err != nil {
			return err
		}
		if len(same) > 0 {
			return fault.New(fault.Conflict, "this root was imported already, as %s", same[0].Identifier).At("certificate")
		}
		if err := s.Store.DB(ctx).Create(c).Error; err != nil {
			if store.IsDuplicate(err) {
				return fault.New(fault.Conflict, "the identifier %s is taken", identifier).At("identifier").
					Do("Choose another one; the identifier of a deleted CA becomes free 24 hours after the deletion.")
			}
			return err
		}
		if err := s.ask(
			ctx, c,
			approval.Ask{
				Operation: approval.CACreate, Verb: VerbImportRoot, Payload: Importing{partitionID, identifier, friendlyName, certificate},
				Summary: "import the external root " + identifier,
				Facts: []approval.Fact{
					{Name: "Valid until", Value: c.NotAfter.Format(time.RFC3339)},
					{Name: "SHA-256 of the certificate", Value: d.Fingerprint},
				}}); err != nil {
			return err
		}
		event.ObjectID, event.Summary = c.ID, "imported the external root "+identifier
		event.Details = audit.Details{"subject": c.Subject, "serialNumber": c.SerialNumber, "certificateSha256": d.Fingerprint}
		s.Audit.Record(ctx, event)
		if err := s.AddCertificate(ctx, c, Own, c.Certificate, 1, 1); err != nil {
			return err
		}
		return s.Approvals.Settle(ctx, c.ID)
	})
	return c, err
}

// SigningRequestPEM is the request (PKCS #10) that an external root is to sign, "" when none waits.
func (s *Service) SigningRequestPEM(ctx context.Context, c *CertificationAuthority) (string, error) {
	if err := s.Guard.Require(ctx, rbac.CADownload, c.PartitionID); err != nil || c.SigningRequest == nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: c.SigningRequest})), nil
}

// Import takes the certificate that an external root made for the waiting request. It may come with the certificates
// above it (PEM), or alone (PEM or DER). Its creation, or renewal, then goes on. For an external root itself it takes
// another certificate of that root.
func (s *Service) Import(ctx context.Context, id string, certificate []byte) (*CertificationAuthority, error) {
	return s.change(ctx, id, rbac.CACreate, "ca.import", func(ctx context.Context, c *CertificationAuthority, e *audit.Event) error {
		found, err := issuance.ParseCertificates(certificate)
		if err != nil {
			return err
		}
		// What the CA has already is told before that it waits for nothing: somebody imported twice.
		for _, der := range found {
			var known int64
			if err := s.Store.DB(ctx).Model(&OwnCertificate{}).Where("ca_id = ? AND der = ?", c.ID, der).Count(&known).Error; err != nil {
				return err
			}
			if known > 0 {
				return fault.New(fault.Conflict, "%s has this certificate already", c.Identifier).At("certificate").Do(
					"Import the one that was made for the present request.",
				)
			}
		}
		if c.Type == ExternalRoot {
			return s.renewRoot(ctx, c, found, e)
		}
		if c.DeletedAt != nil || c.SigningRequest == nil {
			return fault.New(fault.Conflict, "%s waits for no certificate", c.Identifier).At("caId")
		}
		waiting := c
		if c.Renewal == NewKey {
			if waiting, err = s.NextKey(ctx, c); err != nil {
				return err
			}
		}
		d, der, err := s.fitting(ctx, c, waiting, found)
		if err != nil {
			return err
		}
		e.Summary = "imported the certificate " + d.SerialNumber + " of " + c.Identifier
		e.Details = audit.Details{"serialNumber": d.SerialNumber, "certificateSha256": d.Fingerprint, "notAfter": d.NotAfter}
		if err := s.AddCertificate(ctx, c, Own, der, waiting.KeyGeneration, 1); err != nil {
			return err
		}
		c.SigningRequest = nil
		subject, _, err := name.Existing(d.Subject)
		if err != nil {
			return err
		}
		receive := func(v *CertificationAuthority) error {
			v.Subject, v.SubjectDER = subject.String(), d.Subject // an equal name, which may be encoded otherwise
			v.Certificate, v.SerialNumber, v.NotBefore, v.NotAfter, v.IssuerGeneration = der, d.SerialNumber, &d.NotBefore, d.NotAfter, 1
			return nil
		}
		switch c.Renewal {
		case NewKey:
			if _, err := s.ChangeKey(ctx, c.ID, waiting.KeyGeneration, receive); err != nil {
				return err
			}
			return s.Jobs.Enqueue(ctx, RenewJob, c.ID, s.Now(), nil)
		case SameKey:
			c.endRenewal()
			if err := s.Jobs.Enqueue(ctx, RenewJob, c.ID, s.Now(), nil); err != nil {
				return err
			}
			return receive(c)
		}
		c.Status = Creating
		if err := s.Jobs.Enqueue(ctx, CreateJob, c.ID, s.Now(), nil); err != nil {
			return err
		}
		return receive(c)
	})
}

// renewRoot takes another certificate of an external root, the first of its key among those found: one that whoever has its key made
// anew replaces the present one, which is kept; one that another root made (a cross-certificate) stands beside it.
func (s *Service) renewRoot(ctx context.Context, c *CertificationAuthority, found [][]byte, e *audit.Event) error {
	if c.DeletedAt != nil {
		return fault.New(fault.Conflict, "%s is deleted", c.Identifier).At("caId").Do("Restore it first.")
	}
	depth, err := s.depth(ctx, c.ID)
	if err != nil {
		return err
	}
	present, err := issuance.Inspect(c.Certificate)
	if err != nil {
		return err
	}
	der := found[0]
	if n := slices.IndexFunc(found, func(other []byte) bool {
		d, err := issuance.Inspect(other)
		return err == nil && bytes.Equal(d.PublicKey, present.PublicKey)
	}); n >= 0 {
		der = found[n]
	}
	d, cross, err := issuance.CheckRenewedRoot(der, c.Certificate, found, depth, s.Now())
	if err != nil {
		return err
	}
	kind, issuer := Own, int64(1)
	e.Summary = "imported the renewed certificate " + d.SerialNumber + " of the external root " + c.Identifier
	if cross {
		kind, issuer = Cross, 0
		e.Summary = "imported the cross-certificate " + d.SerialNumber + " of the external root " + c.Identifier
	}
	e.Details = audit.Details{
		"kind": kind, "serialNumber": d.SerialNumber, "certificateSha256": d.Fingerprint, "notAfter": d.NotAfter,
		"replaced": c.SerialNumber,
	}
	var same int64
	if err := s.Store.DB(ctx).Model(&OwnCertificate{}).Where(
		"ca_id = ? AND kind = ? AND serial_number = ?", c.ID, kind, d.SerialNumber,
	).Count(&same).Error; err != nil {
		return err
	}
	if same > 0 {
		return fault.New(
			fault.Invalid,
			"%s has another certificate with the serial number %s: issuer and serial number name one certificate (RFC 5280 4.1.2.2)",
			c.Identifier, d.SerialNumber,
		).
			At("certificate").Do("Have it made with a serial number of its own.")
	}
	if err := s.AddCertificate(ctx, c, kind, der, 1, issuer); err != nil || cross {
		return err
	}
	c.Certificate, c.SerialNumber, c.NotBefore, c.NotAfter, c.SigningAlgorithm = der, d.SerialNumber, &d.NotBefore, d.NotAfter,
		d.SignatureAlgorithm
	return nil
}

// Remarks say what is unusual about the CA's certificate where somebody else has made it. It is taken all the same.
func (s *Service) Remarks(ctx context.Context, c *CertificationAuthority) ([]string, error) {
	if err := s.Guard.Require(ctx, rbac.CADownload, c.PartitionID); err != nil || c.Certificate == nil {
		return nil, err
	}
	if c.Type == ExternalRoot {
		return issuance.Remarks(c.Certificate), nil
	}
	if remark := issuance.SubjectRemark(c.Certificate); remark != "" {
		return []string{remark}, nil
	}
	return nil, nil
}

// Bounds are the name constraints that the CA's certificate has, or is to have while there is none.
func (c *CertificationAuthority) Bounds() nameconstraint.Constraints {
	if d, err := issuance.Inspect(c.Certificate); err == nil {
		if b, err := nameconstraint.FromExtensions(d.Extensions); err == nil {
			return b.Constraints()
		}
	}
	return c.NameConstraints
}

// depth is how many CAs stand below, one under the other.
func (s *Service) depth(ctx context.Context, id string) (int, error) {
	below, err := s.Below(ctx, id)
	depths, deepest := map[string]int{id: 0}, 0
	for _, c := range below { // those above come first
		depths[c.ID] = depths[*c.ParentID] + 1
		deepest = max(deepest, depths[c.ID])
	}
	return deepest, err
}

// fitting finds the certificate of the waiting key among those given, and checks it.
func (s *Service) fitting(ctx context.Context, c, waiting *CertificationAuthority, found [][]byte) (*issuance.Details, []byte, error) {
	parent := &CertificationAuthority{}
	if err := s.Store.DB(ctx).Take(parent, "id = ?", *c.ParentID).Error; err != nil {
		return nil, nil, err
	}
	if !parent.Stands(s.Now()) {
		return nil, nil, fault.New(
			fault.Conflict, "%s cannot certify another CA: it is %s", parent.Identifier, text.Lower(parent.StatusAt(s.Now())),
		)
	}
	request, err := csr.Parse(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: c.SigningRequest}))
	if err != nil {
		return nil, nil, err
	}
	want := issuance.Authority{
		Subject: c.SubjectDER, SameBytes: c.Certificate != nil, PublicKey: request.PublicKey, Issuer: parent.Certificate,
		CertifiesCAs: c.Type == Intermediate, Now: s.Now(),
	}
	if waiting.Certificate != nil {
		want.SubjectKeyID = hex.EncodeToString(waiting.SubjectKeyID(request.PublicKey))
	}
	der := found[0]
	for _, other := range found {
		if d, err := issuance.Inspect(other); err == nil && bytes.Equal(d.PublicKey, want.PublicKey) {
			der = other
			break
		}
	}
	d, err := issuance.CheckAuthority(der, want)
	return d, der, err
}
