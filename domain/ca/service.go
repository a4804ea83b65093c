package ca

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/nameconstraint"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Jobs that the life of a CA asks for.
const (
	CreateJob = "ca.create" // key: CA id; done by package authority
	PurgeJob  = "ca.purge"  // key: CA id
	// MoveKeyJob brings the key into another store; key: CA id, argument: MoveKey. Done by package authority.
	MoveKeyJob = "ca.move-key"
	// DestroyKeyJob destroys what a moved key left behind; key: store/id. Done by package authority.
	DestroyKeyJob = "ca.destroy-key"
	// DelegatesJob sees to what a CA's key has certified to act in its name; key: KeyName. Done by package delegate.
	DelegatesJob = "delegates.keep"
	// RenewJob gives the CA a new certificate, as its Renewal says; key: CA id. Done by package authority.
	RenewJob = "ca.renew"
)

// Quota is the purchased number of CAs, counted in the transaction of the change.
type Quota interface {
	TakeCA(ctx context.Context, partitionID string) error
	ReleaseCA(ctx context.Context, partitionID string) error
}

// Service is what can be done with certification authorities.
type Service struct {
	Store *store.Store
	Guard *rbac.Guard
	Audit *audit.Log
	Jobs  *job.Queue
	Quota Quota
	// Profiles says which profiles there are.
	Profiles  *profile.Service
	Keys      keystore.Set
	URLs      URLs
	Now       func() time.Time
	Approvals *approval.Service
	// TwoPersonRoots: a root is created or renewed, or its key moved, only after a second person approved it.
	TwoPersonRoots bool

	addressed store.Batch[address, *CertificationAuthority]
}

// Init completes a Service whose fields are filled.
func (s *Service) Init() *Service {
	s.addressed.Run = s.findAddressed
	return s
}

// Request is what a new CA is to be; see CreateCertificationAuthorityInput.
type Request struct {
	PartitionID      string
	Type             Type
	Identifier       string
	FriendlyName     string
	SigningAlgorithm string
	KeyStore         string // "": the default
	ParentID         *string
	ExpiresAt        *time.Time
	Subject          string
	CRLEnabled       bool
	OCSPEnabled      bool
	ProfileIDs       []string
	PathLength       *int64 // nil: as the parent allows
	NameConstraints  nameconstraint.Constraints
}

// IdentifierRule is the guide's: 2 to 18 of lower-case letters, digits, hyphen and underscore.
var IdentifierRule = regexp.MustCompile(`^[a-z0-9_-]{2,18}$`)

// CheckIdentifier checks the identifier of a CA, of a protocol configuration, of whatever the guide names so.
func CheckIdentifier(field, identifier string) error {
	if !IdentifierRule.MatchString(identifier) {
		return fault.New(fault.Invalid, "an identifier has 2 to 18 characters out of a-z, 0-9, hyphen and underscore").At(field)
	}
	return nil
}

// Create records a new CA with status CREATING; a job makes its key, certificate, OCSP signer and first CRL.
func (s *Service) Create(ctx context.Context, r Request) (_ *CertificationAuthority, err error) {
	defer s.Audit.Refusal(
		ctx, &err,
		&audit.Event{
			PartitionID: r.PartitionID, Action: "ca.create", ObjectKind: "ca", ObjectName: strings.Trim(text.Quote(r.Identifier), `"`),
		},
	)
	defer s.Approvals.Submit(ctx, &err)
	if err := s.Guard.Require(ctx, rbac.CACreate, r.PartitionID); err != nil {
		return nil, err
	}
	c, err := s.prepare(ctx, r)
	if err != nil {
		return nil, err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		if c.ParentID != nil {
			// Held until the end, so that the parent cannot be deleted meanwhile.
			if _, err := s.usableParent(ctx, r, true); err != nil {
				return err
			}
		}
		if err := s.Quota.TakeCA(ctx, c.PartitionID); err != nil {
			return err
		}
		// After the quota, whose row makes those who create at the same moment wait for each other.
		if err := s.checkName(ctx, c.PartitionID, c.SubjectDER, c.ParentID); err != nil {
			return err
		}
		if err := s.Store.DB(ctx).Create(c).Error; err != nil {
			if store.IsDuplicate(err) {
				return fault.New(fault.Conflict, "the identifier %s is taken", c.Identifier).At("identifier").
					Do("Choose another one; the identifier of a deleted CA becomes free 24 hours after the deletion.")
			}
			return err
		}
		if err := s.selectRows(ctx, c, r.ProfileIDs); err != nil {
			return err
		}
		if err := s.askCreate(ctx, r, c); err != nil {
			return err
		}
		s.Audit.Record(
			ctx, audit.Event{PartitionID: c.PartitionID, Action: "ca.create", ObjectKind: "ca", ObjectID: c.ID, ObjectName: c.Identifier,
				Summary: "asked for certification authority " + c.Identifier,
				Details: audit.Details{
					"type": c.Type, "subject": c.Subject, "signingAlgorithm": c.SigningAlgorithm, "keyStore": c.KeyStore,
					"expiresAt": c.NotAfter, "parentId": c.ParentID, "profiles": r.ProfileIDs,
					"pathLength": c.PathLength, "nameConstraints": c.NameConstraints}})
		if err := s.Jobs.Enqueue(ctx, CreateJob, c.ID, s.Now(), nil); err != nil {
			return err
		}
		return s.Approvals.Settle(ctx, c.ID)
	})
	return c, err
}

