package enrollment

import (
	"context"
	"encoding/asn1"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/fault"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/csr"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/pkcs12"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/rbac"
)

// AlternativeName is a subject alternative name as the caller wrote it.
type AlternativeName struct {
	Type  san.Type
	Value string
}

// GivenExtension is an extension as the caller wrote it; Value is DER.
type GivenExtension struct {
	OID      string
	Critical bool
	Value    []byte
}

// CSRRequest asks for a certificate whose key the subscriber made; see IssueCertificateInput.
type CSRRequest struct {
	CAID       string
	ProfileID  string
	CSR        string            // PKCS #10, PEM or base64 DER
	Subject    *string           // nil: as in the CSR
	SANs       []AlternativeName // with SANsGiven
	SANsGiven  bool              // false: as in the CSR
	NotBefore  *time.Time        `json:",omitzero"`
	NotAfter   *time.Time
	Extensions []GivenExtension // beside those of the CSR
	EndEntity  string
	// Explicit: only what is asked for beside the CSR counts, and of the CSR its key; its subject where none is given, its
	// names with SANsFromCSR. What is asked for is refused where the profile would leave it out, but an end after the CA's own
	// becomes the CA's.
	Explicit    bool `json:",omitzero"`
	SANsFromCSR bool `json:",omitzero"` // with Explicit: added to SANs
	// Repeat, if given, has a request that was carried out answered with the same certificate.
	Repeat *Repeat `json:"-"`
	// Waiting, if given, is how the request of a protocol waits for the approval of others.
	Waiting *Waiting `json:"-"`
	// Recorded, if given, is called in the transaction that records the certificate, under whose context it may change rows of its
	// own. If it answers with a fault the certificate is not issued.
	Recorded func(context.Context, *certificate.Certificate) error `json:"-"`
}

// Waiting is how a request waits until others have approved it: what is kept of it, who carries it out then, and rows of the protocol's
// own that wait with it. The answer is ApprovalNeeded meanwhile.
type Waiting struct {
	Verb    string // of approval.Service.Verbs; it asks again with the same payload
	Payload any
	// Kept is called in the transaction that keeps the request, also when the same one waits already.
	Kept func(ctx context.Context, r *approval.Request) error
}

// Issued is a certificate and why it is as it is.
type Issued struct {
	Certificate *certificate.Certificate
	Decisions   []profile.Decision
	PKCS12      []byte // IssuePKCS12 only
	Repeated    bool   // it was issued when the request came before
}

// IssueFromCSR issues a certificate for a key whose possession the CSR proves.
func (s *Service) IssueFromCSR(ctx context.Context, r CSRRequest) (_ *Issued, err error) {
	event, err := s.permit(ctx, r.CAID, r.ProfileID, r.EndEntity, rbac.CertificateIssue)
	defer s.Audit.Refusal(ctx, &err, event)
	defer s.awaits(ctx, r.Repeat, &err)
	defer s.Approvals.Submit(ctx, &err)
	if err != nil {
		return nil, err
	}
	request, err := parse(r)
	if err != nil {
		return nil, err
	}
	event.ObjectName = request.Subject.String()
	if done, err := s.repeated(ctx, r.Repeat); done != nil || err != nil {
		return done, err
	}
	c, decisions, err := s.enroll(ctx, r.CAID, func(i *issuer) (order, error) {
		p, err := s.profileOf(i, r.ProfileID)
		if err == nil {
			err = s.permitAuthority(ctx, i, p, request)
		}
		if err == nil && r.Explicit {
			err = explicit(i, p, request, s.Now())
		}
		recorded := r.Recorded
		if err == nil && p.IsCA() {
			recorded = s.stillFree(ctx, i.ca.PartitionID, request.Subject, r.Recorded)
		}
		o := order{kind: certificate.Subscriber, profile: p, request: *request, endEntity: r.EndEntity,
			recorded: s.alsoRepeat(ctx, r.Repeat, recorded)}
		if o.waiting = r.Waiting; o.waiting == nil && r.Recorded == nil { // what else is to be recorded could not wait with the request
			o.waiting = &Waiting{Verb: VerbIssue, Payload: &r}
		}
		return o, err
	})
	if errors.Is(err, errRepeated) {
		return s.repeated(ctx, r.Repeat)
	}
	if err != nil {
		return nil, err
	}
	return &Issued{Certificate: c, Decisions: decisions}, nil
}

