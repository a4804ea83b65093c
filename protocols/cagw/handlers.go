package cagw

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json/jsontext"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/period"
	rules "github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/rbac"
)

var base64Text = base64.StdEncoding.EncodeToString

// instant as clients read it: UTC with Z, always with three digits of a second. (.NET reads no more than seven digits of a second, and
// others none.)
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func validity(from, to time.Time) string { return instant(from) + "/" + instant(to) }

func caID(c *ca.CertificationAuthority) string { return c.PartitionID + "~" + c.Identifier }

// shown is a CA as far as the answer at prefix shows it.
func (p Protocol) shown(ctx context.Context, c *ca.CertificationAuthority, f fields, prefix string) (authority, error) {
	a := authority{
		ID: caID(c), Name: c.FriendlyName,
		Properties: map[string]string{
			"connector-name": "com.entrust.PKIHub", "type": "PKIaaS Certificate Authority", "issuer-dn": c.Subject,
		},
		Chain: []chained{},
	}
	if f.wants(prefix+".certificate") && c.Certificate != nil {
		a.Certificate = &chained{base64Text(c.Certificate)}
	}
	if f.wants(prefix + ".chain") {
		chain, err := p.CAs.Chain(ctx, c)
		if err != nil {
			return a, err
		}
		if c.Certificate != nil && len(chain) > 1 {
			chain = chain[1:] // the superior ones; of a root, itself
		}
		a.Chain = chainOf(chain)
	}
	return a, nil
}

func chainOf(ders [][]byte) []chained {
	list := []chained{}
	for _, der := range ders {
		list = append(list, chained{base64Text(der)})
	}
	return list
}

func (p Protocol) list(ctx context.Context, q *request) error {
	cas, err := p.CAs.Granted(ctx)
	if err != nil {
		return err
	}
	answer := caListResponse{Type: "CAListResponse", CAList: []authority{}}
	for _, c := range cas {
		a, err := p.shown(ctx, c, q.show, "caList")
		if err != nil {
			return err
		}
		answer.CAList = append(answer.CAList, a)
	}
	return q.answer(&answer)
}

func (p Protocol) authority(ctx context.Context, q *request) error {
	a, err := p.shown(ctx, q.ca, q.show, "ca")
	if err != nil {
		return err
	}
	return q.answer(&caResponse{Type: "CAResponse", CA: a})
}

func (p Protocol) status(_ context.Context, q *request) error {
	answer := statusResponse{Type: "CAStatusResponse", Status: "UP"}
	if q.ca.Usable(p.CAs.Now()) != nil {
		answer.Status = "DOWN"
	}
	return q.answer(&answer)
}

// capabilities are what the CA can do and the credential may ask of it.
func (p Protocol) capabilities(_ context.Context, q *request) error {
	answer := capabilitiesResponse{Type: "CACapabilitiesResponse", Capabilities: []string{"get-certificate", "certificate-events"}}
	may := func(permission rbac.Permission) bool {
		return p.CAs.Guard.May(q.Context(), permission, rbac.On{Partition: q.ca.PartitionID, CA: q.ca.ID})
	}
	active := q.ca.Usable(p.CAs.Now()) == nil
	if active && may(rbac.CertificateIssue) {
		answer.Capabilities = append(answer.Capabilities, "enroll-csr")
	}
	if active && may(rbac.CertificateIssuePKCS12) {
		answer.Capabilities = append(answer.Capabilities, "enroll-pkcs12")
	}
	if may(rbac.CertificateChangeStatus) {
		answer.Capabilities = append(answer.Capabilities, "revoke", "hold", "unhold", "revoke-many")
		if q.ca.CRLEnabled {
			answer.Capabilities = append(answer.Capabilities, "issue-crl")
		}
	}
	return q.answer(&answer)
}

func (p Protocol) unsupported(context.Context, *request) error {
	return unsupported("certification authorities of this service do not support this operation")
}

