package algorithm

import (
	"encoding/asn1"

	"github.com/pkiaas/pkiaas/pki/algorithm/pqclean"
)

// falconFamily: Falcon as submitted to NIST's third round (compressed signatures); FN-DSA, its standard, is not final.
// The identifiers are provisional ones of the Open Quantum Safe project.
func falconFamily() (f family) {
	f.addPQClean(scheme{oid: asn1.ObjectIdentifier{1, 3, 9999, 3, 11}, label: "Falcon-512", family: "Falcon", strength: 128}, pqclean.Falcon512)
	f.addPQClean(scheme{oid: asn1.ObjectIdentifier{1, 3, 9999, 3, 14}, label: "Falcon-1024", family: "Falcon", strength: 256}, pqclean.Falcon1024)
	return f
}