// permitAuthority refuses the certificate of a CA to those who may not create CAs, and the name of another CA. The role of a CA Gateway
// credential on the CA is enough: who gave it to the credential, and who selected the profile for the CA, may.
func (s *Service) permitAuthority(ctx context.Context, i *issuer, p *profiles.Profile, request *profile.Request) error {
	if !p.IsCA() {
		return nil
	}
	if rbac.ActorFrom(ctx).Kind != rbac.CredentialActor {
		if err := s.Guard.Require(ctx, rbac.CACreate, i.ca.PartitionID); err != nil {
			return err
		}
	}
	return s.CAs.CheckName(ctx, i.ca.PartitionID, request.Subject)
}

// stillFree checks the name of a CA again where its certificate is recorded: another CA may have taken it meanwhile. The partition's row
// is locked by then, as it is where CAs are created.
func (s *Service) stillFree(ctx context.Context, partitionID string, subject name.Name,
	also func(context.Context, *certificate.Certificate) error) func(context.Context, *certificate.Certificate) error {
	actor := rbac.ActorFrom(ctx) // of here: the transaction serves several
	return func(ctx context.Context, c *certificate.Certificate) error {
		if err := s.CAs.CheckName(rbac.WithActor(ctx, actor), partitionID, subject); err != nil || also == nil {
			return err
		}
		return also(ctx, c)
	}
}

// explicit holds a request to the profile where the profile would leave something out, and to the end of the CA.
func explicit(i *issuer, p *profiles.Profile, r *profile.Request, now time.Time) error {
	if r.NotAfter != nil && r.NotAfter.After(i.ca.NotAfter) {
		r.NotAfter = &i.ca.NotAfter
	}
	// The CA may be younger than a client's usual back-dating.
	if r.NotBefore != nil && r.NotBefore.Before(i.facts.NotBefore) && !r.NotBefore.Before(now.Add(-profile.MaxBackdating)) {
		r.NotBefore = &i.facts.NotBefore
	}
	r.LeaveNothingOut = true
	for _, e := range r.Extensions {
		if !slices.ContainsFunc(p.AllowedExtensions, func(a profile.AllowedExtension) bool { return a.OID == e.ID.String() }) {
			return fault.New(fault.PolicyRefused, "profile %s does not allow the extension %s", p.ID, e.ID).At("extensions").Do("Leave it out, or choose another profile.")
		}
	}
	if p.IsCA() { // what the CSR of a CA does not want to have is not given to it
		for _, limit := range r.CSRLimits {
			if !slices.ContainsFunc(r.Extensions, func(e extension.Extension) bool { return e.ID.Equal(limit.ID) }) {
				r.Extensions = slices.Insert(r.Extensions, r.CSRExtensions, limit)
				r.CSRExtensions++
			}
		}
	}
	return nil
}

// permit asks for the permission and the rate of a request to issue under a CA. The event is for its refusal.
func (s *Service) permit(ctx context.Context, caID, profileID, endEntity string, p rbac.Permission) (*audit.Event, error) {
	event := &audit.Event{Action: "certificate.issue", ObjectKind: "certificate"}
	if rbac.ActorFrom(ctx) == nil {
		return event, s.Guard.Require(ctx, p, "")
	}
	i, _, err := s.issuer(ctx, caID)
	if err != nil {
		return event, err
	}
	event.PartitionID = i.ca.PartitionID
	event.Details = audit.Details{"ca": i.ca.Identifier, "profile": strings.Trim(text.Quote(profileID), `"`)}
	if endEntity != "" {
		event.Details["endEntity"] = endEntity
		if endentity.CheckIdentifier(endEntity) != nil { // not an identifier, and as long as the caller likes
			event.Details["endEntity"] = strings.Trim(text.Quote(endEntity), `"`)
		}
	}
	if err := s.Guard.RequireOn(ctx, p, i.ca.PartitionID, i.ca.ID); err != nil {
		return event, err
	}
	return event, s.Limits.AllowCertificate(ctx, i.ca.PartitionID)
}

