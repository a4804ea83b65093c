package graph

import (
	"context"
	"encoding/base64"
	"strconv"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/credential"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/domain/status"
	"github.com/pkiaas/pkiaas/domain/tenant"
	"github.com/pkiaas/pkiaas/graph/model"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/rbac"
)

// value is what an optional argument holds, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// when returns v where the condition holds, and null otherwise.
func when[T any](condition bool, v T) *T {
	if condition {
		return &v
	}
	return nil
}

func nonZero(n int64) *int64 { return when(n != 0, n) }

// list is never null.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func pointers[T any](l []T) []*T {
	out := make([]*T, len(l))
	for n := range l {
		out[n] = &l[n]
	}
	return out
}

// missing turns NotFound into null: a lookup that finds nothing is not an error.
func missing[T any](found *T, err error) (*T, error) {
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

// settled is the outcome of a mutation that others may have to approve first: what it made, or the request that waits for them.
func settled[Result any](payload any, err error) (Result, error) {
	var outcome Result
	if fault.Is(err, fault.ApprovalNeeded) {
		waiting := fault.Of(err)
		payload, err = &model.ApprovalPending{ApprovalID: waiting.ApprovalID, Message: waiting.Message}, nil
	}
	if err == nil {
		outcome = payload.(Result)
	}
	return outcome, err
}

// paged reads the page that the arguments of a connection ask for.
func paged[T any](first int, after *string, read func(page.Request) (*page.Page[T], error)) (*page.Page[T], error) {
	request, err := page.New(first, after)
	if err != nil {
		return nil, err
	}
	return read(request)
}

func pageInfo[T any](p *page.Page[T]) *model.PageInfo {
	return &model.PageInfo{HasNextPage: p.HasNext, EndCursor: p.EndCursor()}
}

func auditFilter(f *model.AuditFilter) audit.Filter {
	if f == nil {
		return audit.Filter{}
	}
	return audit.Filter{
		Search: value(f.Search), Action: value(f.Action), Result: value(f.Result), ObjectID: value(f.ObjectID),
		ConfigurationID: value(f.ProtocolConfigurationID), From: value(f.From), To: value(f.To),
	}
}

func certificateFilter(f *model.CertificateFilter) certificate.Filter {
	if f == nil {
		return certificate.Filter{}
	}
	return certificate.Filter{
		Search: value(f.Search), Status: f.Status, CAID: value(f.CaID), ProfileID: value(f.ProfileID),
		ExpiresWithinDays: f.ExpiresWithinDays,
		Expired:           f.Expired, EndEntityID: value(f.EndEntityID), ConfigurationID: value(f.ProtocolConfigurationID),
		LeaveOutSigners: !f.IncludeOcspSigners}
}

func (r *Resolver) certificates(
	ctx context.Context, partitionID string, f certificate.Filter, sort certificate.Sort, first int, after *string,
) (*model.CertificateConnection, error) {
	request, err := page.New(first, after)
	if err != nil {
		return nil, err
	}
	p, err := r.Certificates.List(ctx, partitionID, f, sort, request)
	if err != nil {
		return nil, err
	}
	edges := make([]*model.CertificateEdge, len(p.Nodes))
	for n, c := range p.Nodes {
		edges[n] = &model.CertificateEdge{Cursor: p.Cursors[n], Node: c}
	}
	return &model.CertificateConnection{Edges: edges, Nodes: list(p.Nodes), PageInfo: pageInfo(p),
		Number: &model.Number{Count: func(ctx context.Context) (int64, bool, error) {
			if request.After == "" && !p.HasNext {
				return int64(len(p.Nodes)), false, nil // this page is all
			}
			if f.Search != "" && len(p.Nodes) >= page.SearchLimit {
				return page.SearchLimit, true, nil
			}
			return r.Certificates.Count(ctx, partitionID, f)
		}}}, nil
}

func (r *Resolver) endEntities(
	ctx context.Context, partitionID string, f endentity.Filter, first int, after *string,
) (*model.EndEntityConnection, error) {
	request, err := page.New(first, after)
	if err != nil {
		return nil, err
	}
	p, err := r.EndEntityService.List(ctx, partitionID, f, request)
	if err != nil {
		return nil, err
	}
	return &model.EndEntityConnection{Nodes: p.Nodes, PageInfo: pageInfo(p), TotalCount: p.Total}, nil
}

func (r *Resolver) auditEvents(
	ctx context.Context, partitionID string, f audit.Filter, first int, after *string,
) (*model.AuditEventConnection, error) {
	request, err := page.New(first, after)
	if err != nil {
		return nil, err
	}
	p, err := r.Audit.List(ctx, partitionID, f, request)
	if err != nil {
		return nil, err
	}
	return &model.AuditEventConnection{Nodes: p.Nodes, PageInfo: pageInfo(p), TotalCount: p.Total}, nil
}

func protocolPayload(c *protocolconfig.Configuration, err error) (*model.ProtocolConfigurationPayload, error) {
	if err != nil {
		return nil, err
	}
	return &model.ProtocolConfigurationPayload{ProtocolConfiguration: c}, nil
}

func caPayload(c *ca.CertificationAuthority, err error) (*model.CertificationAuthorityPayload, error) {
	if err != nil {
		return nil, err
	}
	return &model.CertificationAuthorityPayload{CertificationAuthority: c}, nil
}

func certificatePayload(c *certificate.Certificate, err error) (*model.CertificatePayload, error) {
	if err != nil {
		return nil, err
	}
	return &model.CertificatePayload{Certificate: c}, nil
}

func credentialPayload(c *credential.Credential, err error) (*model.CagwCredentialPayload, error) {
	if err != nil {
		return nil, err
	}
	return &model.CagwCredentialPayload{Credential: c}, nil
}

func endEntityPayload(e *endentity.EndEntity, err error) (*model.EndEntityPayload, error) {
	if err != nil {
		return nil, err
	}
	return &model.EndEntityPayload{EndEntity: e}, nil
}

func accountPayload(u *identity.User, err error) (*model.AccountPayload, error) {
	if err != nil {
		return nil, err
	}
	return &model.AccountPayload{User: u}, nil
}

func memberPayload(m *identity.Member, err error) (*model.MemberPayload, error) {
	if err != nil {
		return nil, err
	}
	return &model.MemberPayload{Member: m}, nil
}

func subscriptionPayload(s *tenant.Subscription, err error) (*model.SubscriptionPayload, error) {
	if err != nil {
		return nil, err
	}
	return &model.SubscriptionPayload{Subscription: s}, nil
}

// details decodes a certificate for people.
func details(der []byte) (*model.CertificateDetails, error) {
	d, err := issuance.Inspect(der)
	if err != nil {
		return nil, err
	}
	out := &model.CertificateDetails{
		SerialNumber: d.SerialNumber, Fingerprint: d.Fingerprint, Issuer: nameText(d.Issuer), Subject: nameText(d.Subject),
		NotBefore: d.NotBefore, NotAfter: d.NotAfter,
		PublicKeyType: d.PublicKeyType, SignatureAlgorithm: d.SignatureAlgorithm,
		SubjectAlternativeNames: []*model.SubjectAlternativeName{}, IsCa: d.IsCA, PathLength: d.PathLength,
		KeyUsages: list(d.KeyUsages), ExtendedKeyUsages: []*model.UsageName{}, AuthorityInfoAccessOcsp: list(d.OCSPURLs),
		AuthorityInfoAccessCaIssuers: list(d.CAIssuersURLs),
		AuthorityKeyIdentifier: when(
			d.AuthorityKeyID != "", d.AuthorityKeyID,
		), SubjectKeyIdentifier: when(d.SubjectKeyID != "", d.SubjectKeyID),
		CrlDistributionPoints: list(d.CRLURLs), CertificatePolicies: list(d.Policies),
	}
	for _, oid := range d.ExtendedKeyUsages {
		out.ExtendedKeyUsages = append(out.ExtendedKeyUsages, &model.UsageName{Oid: oid, Name: profile.UsageName(oid)})
	}
	if d.SANs != nil {
		names, err := san.FromDER(d.SANs)
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			out.SubjectAlternativeNames = append(out.SubjectAlternativeNames, &model.SubjectAlternativeName{Type: n.Type, Value: n.Value})
		}
	}
	return out, nil
}

