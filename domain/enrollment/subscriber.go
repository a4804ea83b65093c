package enrollment

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/fault"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/pkcs12"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/rbac"
)

// Waiting is how a request waits until others have approved it: what is kept of it, who carries it out then, and rows of the protocol's
// own that wait with it. The answer is ApprovalNeeded meanwhile.
type Waiting struct {
	Verb string // of approval.Service.Verbs; it asks again with the same payload
	// Payload is what is kept, given the request with its facts.
	Payload func(r Request) any
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

// Issue issues a certificate for a key that the subscriber has.
func (s *Service) Issue(ctx context.Context, r Request) (_ *Issued, err error) {
	event, err := s.permit(ctx, r.CAID, r.ProfileID, r.EndEntity, rbac.CertificateIssue)
	defer s.Audit.Refusal(ctx, &err, event)
	defer s.awaits(ctx, r.Repeat, &err)
	defer s.Approvals.Submit(ctx, &err)
	if err != nil {
		return nil, err
	}
	if err := r.read(PKCS10); err != nil {
		return nil, err
	}
	event.ObjectName = r.Subject.String()
	if approval.Of(ctx) == nil {
		r.MaxValidity = maxValidity(ctx, r.CAID, r.ProfileID)
	}
	if done, err := s.repeated(ctx, r.Repeat); done != nil || err != nil {
		return done, err
	}
	c, decisions, err := s.enroll(ctx, r.CAID, func(i *issuer) (order, error) {
		o, err := s.order(ctx, i, &r)
		recorded := r.Recorded
		if err == nil && o.profile.IsCA() {
			recorded = s.stillFree(ctx, i.ca.PartitionID, o.request.Subject, r.Recorded)
		}
		o.recorded = s.alsoRepeat(ctx, r.Repeat, recorded)
		if o.waiting = r.Waiting; o.waiting == nil && r.Recorded == nil { // what else is to be recorded could not wait with the request
			o.waiting = &Waiting{Verb: VerbIssue, Payload: func(r Request) any { return r }}
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

// order is what a request comes to under an issuer.
func (s *Service) order(ctx context.Context, i *issuer, r *Request) (order, error) {
	o := order{kind: certificate.Subscriber, asked: r, endEntity: r.EndEntity}
	var err error
	if o.profile, err = s.profileOf(i, r.ProfileID); err != nil {
		return o, err
	}
	if approval.Of(ctx) == nil {
		r.ProfileVersion = o.profile.Version
	} else if r.ProfileVersion != 0 && r.ProfileVersion != o.profile.Version { // 0: kept by a release that did not keep it
		return o, fault.New(fault.PolicyRefused, "Profile %s has changed since the request was made.", o.profile.ID).At("profileId").
			Do("Ask again.")
	}
	if err := s.permitAuthority(ctx, i, o.profile, r.Subject); err != nil {
		return o, err
	}
	o.request, err = r.under(i, o.profile, s.Now())
	return o, err
}

// permitAuthority refuses the certificate of a CA to those who may not create CAs, and the name of another CA. The role of a CA Gateway
// credential on the CA is enough: who gave it to the credential, and who selected the profile for the CA, may.
func (s *Service) permitAuthority(ctx context.Context, i *issuer, p *profiles.Profile, subject name.Name) error {
	if !p.IsCA() {
		return nil
	}
	if scope := rbac.ActorFrom(ctx).Scope; len(scope.Authorities[i.ca.ID]) == 0 {
		if err := s.Guard.Require(ctx, rbac.CACreate, i.ca.PartitionID); err != nil {
			return err
		}
	}
	return s.CAs.CheckName(ctx, i.ca.PartitionID, subject)
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
	if err := s.Guard.RequireOn(ctx, p, rbac.On{Partition: i.ca.PartitionID, CA: i.ca.ID, Profile: profileID}); err != nil {
		return event, err
	}
	return event, s.Limits.AllowCertificate(ctx, i.ca.PartitionID)
}

func (s *Service) profileOf(i *issuer, profileID string) (*profiles.Profile, error) {
	p, ok := i.profiles[profileID]
	if !ok {
		return nil, fault.New(
			fault.PolicyRefused, "%s does not issue under profile %s", i.ca.Identifier, text.Quote(profileID),
		).At("profileId").
			Do("Choose one of the profiles of the certification authority, or have this one selected for it.")
	}
	return p, nil
}

// PKCS12Request asks for a certificate and its key, made here and kept nowhere: a repeated request is refused. Waiting and Recorded
// have no meaning for it.
type PKCS12Request struct {
	Request
	Password string
	KeyType  string
	// AnyKeyType: the first that the profile allows, instead of KeyType.
	AnyKeyType bool
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
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := r.read(ServerMade); err != nil {
		return nil, err
	}
	event.ObjectName = r.Subject.String()
	if done, err := s.repeated(ctx, r.Repeat); done != nil || err != nil {
		return done, err
	}
	if r.AnyKeyType {
		if r.KeyType, err = s.keyType(ctx, r.CAID, r.ProfileID); err != nil {
			return nil, err
		}
	}
	key, err := generate(r.KeyType)
	if err != nil {
		return nil, err
	}
	if err := r.made(key.PublicKey()); err != nil {
		return nil, err
	}
	var file []byte
	c, decisions, err := s.enroll(ctx, r.CAID, func(i *issuer) (order, error) {
		o, err := s.order(ctx, i, &r.Request)
		o.recorded = s.alsoRepeat(ctx, r.Repeat, nil)
		o.deliver = func(i *issuer, der []byte) error {
			pkcs8, err := key.MarshalPKCS8()
			if err != nil {
				return err
			}
			file, err = pkcs12.File{
				PKCS8: pkcs8, Certificate: der, Chain: i.chain, Password: r.Password, FriendlyName: r.friendlyName(r.Subject),
				Legacy: r.Legacy,
			}.Encode()
			return err
		}
		return o, err
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
		return nil, fault.New(fault.Invalid, "unknown key type %s", text.Quote(keyType)).At("keyType").Do(
			"Choose RSA-2048, RSA-3072, RSA-4096, ECDSA-P256, ECDSA-P384 or ECDSA-P521.",
		)
	}
	a, err := algorithm.ForLabel(label)
	if err != nil {
		return nil, err
	}
	return a.Generate()
}

// check is what is asked of the file.
func (r PKCS12Request) check() error {
	if n := utf8.RuneCountInString(r.Password); n < 8 || n > 128 || strings.ContainsRune(r.Password, 0) || !utf8.ValidString(r.Password) {
		return fault.New(fault.Invalid, "The password of the file must be 8 to 128 characters long.").At("password")
	}
	if strings.ContainsFunc(r.Password, beyondBMP) {
		return fault.New(
			fault.Invalid, "The password of a PKCS #12 file cannot have characters beyond U+FFFF (RFC 7292 B.1).",
		).At("password")
	}
	if r.FriendlyName != "" {
		if err := text.Label("friendlyName", r.FriendlyName, 1, maxFriendlyName); err != nil {
			return err
		}
		if strings.ContainsFunc(r.FriendlyName, beyondBMP) {
			return fault.New(fault.Invalid, "The friendly name cannot have characters beyond U+FFFF (RFC 2985 5.5.1).").At("friendlyName")
		}
	}
	return nil
}
