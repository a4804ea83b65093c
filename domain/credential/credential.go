// Package credential manages the clients of the CA Gateway API. Their certificates come from a separate authority and
// have roles on single CAs of a partition.
package credential

import (
	"time"

	"github.com/pkiaas/pkiaas/rbac"
)

// Role on a CA.
type Role string

const (
	CertAdmins Role = "CERT_ADMINS" // reads, enrolls, changes the status of certificates
	Auditors   Role = "AUDITORS"    // reads
)

// rbac returns the corresponding role of a partition.
func (r Role) rbac() rbac.Role {
	switch r {
	case CertAdmins:
		return rbac.CertificateAdministrators
	case Auditors:
		return rbac.CAAuditors
	}
	return ""
}

// Status of a credential that is not deleted.
type Status string

const (
	Active  Status = "ACTIVE"
	Expired Status = "EXPIRED"
)

// Credential is a client of the CA Gateway API.
type Credential struct {
	ID           string `gorm:"primaryKey"`
	PartitionID  string
	Identifier   string
	FriendlyName string
	CreatedAt    time.Time
	CreatedBy    string
	OwnerID      string // the user behind it, "" if unknown
	LastUsedAt   *time.Time
	LastUsedIP   string `gorm:"column:last_used_ip"`
	Version      int64
	DeletedAt    *time.Time `gorm:"column:deleted_at"`

	// Roles on CAs, by CA.
	Roles []*Grant `gorm:"-"`
	// Of the current certificate.
	SerialNumber string     `gorm:"-"` // hexadecimal
	ExpiresAt    time.Time  `gorm:"-"`
	RenewedAt    *time.Time `gorm:"-"` // nil if it is the first one
	// PreviousEndsAt is when the last of the earlier certificates expires, nil if all have expired.
	PreviousEndsAt *time.Time `gorm:"-"`
}

func (Credential) TableName() string { return "credentials" }

// StatusAt returns the status shown to people.
func (c *Credential) StatusAt(now time.Time) Status {
	if now.Before(c.ExpiresAt) {
		return Active
	}
	return Expired
}

// Grant is a role on a CA.
type Grant struct {
	CredentialID string `gorm:"primaryKey"`
	CAID         string `gorm:"column:ca_id;primaryKey"`
	Role         Role   `gorm:"primaryKey"`
}

func (Grant) TableName() string { return "credential_roles" }

// certificate is a present or former certificate of a credential.
type certificate struct {
	Fingerprint  []byte `gorm:"primaryKey"` // SHA-256 of the DER
	CredentialID string
	AuthorityID  string
	SerialNumber string
	NotAfter     time.Time
	CreatedAt    time.Time
	EndsAt       *time.Time // nil for the current one
}

func (certificate) TableName() string { return "credential_certificates" }

// end returns the time from which the certificate is refused.
func (c *certificate) end() time.Time {
	if c.EndsAt != nil && c.EndsAt.Before(c.NotAfter) {
		return *c.EndsAt
	}
	return c.NotAfter
}

// Issued is a credential with the secrets its client needs. It is not stored.
type Issued struct {
	Credential *Credential
	PKCS12     []byte // key, certificate and authority: PBES2, AES-256
	Password   string // 40 hexadecimal digits
}

// FileName returns the name of the PKCS #12 file.
func (i *Issued) FileName() string { return "pkcs12-" + i.Credential.Identifier + ".p12" }