// keyAlgorithm is the type of a key as Java names it, which the clients know: without its length.
func keyAlgorithm(keyType string) string {
	switch family, _, _ := strings.Cut(keyType, " "); family {
	case "RSA":
		return family
	case "ECDSA":
		return "EC"
	}
	return keyType
}

// lifetime is a duration of a profile as the clients read it: 87600h0m0s. A year has 365 days in it, a month 30.
func lifetime(text string) string {
	p, ok := period.Parse(text)
	if !ok {
		return text
	}
	seconds := int64(365*p.Years+30*p.Months+p.Days)*86400 + p.Seconds
	return fmt.Sprintf("%dh%dm%ds", seconds/3600, seconds/60%60, seconds%60)
}

// described is a profile in the words of the gateway.
func described(f *profile.Profile) profileObject {
	var usages []string
	for _, u := range f.KeyUsages() {
		usages = append(usages, u.Name)
	}
	o := profileObject{ID: f.ID, Name: f.ID, Properties: map[string]string{"cert_lifetime": lifetime(f.ValidityPeriod),
		"key_usage":            strings.Join(usages, ","),
		"key_client_generated": strconv.FormatBool(f.ClientSideKeys), "issue_ca_certificate": strconv.FormatBool(f.IsCA())},
		Protocols: []string{}, RequestedProperties: []string{}, SubjectVariables: []requirement{}, AlternativeNames: []requirement{}}
	if f.MaxValidityPeriod != "" {
		o.Properties["max_lifetime"] = lifetime(f.MaxValidityPeriod)
	}
	for _, rule := range f.SubjectRules {
		if typ, ok := name.TypeByKeyword(rule.Attribute); ok && rule.Presence == rules.Required {
			o.SubjectVariables = append(o.SubjectVariables, requirement{Name: strings.ToLower(typ.Name), Required: true})
		}
	}
	for _, typ := range f.RequiredSANTypes {
		if text := sanNames[typ]; text != "" && len(f.RequiredSANTypes) == 1 {
			o.AlternativeNames = append(o.AlternativeNames, requirement{Type: text, Required: true})
		}
	}
	return o
}

func (p Protocol) profiles(ctx context.Context, q *request) error {
	list, err := p.CAs.SelectedProfiles(ctx, q.ca)
	if err != nil {
		return err
	}
	answer := profilesResponse{
		Type: "ProfilesResponse", Message: message{Message: "Profiles retrieved successfully.", Details: []string{}},
		Profiles: []profileObject{},
	}
	for _, f := range list {
		answer.Profiles = append(answer.Profiles, described(f))
	}
	return q.answer(&answer)
}

func (p Protocol) profile(ctx context.Context, q *request) error {
	f, err := p.selected(ctx, q.ca, q.path[1])
	if err != nil {
		return err
	}
	return q.answer(&profileResponse{Type: "ProfileResponse", Profile: described(f)})
}

func (p Protocol) selected(ctx context.Context, c *ca.CertificationAuthority, id string) (*profile.Profile, error) {
	list, err := p.CAs.SelectedProfiles(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		if f.ID == id {
			return f, nil
		}
	}
	return nil, &problem{
		status: http.StatusNotFound,
		detail: detail{
			Code: "cagw-4042", Message: "Profile with specified name not found: it is not selected for this CA", Target: "profileId",
			Value: id,
		},
	}
}

// idempotency is the key by which the client may repeat its request, nil without one.
func (q *request) idempotency() *enrollment.Repeat {
	values := q.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return nil
	}
	key := strings.Join(values, " ") // two make none that is valid
	// A string of RFC 8941, as the draft writes it, or its content.
	if inner, ok := strings.CutPrefix(key, `"`); ok && strings.HasSuffix(inner, `"`) {
		key = strings.TrimSuffix(inner, `"`)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", q.ca.ID, q.URL.Path)
	h.Write(q.body)
	return &enrollment.Repeat{Key: key, SHA256: h.Sum(nil)}
}

