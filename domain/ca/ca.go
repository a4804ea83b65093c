// Package ca is the certification authorities of a partition: what they are, how they are asked for, and how they end.
// Signing for them is the business of package enrollment, the life of their keys that of package authority, their CRL and OCSP that of
// package status.
package ca

import (
	"encoding/pem"
	"fmt"
	"hash/fnv"
	"strings"
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
	CRLDelta         bool       `gorm:"column:crl_delta"`       // delta CRLs beside the complete ones
	CRLShards        int64      `gorm:"column:crl_shards"`      // over how many new certificates are spread; 0: none
	CRLShardFirst    int64      `gorm:"column:crl_shard_first"` // of those
	CRLShardLast     int64      `gorm:"column:crl_shard_last"`  // highest that a certificate may carry
	CRLAutoShard     bool       `gorm:"column:crl_auto_shard"`  // new certificates go to shards when a list grows large
	CRLComplete      bool       `gorm:"column:crl_complete"`    // the list without shard names all that is revoked
	CRLAlarm         string     `gorm:"column:crl_alarm"`       // why a CRL is held back; "": none is
	CRLAlarmAt       *time.Time `gorm:"column:crl_alarm_at"`
	CRLStale         bool       `gorm:"column:crl_stale"` // settings changed: complete lists are due
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
	return u.PublicURL + "/crl/" + c.PartitionID + "/" + c.PublicName() + "/crl.crl"
}

// CRLShard is where a shard's list is; shard 0 is CRL.
func (u URLs) CRLShard(c *CertificationAuthority, shard int64, delta bool) string {
	return strings.TrimSuffix(u.CRL(c), "crl.crl") + CRLFile(shard, delta)
}

// ShardOf is the shard whose list has the address, whatever server it names; false when it is no address of CRLShard.
func ShardOf(address string, shards int64) (int64, bool) {
	name := address[strings.LastIndexByte(address, '/')+1:]
	for shard := range shards + 1 {
		if name == CRLFile(shard, false) {
			return shard, true
		}
	}
	return 0, false
}

// CRLFile is the last part of a list's address.
func CRLFile(shard int64, delta bool) string {
	switch {
	case shard == 0 && delta:
		return "delta.crl"
	case shard == 0:
		return "crl.crl"
	case delta:
		return fmt.Sprintf("shard-%d-delta.crl", shard)
	}
	return fmt.Sprintf("shard-%d.crl", shard)
}

// ShardOf is the shard of a new certificate with this serial number, 0 while there are none. No certificate carries the
// address of a list that is not there yet.
func (c *CertificationAuthority) ShardOf(serial []byte) int64 {
	if !c.CRLEnabled || c.CRLShards == 0 || c.CRLShardFirst+c.CRLShards-1 > c.CRLShardLast {
		return 0
	}
	hash := fnv.New64a()
	hash.Write(serial) // never fails
	return c.CRLShardFirst + int64(hash.Sum64()%uint64(c.CRLShards))
}

// CarriesShard tells whether new certificates may carry the address of a shard, 0: of the list of the CA.
func (c *CertificationAuthority) CarriesShard(shard int64) bool {
	if first := c.ShardOf(nil); first == 0 {
		return shard == 0
	}
	return shard >= c.CRLShardFirst && shard < c.CRLShardFirst+c.CRLShards
}

func (u URLs) OCSP(c *CertificationAuthority) string {
	return u.PublicURL + "/ocsp/" + c.PartitionID + "/" + c.PublicName()
}

func (u URLs) Certificate(c *CertificationAuthority) string {
	return u.PublicURL + "/ca/" + c.PartitionID + "/" + c.PublicName() + "/ca.cer"
}

// GatewayAPI is the base of the CA Gateway API.
func (u URLs) GatewayAPI() string { return u.MutualURL + "/cagw/v1" }

func (u URLs) Gateway(c *CertificationAuthority) string {
	return u.GatewayAPI() + "/certificate-authorities/" + c.PartitionID + "~" + c.Identifier
}

// PEM writes certificates one after the other.
func PEM(ders ...[]byte) string {
	var out []byte
	for _, der := range ders {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return string(out)
}