func (s *Service) askCreate(ctx context.Context, r Request, c *CertificationAuthority) error {
	// As it was checked and is shown, whatever the defaults are by then.
	r.KeyStore, r.ExpiresAt = c.KeyStore, &c.NotAfter
	facts := []approval.Fact{
		{Name: "Signing algorithm", Value: c.SigningAlgorithm}, {Name: "Key store", Value: c.KeyStore},
		{Name: "Valid until", Value: c.NotAfter.Format(time.RFC3339)},
	}
	if c.ParentID != nil {
		parent, err := s.find(ctx, s.Store.DB(ctx).Where("id = ?", *c.ParentID))
		if err != nil {
			return err
		}
		facts = append(facts, approval.Fact{Name: "Certified by", Value: parent.FriendlyName + " (" + parent.Identifier + ")"})
	}
	if len(r.ProfileIDs) > 0 {
		facts = append(facts, approval.Fact{Name: "Profiles", Value: strings.Join(r.ProfileIDs, ", ")})
	}
	if r.PathLength != nil {
		facts = append(facts, approval.Fact{Name: "Path length", Value: strconv.FormatInt(*r.PathLength, 10)})
	}
	for n, trees := range [][]nameconstraint.Subtree{r.NameConstraints.Permitted, r.NameConstraints.Excluded} {
		var said []string
		for _, t := range trees {
			said = append(said, t.Value)
		}
		if len(said) > 0 {
			facts = append(facts, approval.Fact{Name: []string{"Permitted names", "Excluded names"}[n], Value: strings.Join(said, ", ")})
		}
	}
	return s.ask(
		ctx, c, approval.Ask{Operation: approval.CACreate, Verb: VerbCreate, Payload: r, Summary: "create " + called(c), Facts: facts},
	)
}

