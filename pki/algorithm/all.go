package algorithm

import "slices"

// All lists every algorithm that a certification authority can be made with, in the order of the guide's table; what the
// table lacks stands at the end.
func All() []*Algorithm { return slices.Clone(all) }

var (
	all      []*Algorithm
	forms    []signatureForm
	keyForms []keyForm
)

func init() {
	// The table of contents: a family is one file and one line here.
	for _, f := range []family{rsaFamily(), ecdsaFamily(), mldsaFamily(), slhdsaFamily(), sphincsFamily(), falconFamily(), compositeFamily(), ed25519Family()} {
		all = append(all, f.rows...)
		forms = append(forms, f.signatures...)
		keyForms = append(keyForms, f.keys...)
	}
}
