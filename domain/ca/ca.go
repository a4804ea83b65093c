// Package ca is the certification authorities of a partition: what they are, how they are asked for, and how they end.
// Signing for them is the business of package enrollment; their CRL and OCSP that of package status.
package ca

import (
	"encoding/pem"
	"time"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/nameconstraint"
)

// Type of a certification authority, as in the guide.
type Type string

const (
	Root         Type = "ROOT"
	ExternalRoot Type = "EXTERNAL_ROOT" // its certificate only; whoever has its key is elsewhere
	Intermediate Type = "INTERMEDIATE"
	Issuing      Type = "ISSUING"
)

// Status of a certification authority.
type Status string

const (
	Proposed Status = "PROPOSED" // a root that waits for a second person
	Creating Status = "CREATING"
	// Pending: its key is made, and an external root is to sign its request.
	Pending  Status = "PENDING_CERTIFICATE"
	Active   Status = "ACTIVE"
	Disabled Status = "DISABLED" // issues nothing; CRL and OCSP go on
	Failed   Status = "FAILED"
	Expired  Status = "EXPIRED" // never stored: ACTIVE past its notAfter
	Revoked  Status = "REVOKED"
	Deleted  Status = "DELETED" // never stored: DeletedAt is set
)

// Step of the creation.
type Step string

const (
	StepQueued             Step = "QUEUED"
	StepGeneratingKey      Step = "GENERATING_KEY"
	StepSigningCertificate Step = "SIGNING_CERTIFICATE"
	StepIssuingOCSPSigner  Step = "ISSUING_OCSP_SIGNER"
	StepPublishingCRL      Step = "PUBLISHING_CRL"
	StepActive             Step = "ACTIVE"
)

// Steps lists them in order.
func Steps() []Step {
	return []Step{StepQueued, StepGeneratingKey, StepSigningCertificate, StepIssuingOCSPSigner, StepPublishingCRL, StepActive}
}

// Tombstone is how long a deleted CA still counts and keeps its identifier, and can be restored.
const Tombstone = 24 * time.Hour

// Default lifetimes, unless the request says otherwise.
const (
	DefaultRootYears        = 20
	DefaultSubordinateYears = 10
)

// CertificationAuthority is one CA (RFC 5280).
type CertificationAuthority struct {
	ID               string `gorm:"primaryKey"`
	PartitionID      string
	Identifier       string
	FriendlyName     string
	Type             Type
	Status           Status
	ParentID         *string // nil for a root
	SigningAlgorithm string  // label of the registry
	Subject          string  // RFC 4514
	SubjectDER       []byte
	NotAfter         time.Time  // asked for, then as in the certificate
	NotBefore        *time.Time // nil until there is a certificate
	CRLEnabled       bool       `gorm:"column:crl_enabled"`
	OCSPEnabled      bool       `gorm:"column:ocsp_enabled"`
	KeyStore         string     // name of the key store
	KeyID            string     // in the key store
	Certificate      []byte     // DER
	SerialNumber     string     // hexadecimal
	OCSPKeyStore     string     `gorm:"column:ocsp_key_store"`
	OCSPKeyID        string     `gorm:"column:ocsp_key_id"`
	OCSPCertificate  []byte     `gorm:"column:ocsp_certificate"`
	OCSPNotAfter     *time.Time `gorm:"column:ocsp_not_after"`
	CRLNumber        int64      `gorm:"column:crl_number"`
	// KeyGeneration counts the keys that the CA has had. The row holds the newest one in use; see Generation.
	KeyGeneration int64
	// IssuerGeneration is the generation of the parent's key (of its own, for a root) that signed the certificate.
	IssuerGeneration int64
	PathLength       *int64                     // asked for; what holds is in the certificate
	NameConstraints  nameconstraint.Constraints `gorm:"serializer:json"` // asked for, like PathLength
	SigningRequest   []byte                     // PKCS #10, DER, while an external root is to sign it
	Renewal          Renewal
	RenewalNotAfter  *time.Time
	RenewalFailure   string
	StatusVersion    int64
	Version          int64
	CreationStep     Step
	CreationFailure  string
	RevokedAt        *time.Time
	CreatedAt        time.Time
	CreatedBy        string
	ActivatedAt      *time.Time
	DeletedAt        *time.Time `gorm:"column:deleted_at"`
	PurgedAt         *time.Time
	ProposalKind     ProposalKind // what waits for a second person
	ProposalStore    string
	ProposedBy       string
	ProposedByID     string `gorm:"column:proposed_by_id"`
	ProposedAt       *time.Time
}

func (CertificationAuthority) TableName() string { return "certification_authorities" }

// StatusAt is the status that people see: it knows of expiry and deletion.
func (c *CertificationAuthority) StatusAt(now time.Time) Status {
	switch {
	case c.DeletedAt != nil:
		return Deleted
	case (c.Status == Active || c.Status == Disabled) && !now.Before(c.NotAfter):
		return Expired
	}
	return c.Status
}

// Algorithm is the row of the registry that the CA signs with.
func (c *CertificationAuthority) Algorithm() (*algorithm.Algorithm, error) {
	return algorithm.ForLabel(c.SigningAlgorithm)
}

// PurgeAt is when a deleted CA's identifier becomes free.
func (c *CertificationAuthority) PurgeAt() *time.Time {
	if c.DeletedAt == nil {
		return nil
	}
	at := c.DeletedAt.Add(Tombstone)
	return &at
}

type selectedProfile struct {
	CAID      string `gorm:"column:ca_id;primaryKey"`
	ProfileID string `gorm:"primaryKey"`
}

func (selectedProfile) TableName() string { return "ca_profiles" }

// URLs are where a CA's status and certificate are served: plain HTTP, since a client that checks a certificate cannot
// be asked to check another one first.
type URLs struct {
	PublicURL string // without a slash at the end
	MutualURL string // base of the CA Gateway
}

func (u URLs) CRL(c *CertificationAuthority) string {
	return u.PublicURL + "/crl/" + c.PartitionID + "/" + c.publicName() + "/crl.crl"
}

func (u URLs) OCSP(c *CertificationAuthority) string {
	return u.PublicURL + "/ocsp/" + c.PartitionID + "/" + c.publicName()
}

func (u URLs) Certificate(c *CertificationAuthority) string {
	return u.PublicURL + "/ca/" + c.PartitionID + "/" + c.publicName() + "/ca.cer"
}

func (u URLs) Gateway(c *CertificationAuthority) string {
	return u.MutualURL + "/cagw/v1/certificate-authorities/" + c.PartitionID + "~" + c.Identifier
}

// PEM writes certificates one after the other.
func PEM(ders ...[]byte) string {
	var out []byte
	for _, der := range ders {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return string(out)
}