func (s *Service) prepare(ctx context.Context, r Request) (*CertificationAuthority, error) {
	now := s.Now()
	if err := CheckIdentifier("identifier", r.Identifier); err != nil {
		return nil, err
	}
	if err := text.Label("friendlyName", r.FriendlyName, 1, 64); err != nil {
		return nil, err
	}
	a, err := algorithm.ForLabel(r.SigningAlgorithm)
	if err != nil {
		return nil, fault.New(
			fault.Invalid, "%s is not a signing algorithm of this deployment", text.Quote(r.SigningAlgorithm),
		).At("signingAlgorithm").Do(
			"Choose one of deployment.signingAlgorithms.",
		)
	}
	keys, err := s.keyStore(ctx, r.KeyStore)
	if err != nil {
		return nil, err
	}
	if keys.Custody(a) == "" {
		return nil, fault.New(fault.PolicyRefused, "the key store %s cannot keep keys of %s", keys.Name, a.Label).At("keyStore").Do(
			"Choose another key store, or RSA or ECDSA.",
		)
	}
	subject, err := name.Parse(r.Subject)
	if err != nil {
		return nil, err
	}
	if subject.CommonName() == "" {
		return nil, fault.New(fault.Invalid, "the subject of a certification authority needs a common name (CN)").At("subject")
	}
	years := DefaultSubordinateYears
	switch r.Type {
	case Root:
		years = DefaultRootYears
		if r.ParentID != nil {
			return nil, fault.New(fault.Invalid, "a root has no parent").At("parentId")
		}
	case Intermediate, Issuing:
		if r.ParentID == nil {
			return nil, fault.New(fault.Invalid, "choose the certification authority that certifies this one").At("parentId")
		}
	case ExternalRoot:
		return nil, fault.New(
			fault.Invalid, "an external root is not created but imported, with its certificate",
		).At("type").Do("Use importExternalRoot.")
	default:
		return nil, fault.New(fault.Invalid, "unknown type of certification authority").At("type")
	}
	notAfter := now.AddDate(years, 0, 0)
	if r.ParentID != nil {
		parent, err := s.usableParent(ctx, r, false)
		if err != nil {
			return nil, err
		}
		if r.ExpiresAt == nil && notAfter.After(parent.NotAfter) {
			notAfter = parent.NotAfter
		}
		if r.ExpiresAt != nil && r.ExpiresAt.After(parent.NotAfter) {
			return nil, fault.New(
				fault.Invalid, "%s itself expires on %s", parent.Identifier, parent.NotAfter.Format(time.DateOnly),
			).At("expiresAt").Do("Choose an earlier date.")
		}
	}
	if r.ExpiresAt != nil {
		notAfter = r.ExpiresAt.UTC().Truncate(time.Second)
	}
	if !notAfter.After(now.Add(time.Hour)) || notAfter.Year() > 9998 {
		return nil, fault.New(fault.Invalid, "the expiry date must lie at least an hour ahead and before the year 9999").At("expiresAt")
	}
	if err := s.checkConstraints(ctx, r); err != nil {
		return nil, err
	}
	if err := s.Profiles.Selectable(ctx, r.PartitionID, string(r.Type), r.ProfileIDs); err != nil {
		return nil, err
	}
	crl := r.CRLEnabled || r.Type == Root
	return &CertificationAuthority{
		ID: uuid.Must(uuid.NewV7()).String(), PartitionID: r.PartitionID, Identifier: r.Identifier, FriendlyName: r.FriendlyName,
		Type: r.Type, Status: Creating, ParentID: r.ParentID, SigningAlgorithm: r.SigningAlgorithm,
		Subject: subject.String(), SubjectDER: subject.DER(), NotAfter: notAfter.Truncate(time.Second), CRLEnabled: crl,
		OCSPEnabled:  r.OCSPEnabled,
		CreationStep: StepQueued, CreatedAt: now, CreatedBy: rbac.ActorFrom(ctx).Name, KeyStore: keys.Name,
		KeyGeneration: 1, IssuerGeneration: 1, PathLength: r.PathLength, NameConstraints: r.NameConstraints,
		CRLAutoShard: true, CRLComplete: true, CRLShardFirst: 1,
	}, nil
}

// CheckName refuses a subject that a CA of the partition has: verifiers look for the issuer of a certificate, and of a CRL,
// by its name. Roots that were imported are named by others, and do not count.
func (s *Service) CheckName(ctx context.Context, partitionID string, subject name.Name) error {
	return s.checkName(ctx, partitionID, subject.DER(), nil)
}

// checkName is CheckName for a CA below parent, which may be an imported root.
func (s *Service) checkName(ctx context.Context, partitionID string, subject []byte, parent *string) error {
	wanted, err := name.FromDER(subject)
	if err != nil {
		return err
	}
	above := ""
	if parent != nil {
		above = *parent
	}
	var others []*CertificationAuthority
	if err := s.Store.DB(ctx).Select("id", "identifier", "subject_der").Order("created_at, id").
		Find(
			&others, "partition_id = ? AND purged_at IS NULL AND status <> ? AND (type <> ? OR id = ?)", partitionID, Failed, ExternalRoot,
			above,
		).Error; err != nil {
		return err
	}
	for _, c := range others {
		// Somebody else may have signed it, and encoded the subject as would not be done here.
		if other, _, err := name.Existing(c.SubjectDER); err == nil && other.Equal(wanted) {
			which := c.Identifier
			if !s.Guard.May(ctx, rbac.CABrowse, rbac.On{Partition: partitionID, CA: c.ID}) { // as for a credential of another CA
				which = "another certification authority"
			}
			return fault.New(
				fault.Conflict, "%s has this subject already: the subject of a certification authority is unique in the partition", which,
			).At("subject").
				Do(
					"Choose another subject, or renew the CA that has it. The subject of a deleted CA becomes free 24 hours after the " +
						"deletion.",
				)
		}
	}
	return nil
}

