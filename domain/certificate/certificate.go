// Package certificate is the inventory: every certificate that was issued, and its status.
package certificate

import (
	"time"

	"github.com/pkiaas/pkiaas/rbac"
)

// Kind tells whose certificate it is.
type Kind string

const (
	Subscriber Kind = "SUBSCRIBER"
	CA         Kind = "CA"          // a certification authority's own, issued by its parent or itself
	OCSPSigner Kind = "OCSP_SIGNER" // delegated by the CA to itself (RFC 6960 4.2.2.2)
)

// Status of a certificate; expiry is apart.
type Status string

const (
	Issued    Status = "ISSUED"
	Suspended Status = "SUSPENDED" // certificateHold
	Revoked   Status = "REVOKED"
)

// Reason is the CRLReason code of RFC 5280 5.3.1.
type Reason int64

const (
	Unspecified          Reason = 0
	KeyCompromise        Reason = 1
	CACompromise         Reason = 2
	AffiliationChanged   Reason = 3
	Superseded           Reason = 4
	CessationOfOperation Reason = 5
	CertificateHold      Reason = 6
	PrivilegeWithdrawn   Reason = 9
	AACompromise         Reason = 10
)

// ReasonNames are the eight reasons that a revocation can give.
var ReasonNames = map[Reason]string{
	Unspecified: "UNSPECIFIED", KeyCompromise: "KEY_COMPROMISE", CACompromise: "CA_COMPROMISE", AffiliationChanged: "AFFILIATION_CHANGED",
	Superseded: "SUPERSEDED", CessationOfOperation: "CESSATION_OF_OPERATION", PrivilegeWithdrawn: "PRIVILEGE_WITHDRAWN",
	AACompromise: "AA_COMPROMISE",
}

// Certificate is one certificate (RFC 5280 section 4).
type Certificate struct {
	ID               string `gorm:"primaryKey"` // UUIDv7: ordered by time
	PartitionID      string
	CAID             string `gorm:"column:ca_id"`
	SerialNumber     string // lower-case hexadecimal
	Kind             Kind
	ProfileID        string
	Subject          string // RFC 4514
	CommonName       string
	SearchText       string // lower case: subject, SANs, serial number
	Status           Status
	NotBefore        time.Time
	NotAfter         time.Time
	DER              []byte `gorm:"column:der"`
	EndEntityID      *string
	RequestedBy      string
	CreatedAt        time.Time
	Counted          bool // against the purchased number
	RevokedAt        *time.Time
	RevocationReason Reason
	InvalidityDate   *time.Time
	StatusComment    string // of the last change of status
	SuspendedUntil   *time.Time
	ProfileVersion   int64  // of a partition's own profile; 0 = a system profile
	Story            *Story `gorm:"serializer:json"` // nil for certificates older than it
	KeyGeneration    int64  // which of the issuer's keys signed it
	// What reports count by; "" on rows of before, until the job Describe has read them.
	PublicKeySHA256    string     `gorm:"column:public_key_sha256"` // of the SubjectPublicKeyInfo, hexadecimal
	KeyType            string     // "RSA 3072"
	SignatureAlgorithm string     // "ecdsa-with-SHA256"
	Source             string     // console, api, bulk, system, or a protocol
	ReleasedAt         *time.Time // end of the last suspension
	ConfigurationID    *string    // of the enrollment protocol that it came through
	OfferingID         *string    // of that configuration
	CRLShard           int64      `gorm:"column:crl_shard"` // whose address it carries; 0: none
}

func (Certificate) TableName() string { return "certificates" }

// on is the certificate as permissions are asked for it.
func (c *Certificate) on() rbac.On {
	on := rbac.On{Partition: c.PartitionID, CA: c.CAID}
	if c.ConfigurationID != nil {
		on.Configuration = *c.ConfigurationID
	}
	return on
}
