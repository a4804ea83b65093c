// Package issuance builds and signs what RFC 5280 defines: certificates, CRLs and (RFC 2986) requests. Pure functions:
// no database, no clock. The bytes to be signed are assembled here because crypto/x509 cannot sign with algorithms it
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

// Signer is a key that signs; keystore.Key is one.
type Signer interface {
	Algorithm() *algorithm.Algorithm
	PublicKey() []byte // SubjectPublicKeyInfo, DER
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// Certificate is what a certificate is to say (RFC 5280 4.1).
type Certificate struct {
	SerialNumber []byte // big-endian, positive, at most 20 octets in DER
	Issuer       []byte // DER Name
	Subject      []byte // DER Name, may be the empty sequence
	NotBefore    time.Time
	NotAfter     time.Time
	PublicKey    []byte // SubjectPublicKeyInfo, DER
	Extensions   []extension.Extension
}

// NewSerialNumber draws 16 octets, always positive and without a leading zero: 46 bits are the time of issuance in
// milliseconds, so that the serial numbers of a CA are beside each other in an index of millions, and 80 bits are random,
// so that none can be foreseen (CA/Browser Forum BR 7.1 asks for 64).
func NewSerialNumber(at time.Time) []byte {
	serial := make([]byte, 16)
	binary.BigEndian.PutUint64(serial, 1<<62|uint64(at.UnixMilli())<<18>>2)
	_, _ = rand.Read(serial[6:]) // never fails (crypto/rand)
	return serial
}

// Prepared is a certificate whose bytes are fixed and not yet signed. Sign takes nothing else, once.
type Prepared struct {
	tbs       []byte
	algorithm *algorithm.Algorithm
	used      atomic.Bool
}

// TBS is the exact TBSCertificate that will be signed.
func (p *Prepared) TBS() []byte { return p.tbs }

// Prepare assembles the TBSCertificate for a signer of the given algorithm and refuses what must not be signed.
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
		return nil, fmt.Errorf("assembling the certificate: %w", err)
	}
	return &Prepared{tbs: tbs, algorithm: signer}, nil
}

// Unsigned is the certificate with a signature of no bits, for looking at: nobody can take it for a certificate.
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

// sign wraps to-be-signed bytes, the algorithm and the signature: the form of certificates, CRLs and requests alike.
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
	case serial.BitLen() > 159: // 20 octets with the sign (RFC 5280 4.1.2.2)
		return errors.New("the serial number is longer than 20 octets")
	case len(c.Issuer) <= 2:
		return errors.New("the issuer must not be empty") // RFC 5280 4.1.2.4
	case !isSequence(c.Issuer) || !isSequence(c.Subject) || !isSequence(c.PublicKey):
		return errors.New("issuer, subject and public key must each be one DER SEQUENCE")
	case c.NotAfter.Before(c.NotBefore):
		return errors.New("notAfter lies before notBefore")
	case c.NotBefore.Year() < 1950 || c.NotAfter.Year() > 9999:
		return errors.New("the validity must lie between the years 1950 and 9999")
	}
	return unique(c.Extensions)
}

func unique(extensions []extension.Extension) error {
	for i, e := range extensions {
		if slices.ContainsFunc(extensions[:i], func(other extension.Extension) bool { return other.ID.Equal(e.ID) }) {
			return fmt.Errorf("the extension %s is there twice", e.ID) // RFC 5280 4.2
		}
	}
	return nil
}

// isSequence tells whether the bytes are one SEQUENCE with nothing behind it: what is copied must not shift its neighbours.
func isSequence(der []byte) bool {
	input := cryptobyte.String(der)
	return input.SkipASN1(cbasn1.SEQUENCE) && input.Empty()
}

// addUnsigned writes a positive INTEGER given as big-endian octets.
func addUnsigned(b *cryptobyte.Builder, value []byte) {
	value = bytes.TrimLeft(value, "\x00")
	b.AddASN1(cbasn1.INTEGER, func(b *cryptobyte.Builder) {
		if len(value) == 0 || value[0] >= 0x80 {
			b.AddUint8(0)
		}
		b.AddBytes(value)
	})
}

// addTime: UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5).
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
