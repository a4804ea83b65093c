// Package delegate is what a CA has certified to act in its name: the certificates of the service below a CA, with their
// keys. RFC 6960 4.2.2.2 calls the signer of OCSP answers delegated; registration authorities and signers of protocol
// messages are the same. A delegate is of one purpose and of one key of its CA. It is replaced before it expires, and what
// was encrypted for the one before can be decrypted for a while.
package delegate

import (
	"context"
	"time"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/keystore"
)

// Purpose of a delegate.
type Purpose string

// OCSPSigner signs OCSP answers (RFC 6960 4.2.2.2).
const OCSPSigner Purpose = "OCSP_SIGNER"

// Kind is how delegates of a purpose are made and kept.
type Kind struct {
	Purpose     Purpose
	Certificate certificate.Kind // as the inventory names them
	Profile     string           // of the system, for authorities
	Unit        string           // OU of the subject
	Use         keystore.Use
	// Algorithm of the key, for a CA with the given one.
	Algorithm func(*algorithm.Algorithm) *algorithm.Algorithm
	// Kept is how long the key is kept once another delegate has taken over.
	Kept time.Duration
	// Status: relying parties see the delegate, so that a new one changes the status that the CA serves.
	Status bool
	// Wanted tells whether a CA, seen with one of its keys, is to have one.
	Wanted func(ctx context.Context, c *ca.CertificationAuthority) (bool, error)
}

// ocspKept: a database that is restored from a backup has the signer of then, whose key is still there.
const ocspKept = renewBefore

// OCSPSigners is the kind of OCSPSigner. Compatible ones are RSA with 2048 bits, which every client can verify; the others are as
// strong as their CA.
func OCSPSigners(compatible bool) *Kind {
	return &Kind{
		Purpose:     OCSPSigner,
		Certificate: certificate.OCSPSigner,
		Profile:     "ocsp-signer",
		Unit:        "Validation Authorities",
		Kept:        ocspKept,
		Status:      true,
		Algorithm: func(a *algorithm.Algorithm) *algorithm.Algorithm {
			a = a.OCSPSignerAlgorithm()
			if compatible {
				a = a.CompatibleOCSPSignerAlgorithm()
			}
			return a
		},
		Wanted: func(_ context.Context, c *ca.CertificationAuthority) (bool, error) { return c.OCSPEnabled, nil },
	}
}

// Status of a delegate.
type Status string

const (
	Current    Status = "CURRENT"
	Superseded Status = "SUPERSEDED" // by a newer one; its key is kept until KeepUntil, to decrypt or for who has not heard of that
	Ended      Status = "ENDED"      // its key is destroyed
)

// Delegate is one of them.
type Delegate struct {
	KeyStore      string `gorm:"primaryKey"`
	KeyID         string `gorm:"primaryKey"`
	CAID          string `gorm:"column:ca_id"`
	KeyGeneration int64  // of the CA's key that certifies it
	Purpose       Purpose
	Status        Status
	Certificate   []byte // DER
	NotAfter      time.Time
	KeepUntil     *time.Time // of a superseded one
	EndedAt       *time.Time
}

func (Delegate) TableName() string { return "delegates" }
