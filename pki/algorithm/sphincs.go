package algorithm

import (
	"encoding/asn1"
	"strings"

	"github.com/pkiaas/pkiaas/pki/algorithm/pqclean"
)

// sphincsFamily is SPHINCS+ as submitted to NIST's third round (3.1, simple). SLH-DSA is based on it but not
// compatible. The identifiers are provisional ones of the Open Quantum Safe project.
func sphincsFamily() (f family) {
	for _, r := range []struct {
		variant  string
		oid      []int
		scheme   *pqclean.Scheme
		strength int
	}{
		{
			"128f", []int{4, 13}, pqclean.SPHINCS128f, 128,
		}, {"128s", []int{4, 16}, pqclean.SPHINCS128s, 128}, {"192f", []int{5, 10}, pqclean.SPHINCS192f, 192},
		{
			"192s", []int{5, 12}, pqclean.SPHINCS192s, 192,
		}, {"256f", []int{6, 10}, pqclean.SPHINCS256f, 256}, {"256s", []int{6, 12}, pqclean.SPHINCS256s, 256},
	} {
		label := "SPHINCS+-SHA2-" + r.variant + "-simple"
		f.addPQClean(scheme{
			oid: append(asn1.ObjectIdentifier{1, 3, 9999, 6}, r.oid...), label: label, family: "SPHINCS+",
			ocspSigner: strings.Replace(label, "s-simple", "f-simple", 1), strength: r.strength,
		}, r.scheme)
	}
	return f
}

// addPQClean adds a PQClean scheme. The private key is the library's, followed by the public key.
func (f *family) addPQClean(s scheme, p *pqclean.Scheme) {
	s.publicSize, s.signatureSize = p.PublicKeySize, p.MaxSignatureSize
	s.generate = func() ([]byte, error) {
		public, private, err := p.GenerateKey()
		return append(private, public...), err
	}
	s.load = func(private []byte) ([]byte, func([]byte) ([]byte, error), error) {
		if len(private) != p.PrivateKeySize+p.PublicKeySize {
			return nil, nil, errWrongKey
		}
		return private[p.PrivateKeySize:], func(message []byte) ([]byte, error) { return p.Sign(private[:p.PrivateKeySize], message) }, nil
	}
	s.verify = p.Verify
	f.add(s)
}
