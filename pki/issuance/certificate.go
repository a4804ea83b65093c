// Package issuance builds and signs certificates and CRLs (RFC 5280) and requests (RFC 2986). Its functions are pure:
// no database, no clock. It assembles the bytes to be signed itself, because crypto/x509 cannot sign with algorithms it
// does not know.
package issuance

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
)

// Signer is a signing key, implemented by keystore.Key.
type Signer interface {
	Algorithm() *algorithm.Algorithm
	PublicKey() []byte // SubjectPublicKeyInfo, DER
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// Certificate is the content of a certificate (RFC 5280 4.1).
type Certificate struct {
	SerialNumber []byte // big-endian, positive, at most 20 bytes in DER
	Issuer       []byte // DER Name
	Subject      []byte // DER Name, may be the empty sequence
	NotBefore    time.Time
	NotAfter     time.Time
	PublicKey    []byte // SubjectPublicKeyInfo, DER
	Extensions   []extension.Extension
}

// NewSerialNumber returns 16 bytes, always positive and without a leading zero. 46 bits are the time of issuance in
// milliseconds, so that new serial numbers of a CA are close together in large indexes. 80 bits are random, so that
// none can be predicted (CA/Browser Forum BR 7.1 requires 64).
func NewSerialNumber(at time.Time) []byte {
	serial := make([]byte, 16)
	binary.BigEndian.PutUint64(serial, 1<<62|uint64(at.UnixMilli())<<18>>2)
	_, _ = rand.Read(serial[6:]) // never fails (crypto/rand)
	return serial
}

// Prepared is a certificate whose bytes are fixed but not yet signed. It can be signed once.
type Prepared struct {
	tbs       []byte
	algorithm *algorithm.Algorithm
	used      atomic.Bool
}

// TBS returns the exact TBSCertificate that will be signed.
func (p *Prepared) TBS() []byte { return p.tbs }

// Prepare assembles the TBSCertificate for a signer of the given algorithm, and refuses what must not be signed.
func Prepare(c Certificate, signer *algorithm.Algorithm) (*Prepared, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, 1024))
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1Int64(2) })
		addUnsigned(b, c.SerialNumber)
		b.AddBytes(signer.SignatureAlgorithm())
		b.AddBytes(c.Issuer)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addTime(b, c.NotBefore)
			addTime(b, c.NotAfter)
		})
		b.AddBytes(c.Subject)
		b.AddBytes(c.PublicKey)
		addExtensions(b, cbasn1.Tag(3), c.Extensions)
	})
	tbs, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("cannot assemble the certificate: %w", err)
	}
	return &Prepared{tbs: tbs, algorithm: signer}, nil
}

// Unsigned returns the certificate with an empty signature, for inspection. It cannot be mistaken for a valid
// certificate.
func (p *Prepared) Unsigned() ([]byte, error) {
	b := cryptobyte.NewBuilder(make([]byte, 0, len(p.tbs)+64))
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(p.tbs)
		b.AddBytes(p.algorithm.SignatureAlgorithm())
		b.AddASN1BitString(nil)
	})
	return b.Bytes()
}

// Sign signs the prepared bytes and returns the certificate, DER.
func (p *Prepared) Sign(ctx context.Context, s Signer) ([]byte, error) {
	if s.Algorithm() != p.algorithm {
		return nil, errors.New("the certificate was prepared for another signing algorithm")
	}
	if p.used.Swap(true) {
		return nil, errors.New("the certificate has already been signed")
	}
	return sign(ctx, p.tbs, s)
}

// sign combines to-be-signed bytes, algorithm and signature. Certificates, CRLs and requests have the same form.
func sign(ctx context.Context, tbs []byte, s Signer) ([]byte, error) {
	signature, err := s.Sign(ctx, tbs)
	if err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, len(tbs)+len(signature)+64))
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes(s.Algorithm().SignatureAlgorithm())
		b.AddASN1BitString(signature)
	})
	return b.Bytes()
}

func (c *Certificate) check() error {
	serial := new(big.Int).SetBytes(c.SerialNumber)
	switch {
	case serial.Sign() <= 0:
		return errors.New("the serial number must be positive")
	case serial.BitLen() > 159: // 20 bytes with the sign (RFC 5280 4.1.2.2)
		return errors.New("the serial number is longer than 20 bytes")
	case len(c.Issuer) <= 2:
		return errors.New("the issuer must not be empty") // RFC 5280 4.1.2.4
	case !isSequence(c.Issuer) || !isSequence(c.Subject) || !isSequence(c.PublicKey):
		return errors.New("issuer, subject and public key must each be one DER SEQUENCE")
	case c.NotAfter.Before(c.NotBefore):
		return errors.New("notAfter is before notBefore")
	case c.NotBefore.Year() < 1950 || c.NotAfter.Year() > 9999:
		return errors.New("the validity must be between the years 1950 and 9999")
	}
	return unique(c.Extensions)
}

func unique(extensions []extension.Extension) error {
	for i, e := range extensions {
		if slices.ContainsFunc(extensions[:i], func(other extension.Extension) bool { return other.ID.Equal(e.ID) }) {
			return fmt.Errorf("duplicate extension %s", e.ID) // RFC 5280 4.2
		}
	}
	return nil
}

// isSequence tells whether the bytes are exactly one SEQUENCE, so that copying them cannot shift what follows.
func isSequence(der []byte) bool {
	input := cryptobyte.String(der)
	return input.SkipASN1(cbasn1.SEQUENCE) && input.Empty()
}

// addUnsigned writes a positive INTEGER given as big-endian bytes.
func addUnsigned(b *cryptobyte.Builder, value []byte) {
	value = bytes.TrimLeft(value, "\x00")
	b.AddASN1(cbasn1.INTEGER, func(b *cryptobyte.Builder) {
		if len(value) == 0 || value[0] >= 0x80 {
			b.AddUint8(0)
		}
		b.AddBytes(value)
	})
}

// addTime writes a UTCTime through 2049 and a GeneralizedTime from 2050 (RFC 5280 4.1.2.5).
func addTime(b *cryptobyte.Builder, t time.Time) {
	t = t.UTC()
	if t.Year() < 2050 {
		b.AddASN1UTCTime(t)
	} else {
		b.AddASN1GeneralizedTime(t.Truncate(time.Second))
	}
}

func addExtensions(b *cryptobyte.Builder, tag cbasn1.Tag, extensions []extension.Extension) {
	if len(extensions) == 0 {
		return
	}
	b.AddASN1(tag.ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, e := range extensions {
				e.Add(b)
			}
		})
	})
}