// NoSubject is what clients of the CA Gateway look for.
const NoSubject = "No SubjectName provided in Request or CSR"

func parse(r CSRRequest) (*profile.Request, error) {
	if r.EndEntity != "" {
		if err := endentity.CheckIdentifier(r.EndEntity); err != nil {
			return nil, err
		}
	}
	parsed, err := csr.ParseWithout([]byte(r.CSR), csr.Replaced{Subject: r.Subject != nil, SANs: r.SANsGiven || r.Explicit && !r.SANsFromCSR, Extensions: r.Explicit})
	if err != nil {
		return nil, err
	}
	var limits []extension.Extension
	if r.Explicit {
		limits, parsed.Extensions = profile.LimitsOf(parsed.Extensions), nil
		if !r.SANsFromCSR {
			parsed.SANs = nil
		}
	}
	request := &profile.Request{Subject: parsed.Subject, SANs: parsed.SANs, PublicKey: parsed.PublicKey, KeyInfo: parsed.KeyInfo, Extensions: parsed.Extensions, NotBefore: r.NotBefore, NotAfter: r.NotAfter,
		CSRExtensions: len(parsed.Extensions), CSRNames: parsed.SANs, CSRLimits: limits}
	if err := give(request, r.Extensions); err != nil {
		return nil, err
	}
	if r.Subject != nil {
		if request.Subject, err = name.Parse(*r.Subject); err != nil {
			return nil, err
		}
	}
	if r.Explicit && request.Subject.IsEmpty() {
		return nil, fault.New(fault.Invalid, NoSubject).At("subject")
	}
	if r.SANsGiven || r.Explicit {
		names, err := parseSANs(r.SANs)
		if err != nil {
			return nil, err
		}
		request.CSRNames = slices.DeleteFunc(slices.Clone(parsed.SANs), func(g san.GeneralName) bool { return slices.Contains(names, g) })
		if r.Explicit {
			names = append(names, parsed.SANs...)
		}
		request.SANs = names
	}
	return request, nil
}

// give adds the extensions that were asked for.
func give(request *profile.Request, given []GivenExtension) error {
	for n, g := range given {
		e, err := g.parse("extensions[" + strconv.Itoa(n) + "]")
		if err != nil {
			return err
		}
		request.Extensions = append(request.Extensions, e)
	}
	return nil
}

func parseSANs(given []AlternativeName) ([]san.GeneralName, error) {
	if len(given) > 100 {
		return nil, fault.New(fault.Invalid, "at most 100 subject alternative names").At("subjectAlternativeNames")
	}
	names := make([]san.GeneralName, 0, len(given))
	for n, g := range given {
		parsed, err := san.Parse(g.Type, g.Value, "subjectAlternativeNames["+strconv.Itoa(n)+"]")
		if err != nil {
			return nil, err
		}
		names = append(names, parsed)
	}
	return names, nil
}

func (s *Service) profileOf(i *issuer, profileID string) (*profiles.Profile, error) {
	p, ok := i.profiles[profileID]
	if !ok {
		return nil, fault.New(fault.PolicyRefused, "%s does not issue under profile %s", i.ca.Identifier, text.Quote(profileID)).At("profileId").
			Do("Choose one of the profiles of the certification authority, or have this one selected for it.")
	}
	return p, nil
}

// PKCS12Request asks for a certificate and its key, made here and kept nowhere; see IssuePkcs12Input.
type PKCS12Request struct {
	CAID      string
	ProfileID string
	Password  string
	Subject   string
	SANs      []AlternativeName
	NotBefore *time.Time
	NotAfter  *time.Time
	KeyType   string // "" with Explicit: what the profile allows
	EndEntity string
	// Explicit, Extensions and Repeat as of a CSRRequest; a file is not kept, so that a repeated request is refused.
	Explicit   bool
	Extensions []GivenExtension
	Repeat     *Repeat
	// CSR, if given with Explicit, is where the subject is taken from when none is given, and names with SANsFromCSR. Its key is not used.
	CSR         string
	SANsFromCSR bool
	// Legacy has the file written for readers that know nothing newer than Triple DES and SHA-1.
	Legacy bool
	// FriendlyName is what Windows and Java show; "": the common name.
	FriendlyName string
}