func (p Protocol) enroll(ctx context.Context, q *request) error {
	// Before the request is read, so that what a credential may not do tells it nothing else.
	if err := p.CAs.Guard.RequireOn(ctx, rbac.CertificateIssue, rbac.On{Partition: q.ca.PartitionID, CA: q.ca.ID}); err != nil {
		return err
	}
	var in enrollmentRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	asked, err := in.read(p.CAs.Now())
	if err != nil {
		return in.locate(err)
	}
	var done *enrollment.Issued
	if in.Format.Format == "PKCS12" {
		done, err = p.enrollPKCS12(ctx, q, &in, asked)
	} else {
		done, err = p.Enrollment.Issue(ctx, in.facts(q, asked, true))
	}
	if err != nil {
		return in.locate(err)
	}
	c := done.Certificate
	d, err := issuance.Inspect(c.DER)
	if err != nil {
		return err
	}
	e := enrolled{
		ID: c.ID, Status: "ACCEPTED", SerialNumber: c.SerialNumber, SubjectName: c.Subject, IssuerName: nameText(d.Issuer),
		ValidityPeriod: validity(c.NotBefore, c.NotAfter),
	}
	switch in.Format.Format {
	case "PKCS12":
		e.Body = base64Text(done.PKCS12)
	case "PEM":
		e.Body = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.DER}))
	default:
		e.Body = base64Text(c.DER)
	}
	if in.IncludeCA || q.show.wants("enrollment.chain") {
		chain, err := p.CAs.Chain(ctx, q.ca)
		if err != nil {
			return err
		}
		e.Chain = chainOf(chain)
	}
	return q.answer(
		&enrollmentResponse{
			Type: "EnrollmentResponse", Message: message{Message: "Enrollment was successful.", Details: []string{}}, Enrollment: e,
		},
	)
}

func (p Protocol) enrollPKCS12(ctx context.Context, q *request, in *enrollmentRequest, asked *asked) (*enrollment.Issued, error) {
	f, err := p.selected(ctx, q.ca, in.ProfileID)
	if err != nil {
		return nil, err
	}
	if !f.ServerSideKeys {
		return nil, unsupported(
			"profile %s has no keys made by the service: send a csr with the format X509 or PEM, or choose a profile for PKCS #12", f.ID,
		)
	}
	done, err := p.Enrollment.IssuePKCS12(
		ctx,
		enrollment.PKCS12Request{
			Request: in.facts(q, asked, false), Password: in.Format.Protection.Password, AnyKeyType: true, Legacy: true,
		},
	)
	if err == nil && done.Repeated {
		err = fault.New(
			fault.Conflict, "this request was carried out before, and its PKCS #12 file is kept nowhere; it made certificate %s",
			done.Certificate.SerialNumber,
		).At("Idempotency-Key").
			Do("Revoke that certificate if its file did not arrive, and ask again with a new key.")
	}
	return done, err
}

func nameText(der []byte) string {
	n, _, err := name.Existing(der)
	if err != nil {
		return ""
	}
	return n.String()
}

func (p Protocol) one(ctx context.Context, q *request) (*certificate.Certificate, error) {
	c, err := p.Certificates.BySerial(ctx, q.ca, q.path[1])
	return c, q.noCertificate(err)
}

// noCertificate says what it is that there is not.
func (q *request) noCertificate(err error) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	return &problem{
		status: http.StatusNotFound,
		detail: detail{
			Code: "cagw-4041", Message: "Certificate with specified serial number not found for this CA", Target: "serialNumber",
			Value: q.path[1],
		},
	}
}

