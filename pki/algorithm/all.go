package algorithm

// All lists every algorithm that a certification authority can be made with, in the order of the guide's table.
func All() []*Algorithm { return all }

var (
	all   []*Algorithm
	forms []signatureForm
)

func init() {
	// The table of contents: a family is one file and one line here.
	for _, family := range []func() ([]*Algorithm, []signatureForm){rsaFamily, ecdsaFamily, ed25519Family, mldsaFamily} {
		rows, signatures := family()
		all = append(all, rows...)
		forms = append(forms, signatures...)
	}
}