const maxFriendlyName = 128

// friendlyName fits a BMPString, which is what the file has for it.
func (r PKCS12Request) friendlyName(subject name.Name) string {
	if r.FriendlyName != "" {
		return r.FriendlyName
	}
	if common := subject.CommonName(); !strings.ContainsFunc(common, beyondBMP) {
		return common
	}
	return ""
}

func beyondBMP(r rune) bool { return r > 0xffff }

// PasswordWarning says what may happen with a password of a PKCS #12 file, "" where nothing does.
func PasswordWarning(password string) string {
	if strings.ContainsFunc(password, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "The password has characters beyond ASCII. Programs encode them differently, so some cannot open the file. " +
			"If yours cannot, choose a password of ASCII letters, digits and punctuation."
	}
	return ""
}

// keyTypes are the subscriber keys that can be made here, and the registry row that makes them.
var keyTypes = map[string]string{
	"RSA-2048": "RSA-2048+PKCS15-SHA256", "RSA-3072": "RSA-3072+PKCS15-SHA256", "RSA-4096": "RSA-4096+PKCS15-SHA512",
	"ECDSA-P256": "ECDSAP256+SHA256", "ECDSA-P384": "ECDSAP384+SHA384", "ECDSA-P521": "ECDSAP521+SHA512",
}

// IssuePKCS12 makes a key, issues its certificate and returns both with the chain in a PKCS #12 file. The key exists
// nowhere else: a caller that loses the answer revokes and asks again.
func (s *Service) IssuePKCS12(ctx context.Context, r PKCS12Request) (_ *Issued, err error) {
	event, err := s.permit(ctx, r.CAID, r.ProfileID, r.EndEntity, rbac.CertificateIssuePKCS12)
	defer s.Audit.Refusal(ctx, &err, event)
	if err != nil {
		return nil, err
	}
	request, err := parsePKCS12(r)
	if err != nil {
		return nil, err
	}
	event.ObjectName = request.Subject.String()
	if done, err := s.repeated(ctx, r.Repeat); done != nil || err != nil {
		return done, err
	}
	if r.KeyType == "" && r.Explicit {
		if r.KeyType, err = s.keyType(ctx, r.CAID, r.ProfileID); err != nil {
			return nil, err
		}
	}
	key, err := generate(r.KeyType)
	if err != nil {
		return nil, err
	}
	request.PublicKey = key.PublicKey()
	if request.KeyInfo, err = algorithm.InspectPublicKey(request.PublicKey); err != nil {
		return nil, err
	}
	var file []byte
	c, decisions, err := s.enroll(ctx, r.CAID, func(i *issuer) (order, error) {
		p, err := s.profileOf(i, r.ProfileID)
		if err == nil {
			err = s.permitAuthority(ctx, i, p, request)
		}
		if err == nil && r.Explicit {
			err = explicit(i, p, request, s.Now())
		}
		return order{kind: certificate.Subscriber, profile: p, request: *request, endEntity: r.EndEntity, recorded: s.alsoRepeat(ctx, r.Repeat, nil), deliver: func(i *issuer, der []byte) error {
			pkcs8, err := key.MarshalPKCS8()
			if err != nil {
				return err
			}
			file, err = pkcs12.File{PKCS8: pkcs8, Certificate: der, Chain: i.chain, Password: r.Password, FriendlyName: r.friendlyName(request.Subject), Legacy: r.Legacy}.Encode()
			return err
		}}, err
	})
	if errors.Is(err, errRepeated) {
		return s.repeated(ctx, r.Repeat)
	}
	if err != nil {
		return nil, err
	}
	return &Issued{Certificate: c, Decisions: decisions, PKCS12: file}, nil
}

// keyType is the first that the profile allows of those that can be made here.
func (s *Service) keyType(ctx context.Context, caID, profileID string) (string, error) {
	i, _, err := s.issuer(ctx, caID)
	if err != nil {
		return "", err
	}
	p, err := s.profileOf(i, profileID)
	if err != nil {
		return "", err
	}
	for _, a := range p.KeyAlgorithms {
		if _, ok := keyTypes[a]; ok {
			return a, nil
		}
	}
	return "RSA-2048", nil
}