func nameText(der []byte) string {
	n, _, err := name.Existing(der)
	if err != nil {
		return "" // not one of ours: names we write, we can read
	}
	return n.String()
}

func (r *Resolver) chainPEM(ctx context.Context, c *certificate.Certificate) (string, error) {
	issuer, err := r.CAs.Get(ctx, c.CAID)
	if err != nil {
		return "", err
	}
	if c.Kind == certificate.CA && c.Subject == issuer.Subject && issuer.ParentID == nil && selfSigned(c.DER) {
		return ca.PEM(c.DER), nil // a root
	}
	signer, err := r.CAs.Generation(ctx, c.CAID, c.KeyGeneration)
	if err != nil {
		return "", err
	}
	chain, err := r.CAs.Chain(ctx, signer)
	if err != nil {
		return "", err
	}
	return ca.PEM(append([][]byte{c.DER}, chain...)...), nil
}

// selfSigned tells a root's certificate from those between its keys, which have the same names.
func selfSigned(der []byte) bool {
	d, err := issuance.Inspect(der)
	return err == nil && (d.AuthorityKeyID == "" || d.AuthorityKeyID == d.SubjectKeyID)
}

func int64Pointer(n *int) *int64 {
	if n == nil {
		return nil
	}
	return new(int64(*n))
}