func (p Protocol) certificate(ctx context.Context, q *request) error {
	c, err := p.one(ctx, q)
	if err != nil {
		return err
	}
	d, err := issuance.Inspect(c.DER)
	if err != nil {
		return err
	}
	o := certificateObject{
		Status: "normal", SerialNumber: c.SerialNumber, ValidityPeriod: validity(c.NotBefore, c.NotAfter), Data: base64Text(c.DER),
		IssuerName: nameText(d.Issuer), SubjectName: c.Subject,
		EncodedSubject: c.Subject, EscapedSubject: c.Subject, Version: "3", SignatureOID: signatureOID(c.DER),
		Signature: d.SignatureAlgorithm,
		PublicKey: &publicKey{Algorithm: keyAlgorithm(d.PublicKeyType), Key: base64Text(d.PublicKey)}}
	switch {
	case c.Status == certificate.Revoked:
		o.Status, o.Revocation = "revoked", revocationOf(c)
	case !p.CAs.Now().Before(c.NotAfter):
		o.Status = "expired"
	case c.Status == certificate.Suspended:
		o.Status, o.Revocation = "held", revocationOf(c)
	}
	answer := certificateResponse{Type: "CertificateResponse", Certificate: o, Chain: []chained{}}
	if q.show.wants("chain") || q.show.wants("certificate.chain") {
		seen, err := p.CAs.Generation(ctx, q.ca.ID, c.KeyGeneration)
		if err != nil {
			return err
		}
		chain, err := p.CAs.Chain(ctx, seen)
		if err != nil {
			return err
		}
		answer.Chain = chainOf(chain)
	}
	return q.answer(&answer)
}

func revocationOf(c *certificate.Certificate) *revocation {
	r := &revocation{Reason: reasonText(c.RevocationReason), Comment: c.StatusComment}
	if c.RevokedAt != nil {
		r.Date = instant(*c.RevokedAt)
	}
	if c.InvalidityDate != nil {
		r.Compromise = instant(*c.InvalidityDate)
	}
	return r
}

// act changes the status of one certificate. Each change has the CRL made anew at once, whether it asks for it or not.
func (p Protocol) act(ctx context.Context, q *request) error {
	if err := p.CAs.Guard.RequireOn(ctx, rbac.CertificateChangeStatus, rbac.On{Partition: q.ca.PartitionID, CA: q.ca.ID}); err != nil {
		return err
	}
	var in actionRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	to, err := in.Action.read()
	if err != nil {
		return err
	}
	c, err := p.Certificates.SetStatus(ctx, q.ca, q.path[1], to)
	if err != nil {
		return q.noCertificate(err)
	}
	done := actionDone{Type: in.Action.Type, ID: uuid.NewString(), Properties: map[string]string{}, Comment: in.Action.Comment,
		Status: "COMPLETED", Settled: to.Settled, Reason: in.Action.Reason}
	if to.To == certificate.Revoked {
		done.Reason = reasonText(c.RevocationReason)
		if c.InvalidityDate != nil {
			done.Compromise = instant(*c.InvalidityDate)
		}
	}
	return q.answer(&actionResponse{Type: "ActionResponse", Action: done})
}

// actOnMany revokes many certificates in one transaction, with one new CRL.
func (p Protocol) actOnMany(ctx context.Context, q *request) error {
	if err := p.CAs.Guard.RequireOn(ctx, rbac.CertificateChangeStatus, rbac.On{Partition: q.ca.PartitionID, CA: q.ca.ID}); err != nil {
		return err
	}
	var in bulkRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	to, err := in.Action.read()
	if err != nil {
		return err
	}
	if to.To != certificate.Revoked {
		return unsupported("only RevokeAction is for many certificates at a time")
	}
	answers, err := p.Certificates.RevokeSerials(
		ctx, certificate.RevokingSerials{CAID: q.ca.ID, Serials: in.SerialNumbers, Reason: to.Reason,
			Comment: to.Comment, InvalidityDate: to.InvalidityDate})
	if err != nil {
		return err
	}
	out := bulkResponse{Type: "BulkActionResponse", Results: []bulkResult{}}
	for n, refused := range answers {
		r := bulkResult{SerialNumber: certificate.SerialNumber(in.SerialNumbers[n]), Status: "COMPLETED"}
		if r.SerialNumber == "" {
			r.SerialNumber = printable(in.SerialNumbers[n])
		}
		if refused != nil {
			_, d := describe(refused)
			if fault.Is(refused, fault.NotFound) {
				d.Message = "Certificate with specified serial number not found for this CA"
			}
			d.Details = []detail{}
			r.Status, r.Error = "REJECTED", &d
		}
		out.Results = append(out.Results, r)
	}
	return q.answer(&out)
}