func (s *Service) usableParent(ctx context.Context, r Request, lock bool) (*CertificationAuthority, error) {
	query := s.Store.DB(ctx)
	if lock {
		query = s.Store.ForUpdate(query)
	}
	var parents []*CertificationAuthority
	if err := query.Where(
		"id = ? AND partition_id = ? AND purged_at IS NULL", *r.ParentID, r.PartitionID,
	).Find(&parents).Error; err != nil {
		return nil, err
	}
	if len(parents) == 0 {
		return nil, fault.New(fault.Invalid, "no such certification authority in this partition").At("parentId")
	}
	parent := parents[0]
	if status := parent.StatusAt(s.Now()); status != Active {
		return nil, fault.New(
			fault.Conflict, "%s cannot certify another CA: it is %s", parent.Identifier, text.Lower(status),
		).At("parentId").Do("Choose an active one.")
	}
	if parent.Type == Issuing {
		return nil, fault.New(
			fault.PolicyRefused, "%s is an issuing CA: it certifies end entities only", parent.Identifier,
		).At("parentId").Do(
			"Choose a root or an intermediate.",
		)
	}
	d, err := issuance.Inspect(parent.Certificate)
	if err != nil {
		return nil, err
	}
	if _, err := nameconstraint.FromExtensions(d.Extensions); err != nil {
		f := fault.New(fault.PolicyRefused, "nothing can be issued below %s: %s", parent.Identifier, fault.Of(err).Message).At("parentId").
			Do("Choose another one.")
		f.Rule = nameconstraint.Rule
		return nil, f
	}
	return parent, nil
}

// checkConstraints refuses path length and name constraints that the certificate could not have.
func (s *Service) checkConstraints(ctx context.Context, r Request) error {
	if _, err := r.NameConstraints.Extension(); err != nil {
		return err
	}
	if r.PathLength != nil && (*r.PathLength < 0 || *r.PathLength > 100) {
		return fault.New(fault.Invalid, "the path length lies between 0 and 100").At("pathLength")
	}
	if r.ParentID == nil {
		if !r.NameConstraints.IsZero() {
			return fault.New(
				fault.Invalid, "name constraints in the certificate of a root bind nobody: verifiers start below it",
			).At("nameConstraints").Do("Give them to the CAs below.")
		}
		return nil
	}
	if r.Type == Issuing && r.PathLength != nil && *r.PathLength > 0 {
		return fault.New(fault.Invalid, "an issuing CA certifies end entities only: its path length is 0").At("pathLength")
	}
	if r.Type == Intermediate && r.PathLength != nil && *r.PathLength == 0 {
		return fault.New(fault.Invalid, "with a path length of 0 no CA could stand below an intermediate").At("pathLength").Do(
			"Choose 1 or more, or create an issuing CA.",
		)
	}
	parent, err := s.usableParent(ctx, r, false)
	if err != nil {
		return err
	}
	allowed, err := parent.MaxPathLength()
	if err != nil || allowed == nil {
		return err
	}
	least := int64(0) // of the new CA
	if r.Type == Intermediate {
		least = 1
	}
	if *allowed-1 < least {
		return fault.New(
			fault.PolicyRefused, "the path length of %s is %d: no CA of this type can stand below it", parent.Identifier, *allowed,
		).At("parentId").Do("Choose a parent higher up.")
	}
	if r.PathLength != nil && *r.PathLength > *allowed-1 {
		return fault.New(
			fault.Invalid, "the path length of %s is %d: at most %d is possible below it", parent.Identifier, *allowed, *allowed-1,
		).At("pathLength")
	}
	return nil
}

// MaxPathLength is the path length constraint in the CA's certificate, nil for none.
func (c *CertificationAuthority) MaxPathLength() (*int64, error) {
	if c.Certificate == nil {
		return nil, nil
	}
	d, err := issuance.Inspect(c.Certificate)
	if err != nil || d.PathLength == nil {
		return nil, err
	}
	return new(int64(*d.PathLength)), nil
}
