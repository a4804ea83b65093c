package issuance

import (
	"bytes"
	"context"
	"crypto/sha256"
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
	oidDeltaCRLIndicator = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIssuingPoint      = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidExpiredCertsOnCRL = asn1.ObjectIdentifier{2, 5, 29, 60}
)

// CRL is what a CRL is to say (RFC 5280 5.1), but for its entries.
type CRL struct {
	Issuer         []byte // DER Name
	AuthorityKeyID []byte
	Number         *big.Int
	ThisUpdate     time.Time
	NextUpdate     time.Time
	// From this instant on, certificates stay listed after they have expired (X.509 clause 9.5, expiredCertsOnCRL); zero: left out.
	ExpiredCertsOnCRL time.Time
	// Number of the complete CRL that this one adds to (5.2.4); nil: this one is complete.
	DeltaBase *big.Int
	// The only certificates listed are those whose CRL distribution point has this address (5.2.5); "": all of the issuer.
	DistributionPoint string
	// Where the delta CRLs to this one are (5.2.6); "": there are none.
	FreshestCRL string
	// Size that the entries will have, as far as known, bytes: saves the growing.
	SizeHint int
}

// headers is the most octets that tag and length of a list below 4 GiB take.
const headers = 6

// CRLBuilder takes the entries of a CRL one by one and signs it. The list is in memory once: what stands before the
// entries has its place kept in front of them, and is put there when their length is known.
type CRLBuilder struct {
	crl    CRL
	signer Signer
	newest time.Time // of the dates of the entries
	buffer []byte
	start  int // of the entries in buffer
	count  int
}

// NewCRL begins a CRL.
func NewCRL(c CRL, s Signer) (*CRLBuilder, error) {
	number := func(n *big.Int) bool { return n.Sign() >= 0 && n.BitLen() <= 159 }
	switch {
	case len(c.Issuer) <= 2 || !isSequence(c.Issuer) || c.Number == nil || !number(c.Number) || !c.NextUpdate.After(c.ThisUpdate):
		return nil, errors.New("a CRL needs an issuer, a number of at most 20 octets, and nextUpdate after thisUpdate")
	case c.DeltaBase != nil && (!number(c.DeltaBase) || c.DeltaBase.Cmp(c.Number) > 0 || c.FreshestCRL != ""):
		return nil, errors.New("a delta CRL has the number of an earlier CRL as its base, and no delta CRL of its own") // 5.2.4, 5.2.6
	}
	b := &CRLBuilder{crl: c, signer: s}
	front, err := b.front()
	if err != nil {
		return nil, err
	}
	b.start = len(front) + 3*headers + 4 // a date behind 2049 is two octets longer
	// Behind the entries: extensions and the signature.
	b.buffer = make([]byte, b.start, b.start+c.SizeHint+2048+s.Algorithm().SignatureSize)
	return b, nil
}

// front is what stands before the entries: version to nextUpdate.
func (b *CRLBuilder) front() ([]byte, error) {
	var front cryptobyte.Builder
	front.AddASN1Int64(1)
	front.AddBytes(b.signer.Algorithm().SignatureAlgorithm())
	front.AddBytes(b.crl.Issuer)
	addTime(&front, b.crl.ThisUpdate)
	addTime(&front, b.crl.NextUpdate)
	fixed, err := front.Bytes()
	if err != nil {
		return nil, fmt.Errorf("assembling the CRL: %w", err)
	}
	return fixed, nil
}

// Newest is the latest date of an entry, zero when there is none.
func (b *CRLBuilder) Newest() time.Time { return b.newest }

// SetDates replaces thisUpdate and nextUpdate, once the entries are known.
func (b *CRLBuilder) SetDates(thisUpdate, nextUpdate time.Time) error {
	if !nextUpdate.After(thisUpdate) || thisUpdate.Before(b.newest) {
		return errors.New("a CRL has nextUpdate after thisUpdate, and no entry after thisUpdate")
	}
	b.crl.ThisUpdate, b.crl.NextUpdate = thisUpdate, nextUpdate
	return nil
}

// Add lists a certificate.
func (b *CRLBuilder) Add(r RevokedCertificate) (err error) {
	if b.buffer, err = r.append(b.buffer, b.crl.DeltaBase != nil); err == nil {
		b.count++
		if r.RevokedAt.After(b.newest) {
			b.newest = r.RevokedAt
		}
	}
	return err
}

// Entries is how many were added.
func (b *CRLBuilder) Entries() int { return b.count }

// Content is the SHA-256 of all that the CRL says, but for its number and its dates: two of the same content, whose
// entries came in the same order, tell verifiers the same.
func (b *CRLBuilder) Content() []byte {
	same := b.crl
	same.Number = new(big.Int)
	var front cryptobyte.Builder
	front.AddBytes(b.signer.Algorithm().SignatureAlgorithm())
	front.AddBytes(same.Issuer)
	addExtensions(&front, cbasn1.Tag(0), same.extensions())
	hash := sha256.New()
	hash.Write(front.BytesOrPanic()) // never fails
	hash.Write(b.buffer[b.start:])
	return hash.Sum(nil)
}

