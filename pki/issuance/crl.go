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

// CRL is the content of a CRL (RFC 5280 5.1), except for its entries.
type CRL struct {
	Issuer         []byte // DER Name
	AuthorityKeyID []byte
	Number         *big.Int
	ThisUpdate     time.Time
	NextUpdate     time.Time
	// Certificates stay listed after expiry from this time on (X.509 clause 9.5, expiredCertsOnCRL); zero: omitted.
	ExpiredCertsOnCRL time.Time
	// Number of the complete CRL on which a delta CRL is based (5.2.4); nil: this is a complete CRL.
	DeltaBase *big.Int
	// Only certificates whose CRL distribution point has this address are listed (5.2.5); "": all certificates of the
	// issuer.
	DistributionPoint string
	// Where the delta CRLs of this CRL are (5.2.6); "": there are none.
	FreshestCRL string
	// Expected size of the entries in bytes, to allocate the buffer once.
	SizeHint int
}

// headers is the maximum size of tag and length of a list below 4 GiB, in bytes.
const headers = 6

// CRLBuilder takes the entries of a CRL one by one and signs it. It holds the list in memory only once: it reserves
// space before the entries, and fills it when their length is known.
type CRLBuilder struct {
	crl    CRL
	signer Signer
	newest time.Time // latest date of an entry
	buffer []byte
	start  int // of the entries in buffer
	count  int
}

// NewCRL starts a CRL.
func NewCRL(c CRL, s Signer) (*CRLBuilder, error) {
	number := func(n *big.Int) bool { return n.Sign() >= 0 && n.BitLen() <= 159 }
	switch {
	case len(c.Issuer) <= 2 || !isSequence(c.Issuer) || c.Number == nil || !number(c.Number) || !c.NextUpdate.After(c.ThisUpdate):
		return nil, errors.New("a CRL needs an issuer, a number of at most 20 bytes, and nextUpdate after thisUpdate")
	case c.DeltaBase != nil && (!number(c.DeltaBase) || c.DeltaBase.Cmp(c.Number) > 0 || c.FreshestCRL != ""):
		// 5.2.4, 5.2.6
		return nil, errors.New("a delta CRL needs the number of an earlier CRL as its base, and cannot have a delta CRL itself")
	}
	b := &CRLBuilder{crl: c, signer: s}
	front, err := b.front()
	if err != nil {
		return nil, err
	}
	b.start = len(front) + 3*headers + 4 // a date after 2049 is two bytes longer
	// Reserve space after the entries for extensions and the signature.
	b.buffer = make([]byte, b.start, b.start+c.SizeHint+2048+s.Algorithm().SignatureSize)
	return b, nil
}

// front returns what precedes the entries: version to nextUpdate.
func (b *CRLBuilder) front() ([]byte, error) {
	var front cryptobyte.Builder
	front.AddASN1Int64(1)
	front.AddBytes(b.signer.Algorithm().SignatureAlgorithm())
	front.AddBytes(b.crl.Issuer)
	addTime(&front, b.crl.ThisUpdate)
	addTime(&front, b.crl.NextUpdate)
	fixed, err := front.Bytes()
	if err != nil {
		return nil, fmt.Errorf("cannot assemble the CRL: %w", err)
	}
	return fixed, nil
}

// Newest returns the latest date of an entry, or zero.
func (b *CRLBuilder) Newest() time.Time { return b.newest }

// SetDates replaces thisUpdate and nextUpdate after the entries were added.
func (b *CRLBuilder) SetDates(thisUpdate, nextUpdate time.Time) error {
	if !nextUpdate.After(thisUpdate) || thisUpdate.Before(b.newest) {
		return errors.New("nextUpdate of a CRL must be after thisUpdate, and no entry may be after thisUpdate")
	}
	b.crl.ThisUpdate, b.crl.NextUpdate = thisUpdate, nextUpdate
	return nil
}

// Add adds an entry.
func (b *CRLBuilder) Add(r RevokedCertificate) (err error) {
	if b.buffer, err = r.append(b.buffer, b.crl.DeltaBase != nil); err == nil {
		b.count++
		if r.RevokedAt.After(b.newest) {
			b.newest = r.RevokedAt
		}
	}
	return err
}

// Entries returns the number of entries added.
func (b *CRLBuilder) Entries() int { return b.count }

// Content returns the SHA-256 of the CRL's content except for its number and dates. CRLs with the same content, with
// entries in the same order, mean the same to verifiers.
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

// Sign returns the CRL, DER. The builder cannot be used afterwards.
func (b *CRLBuilder) Sign(ctx context.Context) ([]byte, error) {
	entries := len(b.buffer) - b.start
	var list cryptobyte.Builder
	addExtensions(&list, cbasn1.Tag(0), b.crl.extensions())
	extensions, err := list.Bytes()
	if err != nil {
		return nil, fmt.Errorf("cannot assemble the CRL: %w", err)
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
	if entries > 0 { // an empty list is omitted (5.1.2.6)
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
		all = append(
			all,
			extension.Extension{
				ID: oidDeltaCRLIndicator, Critical: true, Value: der(func(b *cryptobyte.Builder) { b.AddASN1BigInt(c.DeltaBase) }),
			},
		)
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

// header returns the DER tag and length for contents of n bytes.
func header(tag cbasn1.Tag, n int) []byte {
	h := []byte{byte(tag)}
	if n < 0x80 {
		return append(h, byte(n))
	}
	length := big.NewInt(int64(n)).Bytes()
	return append(append(h, 0x80|byte(len(length))), length...)
}

// SignCRL builds and signs a CRL with the given entries. It stops at the first error among them.
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
	return b.BytesOrPanic() // contents are fixed
}

// CheckedCRL is what CheckCRL read from a CRL.
type CheckedCRL struct {
	Number                 *big.Int // nil if the CRL has none
	DeltaBase              *big.Int // nil if the CRL is complete
	Entries                int
	ThisUpdate, NextUpdate time.Time
	// DistributionPoint is the address in the issuing distribution point; "" if the CRL lists all certificates of its
	// issuer.
	DistributionPoint string
}

// CheckCRL verifies the signature of a CRL (DER) and reads its header.
func CheckCRL(crl, issuerSPKI []byte) (*CheckedCRL, error) {
	refuse := invalid.New("crl", "This is not a CRL.")
	input := cryptobyte.String(crl)
	var outer, rawTBS, rawAlgorithm, signature, tbs, innerAlgorithm cryptobyte.String
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !input.Empty() || !outer.ReadASN1Element(&rawTBS, cbasn1.SEQUENCE) ||
		!outer.ReadASN1Element(&rawAlgorithm, cbasn1.SEQUENCE) || !outer.ReadASN1(&signature, cbasn1.BIT_STRING) || !outer.Empty() ||
		len(signature) < 1 || signature[0] != 0 {
		return nil, refuse
	}
	if err := algorithm.VerifySignature(rawAlgorithm, issuerSPKI, rawTBS, signature[1:]); err != nil {
		return nil, invalid.New("crl", "The signature of the CRL does not verify: %s", invalid.Reason(err))
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
	if !tbs.ReadASN1(
		&wrapped, cbasn1.Tag(0).ContextSpecific().Constructed(),
	) || !wrapped.ReadASN1(&list, cbasn1.SEQUENCE) || !wrapped.Empty() || !tbs.Empty() {
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
				return nil, invalid.New("crl", "The scope of this CRL cannot be read. Only one distribution point with a URI is supported.")
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