// creation is the picture of a CA's creation, step by step.
// keyStore is where the CA's key lives, nil when that store is no longer configured.
func (r *Resolver) keyStore(c *ca.CertificationAuthority) *keystore.Named {
	found, err := r.Keys.ByName(c.KeyStore)
	if err != nil {
		return nil
	}
	return found
}

func creation(c *ca.CertificationAuthority) *model.CaCreation {
	out := &model.CaCreation{Failure: when(c.CreationFailure != "", c.CreationFailure)}
	reached := false
	for _, step := range ca.Steps() {
		s := &model.CaCreationStep{Step: step, State: model.StepStateDone}
		skipped := step == ca.StepIssuingOCSPSigner && !c.OCSPEnabled || step == ca.StepPublishingCRL && !c.CRLEnabled
		switch {
		case step == c.CreationStep:
			reached = true
			switch {
			case c.CreationFailure != "":
				s.State = model.StepStateFailed
			case step != ca.StepActive:
				s.State = model.StepStateRunning
			}
		case skipped:
			s.State = model.StepStateSkipped
		case reached:
			s.State = model.StepStateWaiting
		}
		if step == ca.StepQueued {
			s.At = &c.CreatedAt
		}
		if step == ca.StepActive {
			s.At = c.ActivatedAt
		}
		out.Steps = append(out.Steps, s)
	}
	return out
}

func (r *Resolver) crlDetails(c *ca.CertificationAuthority, l *status.CRL) *model.CrlDetails {
	d := &model.CrlDetails{
		Number: l.Number, Entries: int(l.Entries), Bytes: int(l.Bytes), ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate,
		URL: r.CAs.URLs.CRL(c), LimitBytes: int(r.Status.Limit()),
	}
	if c.CRLAlarm != "" && c.CRLAlarmAt != nil {
		d.Alarm = &model.CrlAlarm{
			Reason: c.CRLAlarm, Since: *c.CRLAlarmAt, Kind: status.AlarmOf(c), Acceptable: status.AlarmOf(c) != status.KeyAway,
		}
	}
	if r.Status.Large(l.Bytes) {
		d.Warning = new("The list has reached three quarters of the size that clients and proxies accept. ")
		switch {
		case c.CRLShards == 0 && !c.CRLAutoShard:
			*d.Warning += "Spread new certificates over shards."
		case c.CRLComplete:
			*d.Warning += "New certificates go to shards; it goes on growing as long as it names all that is revoked. Leave to it only " +
				"the certificates that carry its address, once all your clients understand issuing distribution points."
		default:
			*d.Warning += "New certificates go to shards: it grows no more."
		}
	}
	return d
}

