package ocsp

import (
	"context"
	"encoding/asn1"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/issuance"
)

// Status of a certificate (RFC 6960 2.2).
type Status int

const (
	Good Status = iota
	Revoked
	Unknown
)

// OCSPResponseStatus values of error responses (RFC 6960 4.2.1).
const (
	MalformedRequest = 1
	InternalError    = 2
	TryLater         = 3
	SigRequired      = 5
	Unauthorized     = 6
)

var (
	oidBasic         = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidArchiveCutoff = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 6}
)

// SingleResponse is the status of one certificate.
type SingleResponse struct {
	CertID     CertID
	Status     Status
	RevokedAt  time.Time // Revoked only
	Reason     int       // Revoked only; -1 or 0: omitted
	ThisUpdate time.Time
	NextUpdate time.Time
	// ArchiveCutoff is the time since which status is available after expiry (4.4.4); zero: omitted.
	ArchiveCutoff time.Time
}

// Response is a BasicOCSPResponse before signing.
type Response struct {
	ResponderKeyHash []byte // SHA-1 of the responder's KeyBits
	ProducedAt       time.Time
	Responses        []SingleResponse
	Nonce            []byte
	Certificates     [][]byte // DER, with the delegated signer
}

// ErrorResponse returns a response without responseBytes.
func ErrorResponse(status int) []byte { return []byte{0x30, 3, 0x0a, 1, byte(status)} }

func explicit(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

// SignResponse signs a successful OCSPResponse (DER).
func SignResponse(ctx context.Context, r Response, s issuance.Signer) ([]byte, error) {
	tbs, err := r.data()
	if err != nil {
		return nil, fmt.Errorf("assembling the OCSP response: %w", err)
	}
	signature, err := s.Sign(ctx, tbs)
	if err != nil {
		return nil, err
	}
	size := len(tbs) + len(signature) + 128
	for _, c := range r.Certificates {
		size += len(c)
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, size)) // copied once
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidBasic)
				b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddBytes(tbs)
						b.AddBytes(s.Algorithm().SignatureAlgorithm())
						b.AddASN1BitString(signature)
						if len(r.Certificates) > 0 {
							b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
								b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
									for _, c := range r.Certificates {
										b.AddBytes(c)
									}
								})
							})
						}
					})
				})
			})
		})
	})
	return b.Bytes()
}

// data returns the ResponseData (4.2.1).
func (r Response) data() ([]byte, error) {
	b := cryptobyte.NewBuilder(make([]byte, 0, 256+256*len(r.Responses)))
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(explicit(2), func(b *cryptobyte.Builder) { b.AddASN1OctetString(r.ResponderKeyHash) })
		b.AddASN1GeneralizedTime(r.ProducedAt.UTC())
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, one := range r.Responses {
				b.AddASN1(cbasn1.SEQUENCE, one.add)
			}
		})
		if r.Nonce != nil {
			b.AddASN1(explicit(1), func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					value := octets(func(b *cryptobyte.Builder) { b.AddASN1OctetString(r.Nonce) })
					extension.Extension{ID: oidNonce, Value: value}.Add(b)
				})
			})
		}
	})
	return b.Bytes()
}

func (one SingleResponse) add(b *cryptobyte.Builder) {
	b.AddBytes(one.CertID.Raw)
	switch one.Status {
	case Good:
		b.AddASN1(cbasn1.Tag(0).ContextSpecific(), func(*cryptobyte.Builder) {})
	case Revoked:
		b.AddASN1(explicit(1), func(b *cryptobyte.Builder) {
			b.AddASN1GeneralizedTime(one.RevokedAt.UTC())
			if one.Reason > 0 {
				b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(one.Reason)) })
			}
		})
	default:
		b.AddASN1(cbasn1.Tag(2).ContextSpecific(), func(*cryptobyte.Builder) {})
	}
	b.AddASN1GeneralizedTime(one.ThisUpdate.UTC())
	if !one.NextUpdate.IsZero() {
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(one.NextUpdate.UTC()) })
	}
	if !one.ArchiveCutoff.IsZero() {
		b.AddASN1(explicit(1), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				value := octets(func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(one.ArchiveCutoff.UTC().Truncate(time.Second)) })
				extension.Extension{ID: oidArchiveCutoff, Value: value}.Add(b)
			})
		})
	}
}

func octets(f func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	f(&b)
	return b.BytesOrPanic() // contents are fixed
}
