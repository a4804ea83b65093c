package algorithm

import (
	"encoding/asn1"
	"errors"

	"github.com/pkiaas/pkiaas/pki/algorithm/pqclean"
)

// falconFamily is Falcon as submitted to NIST's third round (compressed signatures), because its standard, FN-DSA, is
// not final. The identifiers are provisional ones of the Open Quantum Safe project.
func falconFamily() (f family) {
	f.addPQClean(
		scheme{oid: asn1.ObjectIdentifier{1, 3, 9999, 3, 11}, label: "Falcon-512", family: "Falcon", strength: 128, check: falconKey(9)},
		pqclean.Falcon512,
	)
	f.addPQClean(
		scheme{oid: asn1.ObjectIdentifier{1, 3, 9999, 3, 14}, label: "Falcon-1024", family: "Falcon", strength: 256, check: falconKey(10)},
		pqclean.Falcon1024,
	)
	return f
}

// falconKey checks a public key of degree 2^logn: a header byte and 14-bit coefficients below q = 12289, not all zero.
func falconKey(logn int) func([]byte) error {
	return func(public []byte) error {
		if len(public) != 1+14*(1<<logn)/8 || public[0] != byte(logn) {
			return errors.New("the public key does not have the form required by its algorithm")
		}
		bits, n, any := uint32(0), 0, false
		for _, b := range public[1:] {
			bits, n = bits<<8|uint32(b), n+8
			if n < 14 {
				continue
			}
			n -= 14
			coefficient := bits >> n & 0x3fff
			if coefficient >= 12289 {
				return errors.New("a coefficient of the public key is too large")
			}
			any = any || coefficient != 0
		}
		if !any {
			return errors.New("the public key is zero")
		}
		return nil
	}
}