func crlList(r *Resolver, c *ca.CertificationAuthority, l *status.CRL) *model.CrlList {
	out := &model.CrlList{
		Shard: int(l.Shard), Number: l.Number, Entries: int(l.Entries), Bytes: int(l.Bytes), ThisUpdate: l.ThisUpdate,
		NextUpdate: l.NextUpdate,
		URL:        r.CAs.URLs.CRLShard(c, l.Shard, l.Delta()), Open: c.CarriesShard(l.Shard)}
	if l.Delta() {
		out.BaseNumber = &l.BaseNumber
	}
	return out
}

func csrRequest(in model.IssueCertificateInput) (intake.Text, error) {
	r := intake.Text{
		CAID: in.CaID, ProfileID: in.ProfileID, CSR: in.Csr, Subject: in.Subject, SANs: alternativeNames(in.SubjectAlternativeNames),
		SANsGiven: in.SubjectAlternativeNames != nil, NotAfter: in.NotAfter, EndEntity: value(in.EndEntity)}
	for n, e := range in.Extensions {
		field := "extensions[" + strconv.Itoa(n) + "]"
		der, err := base64.StdEncoding.DecodeString(e.Value)
		if err != nil {
			return r, fault.New(fault.Invalid, "the value of the extension is not base64").At(field + ".value")
		}
		r.Extensions = append(r.Extensions, intake.GivenExtension{OID: e.Oid, Critical: e.Critical, Value: der})
	}
	return r, nil
}

func alternativeNames(in []*model.SubjectAlternativeNameInput) []intake.AlternativeName {
	out := make([]intake.AlternativeName, len(in))
	for n, s := range in {
		out[n] = intake.AlternativeName{Type: s.Type, Value: s.Value}
	}
	return out
}

func reasonCode(reason model.RevocationReason) certificate.Reason {
	for code, text := range certificate.ReasonNames {
		if text == string(reason) {
			return code
		}
	}
	return -1 // refused by the domain
}

func usageNames(usages []profile.Usage) []*model.UsageName {
	out := make([]*model.UsageName, len(usages))
	for n, u := range usages {
		out[n] = &model.UsageName{Oid: u.OID, Name: u.Name}
	}
	return out
}

func allowedExtensions(p *profile.Profile) []*model.UsageName {
	out := make([]*model.UsageName, len(p.AllowedExtensions))
	for n, e := range p.AllowedExtensions {
		out[n] = &model.UsageName{Oid: e.OID, Name: profile.UsageName(e.OID)}
	}
	return out
}

func inventory(s *tenant.Subscription, p *tenant.Partition) []*model.InventoryItem {
	certificates := &model.InventoryItem{ID: "pkiaas-certs", Label: "PKIaaS Certificates", Purchased: int(s.PurchasedCertificates)}
	cas := &model.InventoryItem{ID: "pkiaas-cas", Label: "PKIaaS CA (Root or Issuing)", Purchased: int(s.PurchasedCAs)}
	if p != nil {
		certificates.Used, cas.Used = int(p.ActiveCertificates), int(p.ActiveCAs)
	}
	return []*model.InventoryItem{certificates, cas}
}

func (r *Resolver) permissions(ctx context.Context, domain string) []string {
	out := []string{}
	for _, p := range rbac.Permissions() {
		if r.Guard.Has(rbac.ActorFrom(ctx), p, domain) {
			out = append(out, string(p))
		}
	}
	return out
}

func (r *Resolver) deployment() *model.Deployment {
	d := &model.Deployment{
		Version: r.Facts.Version, KeepsOutbox: r.Mail.SMTPURL == "", Demo: r.Facts.Demo, PublicURL: r.Facts.PublicURL,
		TLSRootCertificate: when(
			r.Facts.TLSRootCertificate != "", r.Facts.TLSRootCertificate,
		), Terms: r.Facts.Terms, PasswordMinLength: identity.PasswordMinLength,
		SigningAlgorithms: algorithm.All(), TwoPersonRoots: r.Facts.TwoPersonRoots,
	}
	for _, region := range r.Tenants.Regions {
		d.Regions = append(d.Regions, tenant.Region(region))
	}
	for _, a := range name.AttributeTypes() {
		d.SubjectAttributes = append(
			d.SubjectAttributes,
			&model.SubjectAttribute{Name: a.Name, Aliases: list(a.Aliases), Oid: a.OID.String(), MaxLength: a.MaxLength},
		)
	}
	return d
}