// Sign returns the CRL, DER. The builder is done with.
func (b *CRLBuilder) Sign(ctx context.Context) ([]byte, error) {
	entries := len(b.buffer) - b.start
	var list cryptobyte.Builder
	addExtensions(&list, cbasn1.Tag(0), b.crl.extensions())
	extensions, err := list.Bytes()
	if err != nil {
		return nil, fmt.Errorf("assembling the CRL: %w", err)
	}
	front, err := b.front()
	if err != nil {
		return nil, err
	}
	at := b.start
	put := func(octets []byte) {
		at -= len(octets)
		copy(b.buffer[at:], octets)
	}
	if entries > 0 { // an empty list is left out (5.1.2.6)
		put(header(cbasn1.SEQUENCE, entries))
	}
	put(front)
	b.buffer = append(b.buffer, extensions...)
	put(header(cbasn1.SEQUENCE, len(b.buffer)-at))
	signature, err := b.signer.Sign(ctx, b.buffer[at:])
	if err != nil {
		return nil, err
	}
	b.buffer = append(b.buffer, b.signer.Algorithm().SignatureAlgorithm()...)
	b.buffer = append(b.buffer, header(cbasn1.BIT_STRING, len(signature)+1)...)
	b.buffer = append(append(b.buffer, 0), signature...)
	put(header(cbasn1.SEQUENCE, len(b.buffer)-at))
	return b.buffer[at:], nil
}

func (c CRL) extensions() []extension.Extension {
	all := []extension.Extension{
		extension.AuthorityKeyIdentifier(c.AuthorityKeyID),
		{ID: oidCRLNumber, Value: der(func(b *cryptobyte.Builder) { b.AddASN1BigInt(c.Number) })},
	}
	if c.DeltaBase != nil {
		all = append(all, extension.Extension{ID: oidDeltaCRLIndicator, Critical: true, Value: der(func(b *cryptobyte.Builder) { b.AddASN1BigInt(c.DeltaBase) })})
	}
	if c.DistributionPoint != "" {
		all = append(all, extension.Extension{ID: oidIssuingPoint, Critical: true, Value: der(func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { extension.AddDistributionPointName(b, c.DistributionPoint) })
		})})
	}
	if c.FreshestCRL != "" {
		all = append(all, extension.FreshestCRL(c.FreshestCRL))
	}
	if !c.ExpiredCertsOnCRL.IsZero() {
		all = append(all, extension.Extension{ID: oidExpiredCertsOnCRL, Value: generalizedTime(c.ExpiredCertsOnCRL)})
	}
	return all
}

// header is the tag and the length of DER contents of n octets.
func header(tag cbasn1.Tag, n int) []byte {
	h := []byte{byte(tag)}
	if n < 0x80 {
		return append(h, byte(n))
	}
	length := big.NewInt(int64(n)).Bytes()
	return append(append(h, 0x80|byte(len(length))), length...)
}

// SignCRL builds and signs a CRL with the entries as they come; an error among them ends it.
func SignCRL(ctx context.Context, c CRL, revoked iter.Seq2[RevokedCertificate, error], s Signer) ([]byte, error) {
	b, err := NewCRL(c, s)
	if err != nil {
		return nil, err
	}
	for r, err := range revoked {
		if err != nil {
			return nil, err
		}
		if err := b.Add(r); err != nil {
			return nil, err
		}
	}
	return b.Sign(ctx)
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
	DeltaBase              *big.Int // nil: it is complete
	Entries                int
	ThisUpdate, NextUpdate time.Time
	// DistributionPoint is the address in its issuing distribution point; "": it lists all certificates of its issuer.
	DistributionPoint string
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
		number := &c.Number
		switch {
		case e.ID.Equal(oidDeltaCRLIndicator):
			number = &c.DeltaBase
		case e.ID.Equal(oidIssuingPoint):
			if c.DistributionPoint, ok = readIssuingPoint(e.Value); !ok {
				return nil, invalid.New("crl", "the scope of this CRL cannot be read: only one distribution point with a URI is supported")
			}
			continue
		case !e.ID.Equal(oidCRLNumber):
			continue
		}
		value := cryptobyte.String(e.Value)
		*number = new(big.Int)
		if !value.ReadASN1Integer(*number) {
			return nil, refuse
		}
	}
	return c, nil
}

// readIssuingPoint reads an IssuingDistributionPoint with one URI and nothing else (RFC 5280 5.2.5).
func readIssuingPoint(value cryptobyte.String) (string, bool) {
	explicit := cbasn1.Tag(0).ContextSpecific().Constructed()
	var point, name, full, uri cryptobyte.String
	ok := value.ReadASN1(&point, cbasn1.SEQUENCE) && value.Empty() && point.ReadASN1(&name, explicit) && point.Empty() &&
		name.ReadASN1(&full, explicit) && name.Empty() && full.ReadASN1(&uri, cbasn1.Tag(uriTag).ContextSpecific()) && full.Empty()
	return string(uri), ok && len(uri) > 0
}

func readTime(s *cryptobyte.String, t *time.Time) bool {
	if s.PeekASN1Tag(cbasn1.UTCTime) {
		return s.ReadASN1UTCTime(t)
	}
	return s.ReadASN1GeneralizedTime(t)
}
