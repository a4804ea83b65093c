package enrollment

import (
	"context"
	"encoding/asn1"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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
	NotAfter   *time.Time
	Extensions []GivenExtension // beside those of the CSR
	EndEntity  string
}

// Issued is a certificate and why it is as it is.
type Issued struct {
	Certificate *certificate.Certificate
	Decisions   []profile.Decision
	PKCS12      []byte // IssuePKCS12 only
}

// IssueFromCSR issues a certificate for a key whose possession the CSR proves.
func (s *Service) IssueFromCSR(ctx context.Context, r CSRRequest) (_ *Issued, err error) {
	event, err := s.permit(ctx, r.CAID, r.ProfileID, rbac.CertificateIssue)
	defer s.Audit.Refusal(ctx, &err, event)
	defer s.Approvals.Submit(ctx, &err)
	if err != nil {
		return nil, err
	}
	request, err := parse(r)
	if err != nil {
		return nil, err
	}
	event.ObjectName = request.Subject.String()
	c, decisions, err := s.enroll(ctx, r.CAID, func(i *issuer) (order, error) {
		p, err := s.profileOf(i, r.ProfileID)
		return order{kind: certificate.Subscriber, profile: p, request: *request, endEntity: r.EndEntity, asked: &r}, err
	})
	if err != nil {
		return nil, err
	}
	return &Issued{Certificate: c, Decisions: decisions}, nil
}

// permit asks for the permission and the rate of a request to issue under a CA. The event is for its refusal.
func (s *Service) permit(ctx context.Context, caID, profileID string, p rbac.Permission) (*audit.Event, error) {
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
	if err := s.Guard.Require(ctx, p, i.ca.PartitionID); err != nil {
		return event, err
	}
	return event, s.Limits.AllowCertificate(ctx, i.ca.PartitionID)
}

func parse(r CSRRequest) (*profile.Request, error) {
	if r.EndEntity != "" {
		if err := endentity.CheckIdentifier(r.EndEntity); err != nil {
			return nil, err
		}
	}
	parsed, err := csr.Parse([]byte(r.CSR))
	if err != nil {
		return nil, err
	}
	request := &profile.Request{Subject: parsed.Subject, SANs: parsed.SANs, PublicKey: parsed.PublicKey, KeyInfo: parsed.KeyInfo, Extensions: parsed.Extensions, NotAfter: r.NotAfter}
	for n, given := range r.Extensions {
		e, err := given.parse("extensions[" + strconv.Itoa(n) + "]")
		if err != nil {
			return nil, err
		}
		request.Extensions = append(request.Extensions, e)
	}
	if r.Subject != nil {
		if request.Subject, err = name.Parse(*r.Subject); err != nil {
			return nil, err
		}
	}
	if r.SANsGiven {
		if request.SANs, err = parseSANs(r.SANs); err != nil {
			return nil, err
		}
	}
	return request, nil
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
	NotAfter  *time.Time
	KeyType   string
	EndEntity string
}

// keyTypes are the subscriber keys that can be made here, and the registry row that makes them.
var keyTypes = map[string]string{
	"RSA-2048": "RSA-2048+PKCS15-SHA256", "RSA-3072": "RSA-3072+PKCS15-SHA256", "RSA-4096": "RSA-4096+PKCS15-SHA512",
	"ECDSA-P256": "ECDSAP256+SHA256", "ECDSA-P384": "ECDSAP384+SHA384", "ECDSA-P521": "ECDSAP521+SHA512",
}

// IssuePKCS12 makes a key, issues its certificate and returns both with the chain in a PKCS #12 file. The key exists
// nowhere else: a caller that loses the answer revokes and asks again.
func (s *Service) IssuePKCS12(ctx context.Context, r PKCS12Request) (_ *Issued, err error) {
	event, err := s.permit(ctx, r.CAID, r.ProfileID, rbac.CertificateIssuePKCS12)
	defer s.Audit.Refusal(ctx, &err, event)
	if err != nil {
		return nil, err
	}
	request, err := parsePKCS12(r)
	if err != nil {
		return nil, err
	}
	event.ObjectName = request.Subject.String()
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
		return order{kind: certificate.Subscriber, profile: p, request: *request, endEntity: r.EndEntity, deliver: func(i *issuer, der []byte) error {
			pkcs8, err := key.MarshalPKCS8()
			if err != nil {
				return err
			}
			file, err = pkcs12.Encode(pkcs8, der, i.chain, r.Password)
			return err
		}}, err
	})
	if err != nil {
		return nil, err
	}
	return &Issued{Certificate: c, Decisions: decisions, PKCS12: file}, nil
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
		return nil, fault.New(fault.Invalid, "the password of the file has 8 to 128 characters").At("password")
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
	return &profile.Request{Subject: subject, SANs: names, NotAfter: r.NotAfter, ServerSideKey: true}, nil
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
