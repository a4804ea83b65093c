package status

import (
	"crypto/sha1"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/pki/ocsp"
)

// asking is a request about certificates of an issuer, padded.
func asking(t *testing.T, padding int, serials ...int64) *ocsp.Request {
	t.Helper()
	b := cryptobyte.NewBuilder(nil)
	sequence := func(b *cryptobyte.Builder, f func(*cryptobyte.Builder)) { b.AddASN1(cbasn1.SEQUENCE, f) }
	sequence(b, func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			sequence(b, func(b *cryptobyte.Builder) {
				for _, serial := range serials {
					sequence(b, func(b *cryptobyte.Builder) {
						sequence(b, func(b *cryptobyte.Builder) {
							sequence(b, func(b *cryptobyte.Builder) { b.AddBytes([]byte{6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0}) })
							sum := sha1.Sum(nil)
							b.AddASN1OctetString(sum[:])
							b.AddASN1OctetString(sum[:])
							b.AddASN1BigInt(big.NewInt(serial))
						})
					})
				}
			})
			b.AddASN1(cbasn1.Tag(2).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				sequence(b, func(b *cryptobyte.Builder) {
					sequence(b, func(b *cryptobyte.Builder) {
						b.AddBytes([]byte{6, 3, 0x2a, 3, 4})
						b.AddASN1OctetString(make([]byte, padding))
					})
				})
			})
		})
	})
	request, err := ocsp.ParseRequest(b.BytesOrPanic())
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// TestAnswersOfAllCAsAreBounded: however many certificates are asked about, and however they are combined, the answers
// take a bounded memory over all CAs, and an answer that a change has overtaken is not kept.
func TestAnswersOfAllCAsAreBounded(t *testing.T) {
	s := &Service{Now: time.Now}
	s.responders.init()
	responderOf := func() *responder {
		return &responder{ca: &ca.CertificationAuthority{StatusVersion: 1}, line: s.responders.newLine(1)}
	}
	one, two := responderOf(), responderOf()
	der := make([]byte, 4000)
	for n := range int64(30_000) {
		for _, r := range []*responder{one, two} {
			request := asking(t, 100, n)
			s.keep(r, r.line.key(request.CertIDs), request.CertIDs, &Answer{DER: der, NextUpdate: time.Now().Add(time.Hour)})
		}
	}
	for n := range int64(3000) {
		request := asking(t, 100, n, n+1, n+2)
		s.keep(one, one.line.key(request.CertIDs), request.CertIDs, &Answer{DER: der, NextUpdate: time.Now().Add(time.Hour)})
	}
	s.responders.answers.CleanUp()
	s.responders.combined.CleanUp()
	if n := s.responders.answers.WeightedSize(); n > answerBytes || n < answerBytes/2 {
		t.Errorf("%d bytes of answers, %d are meant", n, answerBytes)
	}
	if n := s.responders.combined.WeightedSize(); n > combinedBytes || n < combinedBytes/2 {
		t.Errorf("%d bytes of answers about several certificates, %d are meant", n, combinedBytes)
	}
	// The same question, whatever else the request holds; another one of another CA.
	plain, long := asking(t, 0, 77), asking(t, 10_000, 77)
	if one.line.key(plain.CertIDs) != one.line.key(long.CertIDs) || one.line.key(plain.CertIDs) == two.line.key(plain.CertIDs) {
		t.Error("the key is not what is asked")
	}
	one.line.version = 2
	s.responders.answers.InvalidateAll()
	s.keep(one, one.line.key(plain.CertIDs), plain.CertIDs, &Answer{DER: der})
	if s.responders.answers.EstimatedSize() != 0 {
		t.Error("an answer of an earlier status version was kept")
	}
}
