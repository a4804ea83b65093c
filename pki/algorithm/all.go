package algorithm

import "slices"

// All lists the algorithms available for certification authorities, in the order of Entrust's PKIaaS guide, followed by
// additions of this product.
func All() []*Algorithm { return slices.Clone(all) }

var (
	all      []*Algorithm
	forms    []signatureForm
	keyForms []keyForm
)

func init() {
	// Each family is one file and one entry here.
	for _, f := range []family{
		rsaFamily(), ecdsaFamily(), mldsaFamily(), slhdsaFamily(), sphincsFamily(), falconFamily(), compositeFamily(), ed25519Family(),
	} {
		all = append(all, f.rows...)
		forms = append(forms, f.signatures...)
		keyForms = append(keyForms, f.keys...)
	}
}