// Pages of events.
const (
	defaultPage = 50
	mostOfPage  = 100
)

// events are read on by an index that holds the CA, the start date and the last sequence: some clients send it alone.
func (p Protocol) events(ctx context.Context, q *request) error {
	query := q.URL.Query()
	var start time.Time
	var after int64
	size := defaultPage
	if text := query.Get("preferredPageSize"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return fault.New(fault.Invalid, "preferredPageSize is a number from 1 on").At("preferredPageSize")
		}
		size = int(min(n, mostOfPage))
	}
	if text := query.Get("nextPageIndex"); text != "" {
		var ok bool
		if start, after, ok = readPage(text, q.ca.ID); !ok {
			return fault.New(fault.Invalid, "nextPageIndex is not one of this resource").At("nextPageIndex").Do(
				"Begin again with a startDate.",
			)
		}
	} else if text := query.Get("startDate"); text != "" {
		var err error
		if start, err = readTime(text); err != nil {
			return fault.New(fault.Invalid, "startDate is not a time such as 2026-01-02T03:04:05Z").At("startDate")
		}
	}
	found, last, more, err := p.Certificates.Feed(ctx, q.ca, start, after, size)
	if err != nil {
		return err
	}
	answer := eventsResponse{Type: "CertificateEventsResponse", MorePages: more, Next: page(q.ca.ID, start, last), Events: []eventObject{}}
	for _, e := range found {
		o := eventObject{
			Action: string(e.Action), Date: instant(e.Time), SerialNumber: e.Certificate.SerialNumber,
			Certificate: base64Text(e.Certificate.DER), Detail: e.Summary,
		}
		if e.Action == certificate.FeedHeld {
			o.Reason = reasonText(certificate.CertificateHold)
		}
		for code, text := range certificate.ReasonNames {
			if text == e.Reason {
				o.Reason = reasonText(code)
			}
		}
		answer.Events = append(answer.Events, o)
	}
	return q.answer(&answer)
}

// page is opaque to clients: a hash of the CA, the start in microseconds and the sequence.
func page(caID string, start time.Time, last int64) string {
	sum := sha256.Sum256([]byte(caID))
	begin := int64(0)
	if !start.IsZero() {
		begin = start.UnixMicro()
	}
	out := binary.BigEndian.AppendUint64(slices.Clone(sum[:6]), uint64(begin))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(out, uint64(last)))
}

func readPage(text, caID string) (start time.Time, last int64, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	sum := sha256.Sum256([]byte(caID))
	if err != nil || len(raw) != 22 || !bytes.Equal(raw[:6], sum[:6]) {
		return start, 0, false
	}
	if begin := int64(binary.BigEndian.Uint64(raw[6:])); begin != 0 {
		start = time.UnixMicro(begin).UTC()
	}
	last = int64(binary.BigEndian.Uint64(raw[14:]))
	return start, last, last >= 0 && start.Year() >= 0 && start.Year() < 10000
}

// boolean is true or "true".
type boolean bool

func (b *boolean) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	switch text := strings.ToLower(strings.Trim(string(v), `"`)); text {
	case "true":
		*b = true
	case "false", "null", "":
		*b = false
	default:
		return fmt.Errorf("not true or false")
	}
	return nil
}
