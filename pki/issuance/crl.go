package issuance

import (
	"bytes"
	"context"
	"encoding/asn1"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/invalid"
)

var (
	oidCRLNumber         = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidExpiredCertsOnCRL = asn1.ObjectIdentifier{2, 5, 29, 60}
)

// CRL is what a full CRL is to say (RFC 5280 5.1).
type CRL struct {
	Issuer         []byte // DER Name
	AuthorityKeyID []byte
	Number         *big.Int
	ThisUpdate     time.Time
	NextUpdate     time.Time
	// From this instant on, certificates stay listed after they have expired (X.509 clause 9.5, expiredCertsOnCRL); zero: left out.
	ExpiredCertsOnCRL time.Time
}

// SignCRL builds and signs a CRL with the entries as they come; an error among them ends it.
func SignCRL(ctx context.Context, c CRL, revoked iter.Seq2[RevokedCertificate, error], s Signer) ([]byte, error) {
	if len(c.Issuer) <= 2 || !isSequence(c.Issuer) || c.Number == nil || c.Number.Sign() < 0 || c.Number.BitLen() > 159 || !c.NextUpdate.After(c.ThisUpdate) {
		return nil, errors.New("a CRL needs an issuer, a number of at most 20 octets, and nextUpdate after thisUpdate")
	}
	entries, err := crlEntries(revoked)
	if err != nil {
		return nil, err
	}
	extensions := []extension.Extension{
		extension.AuthorityKeyIdentifier(c.AuthorityKeyID),
		{ID: oidCRLNumber, Value: der(func(b *cryptobyte.Builder) { b.AddASN1BigInt(c.Number) })},
	}
	if !c.ExpiredCertsOnCRL.IsZero() {
		extensions = append(extensions, extension.Extension{ID: oidExpiredCertsOnCRL, Value: generalizedTime(c.ExpiredCertsOnCRL)})
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, len(entries)+1024))
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddBytes(s.Algorithm().SignatureAlgorithm())
		b.AddBytes(c.Issuer)
		addTime(b, c.ThisUpdate)
		addTime(b, c.NextUpdate)
		if len(entries) > 0 { // an empty list is left out (5.1.2.6)
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(entries) })
		}
		addExtensions(b, cbasn1.Tag(0), extensions)
	})
	tbs, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("assembling the CRL: %w", err)
	}
	return sign(ctx, tbs, s)
}

func generalizedTime(t time.Time) []byte {
	return der(func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(t.UTC().Truncate(time.Second)) })
}

func der(f func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	f(&b)
	return b.BytesOrPanic() // contents are our own
}

// CheckedCRL is what CheckCRL found in a CRL.
type CheckedCRL struct {
	Number                 *big.Int // nil: the CRL has none
	Entries                int
	ThisUpdate, NextUpdate time.Time
}

// CheckCRL verifies the signature of a CRL (DER) and reads what it says of itself.
func CheckCRL(crl, issuerSPKI []byte) (*CheckedCRL, error) {
	refuse := invalid.New("crl", "this is not a CRL")
	input := cryptobyte.String(crl)
	var outer, rawTBS, rawAlgorithm, signature, tbs, innerAlgorithm cryptobyte.String
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !input.Empty() || !outer.ReadASN1Element(&rawTBS, cbasn1.SEQUENCE) ||
		!outer.ReadASN1Element(&rawAlgorithm, cbasn1.SEQUENCE) || !outer.ReadASN1(&signature, cbasn1.BIT_STRING) || !outer.Empty() || len(signature) < 1 || signature[0] != 0 {
		return nil, refuse
	}
	if err := algorithm.VerifySignature(rawAlgorithm, issuerSPKI, rawTBS, signature[1:]); err != nil {
		return nil, invalid.New("crl", "the signature of the CRL does not verify: %v", err)
	}
	c := &CheckedCRL{}
	inner := rawTBS
	if !inner.ReadASN1(&tbs, cbasn1.SEQUENCE) || !tbs.SkipASN1(cbasn1.INTEGER) || !tbs.ReadASN1Element(&innerAlgorithm, cbasn1.SEQUENCE) ||
		!bytes.Equal(innerAlgorithm, rawAlgorithm) || !tbs.SkipASN1(cbasn1.SEQUENCE) || // RFC 5280 5.1.1.2
		!readTime(&tbs, &c.ThisUpdate) || !readTime(&tbs, &c.NextUpdate) {
		return nil, refuse
	}
	if tbs.PeekASN1Tag(cbasn1.SEQUENCE) {
		var entries cryptobyte.String
		if !tbs.ReadASN1(&entries, cbasn1.SEQUENCE) {
			return nil, refuse
		}
		for ; !entries.Empty(); c.Entries++ {
			if !entries.SkipASN1(cbasn1.SEQUENCE) {
				return nil, refuse
			}
		}
	}
	var wrapped, list cryptobyte.String
	if !tbs.ReadASN1(&wrapped, cbasn1.Tag(0).ContextSpecific().Constructed()) || !wrapped.ReadASN1(&list, cbasn1.SEQUENCE) || !wrapped.Empty() || !tbs.Empty() {
		return nil, refuse
	}
	extensions, ok := extension.ParseList(list)
	if !ok {
		return nil, refuse
	}
	for _, e := range extensions {
		if e.ID.Equal(oidCRLNumber) {
			value := cryptobyte.String(e.Value)
			c.Number = new(big.Int)
			if !value.ReadASN1Integer(c.Number) {
				return nil, refuse
			}
		}
	}
	return c, nil
}

func readTime(s *cryptobyte.String, t *time.Time) bool {
	if s.PeekASN1Tag(cbasn1.UTCTime) {
		return s.ReadASN1UTCTime(t)
	}
	return s.ReadASN1GeneralizedTime(t)
}