func generate(keyType string) (algorithm.PrivateKey, error) {
	label, ok := keyTypes[keyType]
	if !ok {
		return nil, fault.New(fault.Invalid, "unknown key type %s", text.Quote(keyType)).At("keyType").Do("Choose RSA-2048, RSA-3072, RSA-4096, ECDSA-P256, ECDSA-P384 or ECDSA-P521.")
	}
	a, err := algorithm.ForLabel(label)
	if err != nil {
		return nil, err
	}
	return a.Generate()
}

func parsePKCS12(r PKCS12Request) (*profile.Request, error) {
	if n := utf8.RuneCountInString(r.Password); n < 8 || n > 128 || strings.ContainsRune(r.Password, 0) || !utf8.ValidString(r.Password) {
		return nil, fault.New(fault.Invalid, "The password of the file must be 8 to 128 characters long.").At("password")
	}
	if strings.ContainsFunc(r.Password, beyondBMP) {
		return nil, fault.New(fault.Invalid, "The password of a PKCS #12 file cannot have characters beyond U+FFFF (RFC 7292 B.1).").At("password")
	}
	if r.FriendlyName != "" {
		if err := text.Label("friendlyName", r.FriendlyName, 1, maxFriendlyName); err != nil {
			return nil, err
		}
		if strings.ContainsFunc(r.FriendlyName, beyondBMP) {
			return nil, fault.New(fault.Invalid, "The friendly name cannot have characters beyond U+FFFF (RFC 2985 5.5.1).").At("friendlyName")
		}
	}
	if r.EndEntity != "" {
		if err := endentity.CheckIdentifier(r.EndEntity); err != nil {
			return nil, err
		}
	}
	subject, err := name.Parse(r.Subject)
	if err != nil {
		return nil, err
	}
	names, err := parseSANs(r.SANs)
	if err != nil {
		return nil, err
	}
	var fromCSR []san.GeneralName
	if r.CSR != "" && (subject.IsEmpty() || r.SANsFromCSR) { // what is not used is not judged
		parsed, err := csr.Parse([]byte(r.CSR))
		if err != nil {
			return nil, err
		}
		if subject.IsEmpty() {
			subject = parsed.Subject
		}
		if r.SANsFromCSR {
			fromCSR = slices.DeleteFunc(slices.Clone(parsed.SANs), func(g san.GeneralName) bool { return slices.Contains(names, g) })
			names = append(names, parsed.SANs...)
		}
	}
	request := &profile.Request{Subject: subject, SANs: names, CSRNames: fromCSR, NotBefore: r.NotBefore, NotAfter: r.NotAfter,
		ServerSideKey: true}
	if r.Explicit && subject.IsEmpty() {
		return nil, fault.New(fault.Invalid, NoSubject).At("subject")
	}
	return request, give(request, r.Extensions)
}

func (g GivenExtension) parse(field string) (extension.Extension, error) {
	oid, value := g.OID, g.Value
	var id asn1.ObjectIdentifier
	for _, arc := range strings.Split(oid, ".") {
		n, err := strconv.Atoi(arc)
		if err != nil || n < 0 || len(id) > 20 {
			return extension.Extension{}, fault.New(fault.Invalid, "%s is not an object identifier", text.Quote(oid)).At(field + ".oid")
		}
		id = append(id, n)
	}
	if len(id) < 2 || id[0] > 2 || id[0] < 2 && id[1] > 39 {
		return extension.Extension{}, fault.New(fault.Invalid, "%s is not an object identifier", text.Quote(oid)).At(field + ".oid")
	}
	if len(value) == 0 || len(value) > 16<<10 {
		return extension.Extension{}, fault.New(fault.Invalid, "the value of an extension has 1 to 16384 bytes of DER").At(field + ".value")
	}
	var raw asn1.RawValue
	if rest, err := asn1.Unmarshal(value, &raw); err != nil || len(rest) > 0 {
		return extension.Extension{}, fault.New(fault.Invalid, "the value of the extension is not one DER element").At(field + ".value")
	}
	return extension.Extension{ID: id, Critical: g.Critical, Value: value}, nil
}
